import { UsageError } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import { nearest } from "../model/suggest.ts";
import { type Argument, type Arguments, choicesOf, flagsOf, placeholder, positionalsOf } from "./argument.ts";

/** What was typed after a command's name, each word known to belong there. */
export interface Given {
  /** By name without dashes; true for a flag that takes no value. */
  flags: ReadonlyMap<string, string | true>;
  positionals: readonly string[];
}

interface Problem {
  what: string;
  why?: string;
}

/**
 * Judges the arguments as a whole: is one missing, do two of them contradict each other, is each value of its kind?
 * @throws {UsageError}
 */
export function checkArguments(given: Given, { name, args }: { name: string; args: Arguments }): void {
  const path = `nymvisor ${name}`;
  const problem = missing(given, args, path) ?? contradiction(given, args) ?? wrongValues(given, args);
  if (problem !== undefined) throw new UsageError({ ...problem, next: `${path} --help` });
}

function missing({ flags, positionals }: Given, args: Arguments, path: string): Problem | undefined {
  const words = positionalsOf(args)
    .slice(positionals.length)
    .flatMap(([name, { required }]) => (required ? [placeholder(name)] : []));
  const options = flagsOf(args).flatMap(([name, { required }]) => (required && !flags.has(name) ? [`--${name}`] : []));
  const all = [...words, ...options];
  return all.length === 0 ? undefined : { what: `${path} needs ${all.join(" and ")}` };
}

function contradiction({ flags }: Given, args: Arguments): Problem | undefined {
  for (const [name, { excludes = [] }] of flagsOf(args)) {
    const other = flags.has(name) ? excludes.find((excluded) => flags.has(excluded)) : undefined;
    if (other !== undefined) return { what: `--${name} and --${other} cannot be given together` };
  }
  return undefined;
}

/** All of them in one go, so that a person need not mend them one by one. */
function wrongValues({ flags, positionals }: Given, args: Arguments): Problem | undefined {
  const values = [
    ...positionalsOf(args).map(([name, argument], place) => ({
      shown: placeholder(name),
      text: positionals[place],
      argument,
    })),
    ...flagsOf(args).map(([name, argument]) => ({ shown: `--${name}`, text: flags.get(name), argument })),
  ];
  const wrong = values.flatMap(({ shown, text, argument }) => {
    const objection = typeof text === "string" ? objectionTo(text, argument) : undefined;
    return objection === undefined ? [] : [{ shown, objection }];
  });
  const [first, ...more] = wrong;
  if (first === undefined) return undefined;
  if (more.length === 0) return { what: `the value of ${first.shown} cannot be used`, why: first.objection };
  const why = wrong.map(({ shown, objection }) => `${shown}: ${objection}`).join("\n");
  return { what: `${wrong.length} values cannot be used`, why };
}

function objectionTo(text: string, argument: Argument): string | undefined {
  const choices = choicesOf(argument);
  if (choices !== undefined && !choices.includes(text)) {
    const near = nearest(text, choices);
    const question = near === undefined ? "" : `; did you mean ${near}?`;
    return `"${printable(text)}" is not one of ${choices.join(", ")}${question}`;
  }
  try {
    argument.check?.(text);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}
