import type { History, UpgradeInfo } from "../model/documents.ts";
import type { Instant } from "../model/instant.ts";
import type { Outcome } from "../model/outcomes.ts";

/** One move of a home, or of all that share a history where nobody has noted whose it was. */
export type HomeMove =
  | { outcome: Outcome }
  /** Performed before outcomes were noted. `from`: what the history has before it. */
  | { performedAt: Instant; info: UpgradeInfo; from: string };

/** What a home has been through, the newest last. Moves that only other homes have made are left out. */
export function movesOf(home: string, outcomes: readonly Outcome[], history: History["history"]): HomeMove[] {
  const noted = new Set(outcomes.map(({ performedAt, name }) => `${performedAt} ${name}`));
  const unknown = history.flatMap(({ performedAt, info }, index): HomeMove[] => {
    const from = history[index - 1]?.info.name ?? "genesis";
    return noted.has(`${performedAt} ${info.name}`) ? [] : [{ performedAt, info, from }];
  });
  const own = outcomes.filter((outcome) => outcome.home === home).map((outcome): HomeMove => ({ outcome }));
  return [...unknown, ...own].toSorted((a, b) => compare(momentOf(a), momentOf(b)));
}

const momentOf = (move: HomeMove) => ("outcome" in move ? move.outcome.performedAt : move.performedAt);

function compare(left: bigint, right: bigint): number {
  return left < right ? -1 : Number(left > right);
}
