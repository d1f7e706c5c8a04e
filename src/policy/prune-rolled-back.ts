import type { Instant } from "../model/instant.ts";
import type { Outcome } from "../model/outcomes.ts";

/** So many good upgrades after a way back nobody goes forward again to what was kept of it. */
const GOOD_UPGRADES = 2;

/**
 * Which of the homes that were kept by ways back may go: those after which this home has passed on two upgrades. That an
 * old version ran well after a way back is no upgrade.
 * @param kept each with the moment at which it was put aside.
 */
export function homesToForget<T extends { at: Instant }>(
  kept: readonly T[],
  outcomes: readonly Outcome[],
  home: string,
): T[] {
  const good = outcomes.filter(
    (outcome) => outcome.home === home && outcome.state === "passed" && outcome.kind !== "rollback",
  );
  return kept.filter(({ at }) => good.filter(({ performedAt }) => performedAt > at).length >= GOOD_UPGRADES);
}
