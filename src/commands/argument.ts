import type { ArgDef } from "citty";

/** An argument as citty declares it, and what the strict reader, the help and the completions need besides. */
export type Argument = ArgDef & {
  /** The variable that says the same. */
  env?: string;
  /** What holds when the flag is not given, as the help shows it. */
  otherwise?: string;
  /** The heading that the help puts the flag under. */
  group?: string;
  /** Flags that may not be given together with this one. */
  excludes?: readonly string[];
  /** The words that a positional can be, as citty's `options` are those of a flag. */
  oneOf?: readonly string[];
  /** What a shell completes the value with, where it may be something else too. */
  completes?: "file" | "folder" | readonly string[];
  /** Judges the text. @throws {RangeError} that says what is wrong with it. */
  check?: (text: string) => unknown;
};

/** By name: a flag's without dashes. */
export type Arguments = Record<string, Argument>;

/** Every command has it. */
export const HELP: Argument = { type: "boolean", alias: "h", description: "Show this help" };

/** The flags, in the order of their declaration. */
export function flagsOf(args: Arguments): [name: string, flag: Argument][] {
  return Object.entries(args).filter(([, argument]) => argument.type !== "positional");
}

/** The positionals, in the order that they are typed in. */
export function positionalsOf(args: Arguments): [name: string, positional: Argument][] {
  return Object.entries(args).filter(([, argument]) => argument.type === "positional");
}

/** `-o`, or undefined for a flag without a short form. */
export function shortForm(flag: Argument): string | undefined {
  return "alias" in flag && typeof flag.alias === "string" ? `-${flag.alias}` : undefined;
}

/** The only words that the value can be, or undefined if it is free. */
export function choicesOf(argument: Argument): readonly string[] | undefined {
  return argument.type === "enum" ? argument.options : argument.oneOf;
}

/** ` <DURATION>`, with the space; nothing for a flag that takes no value. */
export function valueHint(flag: Argument): string {
  if (flag.type === "boolean") return "";
  return ` <${choicesOf(flag)?.join("|") ?? flag.valueHint ?? "VALUE"}>`;
}

/** `<DAEMON_BINARY>` for the positional `daemon-binary`. */
export function placeholder(name: string): string {
  return `<${name.toUpperCase().replaceAll("-", "_")}>`;
}
