import type { Outcome } from "../../src/model/outcomes.ts";
import { outcomeSchema } from "../../src/model/outcomes.ts";
import { NOON } from "./upgrades.ts";

/** A switch of the home /n1 from genesis to 1.1.0 at noon that has passed, unless it says otherwise. */
export function outcome(changes: Partial<Outcome> = {}): Outcome {
  const name = changes.name ?? "1.1.0";
  const plain = outcomeSchema.parse({
    performedAt: "2026-11-21T12:00:00Z",
    kind: "upgrade",
    name,
    version: name,
    home: "/n1",
    from: "genesis",
    state: "passed",
  });
  return { ...plain, performedAt: NOON, ...changes };
}
