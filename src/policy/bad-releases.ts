import type { Duration } from "../model/duration.ts";
import { formatInstant, type Instant } from "../model/instant.ts";
import { printable } from "../model/names.ts";
import type { Outcome } from "../model/outcomes.ts";
import { typed } from "../model/render-wishes.ts";

/** What outcomes say against a build: for its bytes wherever they come from, and for a home that has gone back from it. */

/** The release itself has failed; a person who went back from it, or wants it tried again, says nothing against it. */
function isBad({ state, byHand, forgiven }: Outcome): boolean {
  return (state === "rolled-back" || state === "failed") && !byHand && !forgiven;
}

/**
 * The binaries that must not be tried again by themselves, by sha256 in lower-case hex, whatever they are called: each
 * with the reason, as one line for a person without a full stop. Of several failures of the same bytes the last one is told.
 */
export function badBytes(outcomes: readonly Outcome[]): ReadonlyMap<string, string> {
  return new Map(
    outcomes.flatMap((outcome): [string, string][] =>
      isBad(outcome) && outcome.sha256 !== null ? [[outcome.sha256.toLowerCase(), describeBad(outcome)]] : [],
    ),
  );
}

/** Why one of these checksums of an entry is of bytes that are bad, or null. Sha512 checksums match nothing. */
export function objectionToBytes(outcomes: readonly Outcome[], checksums: readonly string[]): string | null {
  const bad = badBytes(outcomes);
  for (const checksum of checksums) {
    const reason = bad.get(checksum.toLowerCase());
    if (reason !== undefined) return reason;
  }
  return null;
}

function describeBad(outcome: Outcome): string {
  const { state, name, why } = outcome;
  const what = state === "failed" ? "these bytes failed" : "these bytes failed, and the node was put back";
  const reason = why === null ? "" : `: ${printable(why, 200)}`;
  return `${what} at ${momentOf(outcome)}${reason} (to try them again: nymvisor upgrade ${typed(name)} --retry)`;
}

function momentOf({ decidedAt, performedAt }: Outcome): string {
  const moment = decidedAt ?? performedAt;
  return formatInstant(moment - (moment % 1_000_000_000n));
}

/** The outcomes with those of a binary forgiven: it may be tried again. The same where nothing speaks against it. */
export function forgive(outcomes: readonly Outcome[], sha256: string): readonly Outcome[] {
  const isOf = (outcome: Outcome) => isBad(outcome) && outcome.sha256?.toLowerCase() === sha256.toLowerCase();
  if (!outcomes.some(isOf)) return outcomes;
  return outcomes.map((outcome) => (isOf(outcome) ? { ...outcome, forgiven: true } : outcome));
}

/** How many releases in a row, up to the last one with a verdict, were put back by themselves. */
export function rolledBackInARow(outcomes: readonly Outcome[]): number {
  let count = 0;
  for (const { kind, state, byHand } of outcomes) {
    // That an old version is well after a way back says nothing about the releases.
    if (state === "passed" && kind !== "rollback") count = 0;
    else if (state === "rolled-back" && !byHand) count += 1;
  }
  return count;
}

/**
 * Why a home is not to follow other nodes to a build: it has gone back from it, by itself or because a person wanted it,
 * and nobody has forgiven it since. Null: it may.
 */
export function wentBackFrom(outcomes: readonly Outcome[], home: string, name: string): string | null {
  const last = outcomes.findLast((outcome) => outcome.home === home && outcome.name === name);
  if (last === undefined || last.state !== "rolled-back" || last.forgiven) return null;
  const why = last.why === null || last.byHand ? "" : `: ${printable(last.why, 200)}`;
  const how = last.byHand ? "a person put this node back from it" : "this node was put back from it";
  return `${how} at ${momentOf(last)}${why} (to try it again: nymvisor upgrade ${typed(name)} --retry)`;
}

/** How long a node's probation keeps others waiting: one that was given up would keep them for ever. */
const LONGEST_TRIAL: Duration = 86_400_000_000_000n;

/** The home of another node on which a build proves itself at this moment, or null. */
export function trialElsewhere(outcomes: readonly Outcome[], home: string, name: string, now: Instant): string | null {
  const trial = outcomes.find((outcome) => {
    const age = now - outcome.performedAt;
    const isRecent = -LONGEST_TRIAL < age && age < LONGEST_TRIAL;
    return outcome.state === "on-probation" && outcome.name === name && outcome.home !== home && isRecent;
  });
  return trial?.home ?? null;
}

/** Whether no home but this one has passed on the build, so that `current` may be taken back from it. */
export function nobodyPassed(outcomes: readonly Outcome[], name: string, exceptHome: string): boolean {
  return !outcomes.some(
    (outcome) => outcome.state === "passed" && outcome.name === name && outcome.home !== exceptHome,
  );
}
