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

/** The last failure of bytes with one of these checksums, or undefined. Those of sha512 match nothing. */
export function failureOfBytes(outcomes: readonly Outcome[], checksums: readonly string[]): Outcome | undefined {
  const wanted = new Set(checksums.map((checksum) => checksum.toLowerCase()));
  return outcomes.findLast(
    (outcome) => isBad(outcome) && outcome.sha256 !== null && wanted.has(outcome.sha256.toLowerCase()),
  );
}

/** Why an entry with these checksums must not be performed, or null. */
export function objectionToBytes(outcomes: readonly Outcome[], checksums: readonly string[]): string | null {
  const failure = failureOfBytes(outcomes, checksums);
  return failure === undefined ? null : describeBad(failure);
}

/** What has happened, as one line for a person without a full stop. */
export function describeFailure(outcome: Outcome): string {
  const what = outcome.state === "failed" ? "these bytes failed" : "these bytes failed, and the node was put back";
  const reason = outcome.why === null ? "" : `: ${printable(outcome.why, 200)}`;
  return `${what} at ${momentOf(outcome)}${reason}`;
}

function describeBad(outcome: Outcome): string {
  return `${describeFailure(outcome)} (to try them again: nymvisor upgrade ${typed(outcome.name)} --retry)`;
}

function momentOf({ decidedAt, performedAt }: Outcome): string {
  const moment = decidedAt ?? performedAt;
  return formatInstant(moment - (moment % 1_000_000_000n));
}

/** What a person wants tried again. */
export interface Retried {
  /** Of its binary, in hex: all that are known. */
  checksums: readonly string[];
  /** The home for which it is typed, which may have gone back from the build of that name. */
  home: string;
  name: string;
}

/** The outcomes with what speaks against a build forgiven. The very same where nothing does. */
export function forgive(outcomes: readonly Outcome[], { checksums, home, name }: Retried): readonly Outcome[] {
  const wanted = new Set(checksums.map((checksum) => checksum.toLowerCase()));
  const counts = (outcome: Outcome) => {
    if (outcome.forgiven) return false;
    if (isBad(outcome) && outcome.sha256 !== null && wanted.has(outcome.sha256.toLowerCase())) return true;
    return outcome.home === home && outcome.name === name && outcome.state === "rolled-back";
  };
  if (!outcomes.some(counts)) return outcomes;
  return outcomes.map((outcome) => (counts(outcome) ? { ...outcome, forgiven: true } : outcome));
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

/** The home of another node on which a build proves itself at this moment, or null; of several the one that began last. */
export function trialElsewhere(outcomes: readonly Outcome[], home: string, name: string, now: Instant): string | null {
  const trial = outcomes.findLast((outcome) => {
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
