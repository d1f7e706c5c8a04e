import { UsageError } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import { nearest } from "../model/suggest.ts";
import { type Arguments, HELP } from "./argument.ts";
import { looksLikeFlag, readFlag } from "./read-flag.ts";

/** The flags that stand before the command. */
export const rootArguments: Arguments = {
  "config-env-file": {
    type: "string",
    alias: "c",
    valueHint: "FILE",
    completes: "file",
    description: "Read variables from FILE, in .env form; they win over the environment",
  },
  help: { ...HELP, description: "Show this help, or that of a command when it stands after one" },
  version: { type: "boolean", description: "Show how this nymvisor was built (-V: its version only)" },
};

/** Citty's declarations know one word a flag, and the short form of this one says less than the long one. */
export const SHORT_VERSION = "-V";

/** What Nym's tools say to every Nym binary before `build-info` nymvisor has no banner to leave out. */
const NO_BANNER = "--no-banner";

/** What a person wants, as far as it can be told before the command is looked at. */
export type RootReading =
  | { kind: "nothing" }
  | { kind: "help" }
  | { kind: "version"; long: boolean }
  | { kind: "command"; name: string; words: readonly string[]; envFile: string | undefined };

/** @throws {UsageError} for anything before the command that is not one of nymvisor's own flags. */
export function readRoot(words: readonly string[]): RootReading {
  const stranger = "only -c, -h, -V and --version stand before the command; its own flags stand after it";
  const declared = { path: "nymvisor", args: rootArguments, stranger };
  let envFile: string | undefined;
  let index = 0;
  for (let word = words[index]; word !== undefined; word = words[index]) {
    if (word === NO_BANNER) {
      index += 1;
      continue;
    }
    if (word === SHORT_VERSION) return { kind: "version", long: false };
    if (!looksLikeFlag(word)) return { kind: "command", name: word, words: words.slice(index + 1), envFile };
    if (word === "--") throw usage("-- has no meaning before the command");
    const { name, value, words: taken } = readFlag(word, words[index + 1], declared);
    if (name === "help") return { kind: "help" };
    if (name === "version") return { kind: "version", long: true };
    if (envFile !== undefined) throw usage("--config-env-file is given more than once");
    envFile = String(value);
    index += taken;
  }
  if (index > 0) throw usage("no command is given");
  return { kind: "nothing" };
}

function usage(what: string): UsageError {
  return new UsageError({ what, next: "nymvisor --help" });
}

/** The error for a flag of nymvisor's own that stands after a command, or undefined if `word` is none. */
export function misplacedRootFlag(word: string, command: string): UsageError | undefined {
  const shown = /^-[cV]/.test(word) ? word.slice(0, 2) : word.replace(/=.*/s, "");
  const what = `${printable(shown)} does not belong after ${command}`;
  if (shown === "-c" || shown === "--config-env-file") {
    return new UsageError({ what, why: "it stands before the command", next: `nymvisor ${shown} <FILE> ${command} …` });
  }
  if (shown === SHORT_VERSION || shown === "--version") {
    return new UsageError({ what, why: "it stands alone", next: `nymvisor ${shown}` });
  }
  return undefined;
}

/** The error for a command that does not exist. */
export function unknownCommand(word: string, names: readonly string[]): UsageError {
  const near = nearest(word, names);
  return new UsageError({
    what: word === "" ? "the command is empty" : `nymvisor has no command "${printable(word)}"`,
    why: near === undefined ? `its commands are ${names.join(", ")}` : `did you mean ${near}?`,
    next: near === undefined ? "nymvisor --help" : `nymvisor ${near} --help`,
  });
}
