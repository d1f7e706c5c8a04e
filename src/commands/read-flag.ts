import { UsageError } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import { nearest } from "../model/suggest.ts";
import { type Argument, type Arguments, flagsOf, shortForm, valueHint } from "./argument.ts";

/** What flags are judged against: those of a command, or those before one. */
export interface Declared {
  /** What is typed to get there, for messages: `nymvisor init`. */
  path: string;
  args: Arguments;
  /** What to say of a flag that is like none of them. */
  stranger?: string;
}

export interface FlagReading {
  name: string;
  /** True for a flag that takes no value. */
  value: string | true;
  /** How many words the flag and its value took. */
  words: 1 | 2;
}

/** Whether a word is a flag where flags may stand; a lone `-` is a value, by custom. */
export function looksLikeFlag(word: string): boolean {
  return word.startsWith("-") && word !== "-";
}

/**
 * Reads `--flag value`, `--flag=value`, `-f value`, `-fvalue`, or `--flag` alone where it takes no value. A value that
 * begins with a dash must be attached, or a forgotten value would swallow the next flag.
 * @throws {UsageError} for an unknown flag, a missing or empty value, or a value for a flag that takes none.
 */
export function readFlag(word: string, following: string | undefined, declared: Declared): FlagReading {
  const { name, flag, shown, attached } = split(word, declared);
  const next = `${declared.path} ${shown}${valueHint(flag)}`;
  if (flag.type === "boolean") {
    if (attached === undefined) return { name, value: true, words: 1 };
    throw new UsageError({ what: `${shown} takes no value`, why: `it was given "${printable(attached)}"`, next });
  }
  const value = attached ?? following;
  const what = `${shown} needs a value`;
  if (value === undefined) throw new UsageError({ what, next });
  if (value === "") throw new UsageError({ what, why: "the one that it was given is empty", next });
  if (attached !== undefined) return { name, value, words: 1 };
  if (looksLikeFlag(value)) {
    throw new UsageError({
      what,
      why: `the word after it, ${printable(value)}, begins with a dash; if that is its value, attach it with =`,
      next: `${declared.path} ${shown}=${printable(value)}`,
    });
  }
  return { name, value, words: 2 };
}

interface Split {
  name: string;
  flag: Argument;
  /** As it was written, without a value. */
  shown: string;
  attached: string | undefined;
}

function split(word: string, declared: Declared): Split {
  return (word.startsWith("--") ? splitLong(word, declared) : splitShort(word, declared)) ?? refuse(word, declared);
}

function splitLong(word: string, { args }: Declared): Split | undefined {
  const equals = word.indexOf("=");
  const shown = equals === -1 ? word : word.slice(0, equals);
  const found = flagsOf(args).find(([name]) => `--${name}` === shown);
  if (found === undefined) return undefined;
  const [name, flag] = found;
  return { name, flag, shown, attached: equals === -1 ? undefined : word.slice(equals + 1) };
}

/** Undefined also for `-ho`, as flags are not bundled, and for `-output`, which is a long flag that lacks a dash. */
function splitShort(word: string, { args }: Declared): Split | undefined {
  const shown = word.slice(0, 2);
  const found = flagsOf(args).find(([, flag]) => shortForm(flag) === shown);
  if (found === undefined || flagsOf(args).some(([name]) => word === `-${name}`)) return undefined;
  const [name, flag] = found;
  if (word.length === 2) return { name, flag, shown, attached: undefined };
  if (flag.type === "boolean" && word[2] !== "=") return undefined;
  return { name, flag, shown, attached: word.slice(2).replace(/^=/, "") };
}

function refuse(word: string, { path, args, stranger }: Declared): never {
  const shown = word.startsWith("--") ? word.replace(/=.*/s, "") : word;
  const near = nearest(
    shown,
    flagsOf(args).map(([name]) => `--${name}`),
  );
  throw new UsageError({
    what: `${path} has no flag ${printable(shown)}`,
    why: near === undefined ? stranger : `did you mean ${near}?`,
    next: `${path} --help`,
  });
}
