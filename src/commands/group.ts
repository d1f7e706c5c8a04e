import { UsageError } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import { nearest } from "../model/suggest.ts";
import { type Arguments, flagsOf, positionalsOf } from "./argument.ts";
import type { Command } from "./command.ts";
import { looksLikeFlag } from "./read-flag.ts";

/** The command of a group without the group's own name: `list` of `backup list`. */
function memberName({ name }: Pick<Command, "name">): string {
  return name.slice(name.indexOf(" ") + 1);
}

/** Commands that share a first word. The help of the word lists them; what they take is theirs alone. */
export function declareGroup(
  group: Pick<Command, "name" | "summary" | "manual"> & { members: readonly Command[] },
): Command {
  const { name, members } = group;
  return {
    ...group,
    args: argumentsOfAll(members),
    transparent: false,
    manual: {
      ...group.manual,
      usage: `nymvisor ${name} <${members.map(memberName).join("|")}> [OPTIONS]`,
    },
    execute: () => Promise.reject(needsMember(name, members)),
  };
}

/** What any of them takes: all that completing a line can go by. */
function argumentsOfAll(members: readonly Command[]): Arguments {
  const flags = Object.fromEntries(members.flatMap(({ args }) => flagsOf(args)));
  const places = members.flatMap(({ args }) => positionalsOf(args));
  return {
    command: {
      type: "positional",
      required: true,
      description: "What to do",
      oneOf: members.map(memberName),
    },
    ...Object.fromEntries(places.map(([name, place]) => [name, { ...place, required: false }])),
    ...flags,
  };
}

/**
 * The command that words mean: of a group, the one that the first word names.
 * @throws {UsageError} if it names none.
 */
export function intoGroup(command: Command, words: readonly string[]): { command: Command; words: readonly string[] } {
  const { name, members } = command;
  const [first, ...rest] = words;
  if (members === undefined || first === "--help" || first === "-h") return { command, words };
  if (first === undefined || looksLikeFlag(first)) throw needsMember(name, members);
  const member = memberOf(command, first);
  if (member !== undefined) return { command: member, words: rest };
  const near = nearest(first, members.map(memberName));
  throw new UsageError({
    what: `nymvisor ${name} has no command "${printable(first)}"`,
    why: near === undefined ? `its commands are ${members.map(memberName).join(", ")}` : `did you mean ${near}?`,
    next: near === undefined ? `nymvisor ${name} --help` : `nymvisor ${name} ${near} --help`,
  });
}

function memberOf({ members = [] }: Command, word: string): Command | undefined {
  return members.find((member) => memberName(member) === word);
}

function needsMember(name: string, members: readonly Command[]): UsageError {
  return new UsageError({
    what: `nymvisor ${name} needs one of ${members.map(memberName).join(", ")}`,
    next: `nymvisor ${name} --help`,
  });
}
