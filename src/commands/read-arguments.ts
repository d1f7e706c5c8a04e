import { UsageError } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import { HELP, placeholder, positionalsOf } from "./argument.ts";
import { checkArguments, type Given } from "./check-arguments.ts";
import type { Command } from "./command.ts";
import { looksLikeFlag, readFlag } from "./read-flag.ts";
import { misplacedRootFlag } from "./read-root.ts";

/** Either a person wants to read about the command, or the words are in order. */
export type Reading = { kind: "help" } | { kind: "words"; words: readonly string[] };

type Declared = Pick<Command, "name" | "args" | "transparent">;

/**
 * The strict reading of what stands after a command's name. citty passes over unknown flags, takes the last of a
 * repeated one, and lets `--flag false` be true; so every word is judged here first, and citty gets them in the one form
 * that it cannot misread: `--flag=value …`, then `--`, then the positionals.
 * @throws {UsageError} that names the word, says what is wrong with it, and suggests the nearest valid one.
 */
export function readArguments(words: readonly string[], command: Declared): Reading {
  if (command.transparent) return readTransparent(words);
  const given = scan(words, command);
  if (given === "help") return { kind: "help" };
  checkArguments(given, command);
  const flags = [...given.flags].map(([name, value]) => (value === true ? `--${name}` : `--${name}=${value}`));
  return { kind: "words", words: [...flags, "--", ...given.positionals] };
}

/** `--help` is nymvisor's only as the first word, and a leading `--` says that not even that is. */
function readTransparent(words: readonly string[]): Reading {
  const [first] = words;
  if (first === "--help" || first === "-h") return { kind: "help" };
  return { kind: "words", words: first === "--" ? words.slice(1) : words };
}

function scan(words: readonly string[], command: Declared): Given | "help" {
  const declared = { path: `nymvisor ${command.name}`, args: { ...command.args, help: HELP } };
  const given = { flags: new Map<string, string | true>(), positionals: [] as string[] };
  let index = 0;
  for (let word = words[index]; word !== undefined && word !== "--"; word = words[index]) {
    if (!looksLikeFlag(word)) {
      given.positionals.push(positional(word, given, command));
      index++;
      continue;
    }
    const misplaced = misplacedRootFlag(word, command.name);
    if (misplaced !== undefined) throw misplaced;
    const { name, value, words: taken } = readFlag(word, words[index + 1], declared);
    if (name === "help") return "help";
    if (given.flags.has(name)) {
      throw new UsageError({ what: `--${name} is given more than once`, next: `nymvisor ${command.name} --help` });
    }
    given.flags.set(name, value);
    index += taken;
  }
  for (const word of words.slice(index + 1)) given.positionals.push(positional(word, given, command));
  return given;
}

/** The word, if there is a place for it. */
function positional(word: string, { positionals }: Given, { name, args }: Declared): string {
  const places = positionalsOf(args).map(([place]) => placeholder(place));
  const next = `nymvisor ${name} --help`;
  const place = places[positionals.length];
  if (place === undefined) {
    const all = places.length === 0 ? "flags" : places.join(" ");
    throw new UsageError({
      what: `there is no use for the word "${printable(word)}"`,
      why: `nymvisor ${name} takes ${all} only`,
      next,
    });
  }
  if (word === "") throw new UsageError({ what: `${place} is empty`, next });
  return word;
}
