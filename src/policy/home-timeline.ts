import type { History } from "../model/documents.ts";
import type { Instant } from "../model/instant.ts";
import type { Outcome } from "../model/outcomes.ts";

/** Which build a home was on at a moment in the past, as far as documents tell. */

export interface Past {
  /** The daemon's home. */
  home: string;
  outcomes: readonly Outcome[];
  history: History["history"];
}

/**
 * Names of the builds that the home may have been on then, the most likely first: by what is noted of this home, then by
 * the history that it shares with others, some of which may have been ahead of it.
 */
export function buildsAt({ home, outcomes, history }: Past, at: Instant): string[] {
  const own = outcomes.filter((outcome) => outcome.home === home);
  const moves = own
    .flatMap(({ performedAt, name, state, decidedAt, from }) => {
      const there = { at: performedAt, name };
      return state === "rolled-back" && decidedAt !== null ? [there, { at: decidedAt, name: from }] : [there];
    })
    // Of two at one moment the one that was noted later counts: a way back by hand is such a pair.
    .toSorted((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)));
  const last = moves.findLast((move) => move.at <= at)?.name;
  const first = own.toSorted((a, b) => (a.performedAt < b.performedAt ? -1 : 1))[0]?.from;
  const shared = history.filter(({ performedAt }) => performedAt <= at).at(-1)?.info.name ?? "genesis";
  return [...new Set([last ?? first, shared].filter((name) => name !== undefined))];
}

/**
 * The build that a home was on before the one it is on now, so that going back again and again leads further back: a way
 * back does not count as the step that led to where it went. Undefined: nothing tells.
 */
export function buildBefore({ home, outcomes, history }: Past, current: string): string | undefined {
  const step = outcomes.findLast(
    (outcome) => outcome.home === home && outcome.name === current && outcome.kind !== "rollback",
  );
  if (step !== undefined) return step.from;
  const index = history.findLastIndex(({ info }) => info.name === current);
  if (index === -1) return undefined;
  return history[index - 1]?.info.name ?? "genesis";
}
