import { NO_OUTCOMES, type Outcome, type Outcomes, outcomesSchema } from "../model/outcomes.ts";
import type { Layout } from "../model/paths.ts";
import { readDocument, requireUsable, writeDocument } from "../system/documents.ts";

/** `upgrade-outcomes.json`, read and written. Whoever writes it holds `upgrade.lock`, and has read it under that lock. */

/** @throws {NymvisorError} if there is one that cannot be used: what it calls bad must not be tried again. */
export function requireOutcomes(layout: Layout): Outcomes {
  const { outcomes: path } = layout;
  const next = `look at it; to go on without it: mv ${path} ${path}.bad, then run nymvisor again`;
  return requireUsable(readDocument(outcomesSchema, path), path, next) ?? NO_OUTCOMES;
}

/** Durable when it returns. */
export function writeOutcomes(layout: Layout, outcomes: Outcomes): void {
  writeDocument(outcomesSchema, layout.outcomes, outcomes);
}

/** Which of them it is: a home is moved once at a moment. */
export type OutcomeKey = Pick<Outcome, "home" | "performedAt">;

const isOf = (outcome: Outcome, { home, performedAt }: OutcomeKey) =>
  outcome.home === home && outcome.performedAt === performedAt;

/** Adds one, or writes it anew where it is noted already. Durable when it returns. */
export function noteOutcome(layout: Layout, outcome: Outcome): void {
  const { outcomes, ...rest } = requireOutcomes(layout);
  const known = outcomes.some((other) => isOf(other, outcome));
  const next = known ? outcomes.map((other) => (isOf(other, outcome) ? outcome : other)) : [...outcomes, outcome];
  writeOutcomes(layout, { ...rest, outcomes: next });
}

/** Changes what is known of one; nothing where it is not noted. Durable when it returns. */
export function changeOutcome(layout: Layout, key: OutcomeKey, change: Partial<Outcome>): void {
  const { outcomes, ...rest } = requireOutcomes(layout);
  if (!outcomes.some((outcome) => isOf(outcome, key))) return;
  const next = outcomes.map((outcome) => (isOf(outcome, key) ? { ...outcome, ...change } : outcome));
  writeOutcomes(layout, { ...rest, outcomes: next });
}
