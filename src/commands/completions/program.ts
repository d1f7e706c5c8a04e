import { type Argument, type Arguments, choicesOf, flagsOf, HELP, positionalsOf, shortForm } from "../argument.ts";
import type { Command } from "../command.ts";
import { rootArguments, SHORT_VERSION } from "../read-root.ts";

/** What a shell needs to know to complete a command line of nymvisor. */
export interface Program {
  flags: readonly CompletableFlag[];
  commands: readonly CompletableCommand[];
}

export interface CompletableCommand {
  name: string;
  summary: string;
  flags: readonly CompletableFlag[];
  positionals: readonly Completion[];
  /** What follows is another program's command line. */
  transparent: boolean;
}

export interface CompletableFlag {
  /** All spellings, dashes included, the long one first. */
  spellings: readonly string[];
  description: string;
  /** Null: it takes no value. */
  value: Completion | null;
}

/** What to complete a value with; `free` is what no shell can guess. */
export type Completion = "file" | "folder" | "free" | readonly string[];

export function completableProgram(commands: readonly Command[]): Program {
  const version = { spellings: [SHORT_VERSION], description: "Show the version of nymvisor", value: null };
  return { flags: [...completableFlags(rootArguments), version], commands: commands.map(completableCommand) };
}

function completableCommand({ name, summary, args, transparent }: Command): CompletableCommand {
  const flags = completableFlags({ ...args, help: HELP });
  const positionals = positionalsOf(args).map(([, positional]) => completionOf(positional));
  return { name, summary, flags, positionals, transparent };
}

function completableFlags(args: Arguments): CompletableFlag[] {
  return flagsOf(args).map(([name, flag]) => ({
    spellings: [`--${name}`, shortForm(flag)].filter((spelling) => spelling !== undefined),
    description: flag.description ?? "",
    value: flag.type === "boolean" ? null : completionOf(flag),
  }));
}

function completionOf(argument: Argument): Completion {
  return choicesOf(argument) ?? argument.completes ?? "free";
}
