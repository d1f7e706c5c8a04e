import { expect, test } from "bun:test";
import { homesToForget } from "../../src/policy/prune-rolled-back.ts";
import { outcome } from "../support/outcomes.ts";
import { NOON } from "../support/upgrades.ts";

const kept = { at: NOON };
const good = (after: bigint) => outcome({ performedAt: NOON + after });

test("what a way back has kept goes with the second upgrade that has passed since", () => {
  expect(homesToForget([kept], [good(-5n), good(-4n), good(1n)], "/n1")).toEqual([]);
  expect(homesToForget([kept], [good(1n), good(2n)], "/n1")).toEqual([kept]);
});

test("other homes, verdicts that are no good, and an old version that is well again do not count", () => {
  const others = [
    outcome({ performedAt: NOON + 2n, home: "/n2" }),
    outcome({ performedAt: NOON + 2n, state: "on-probation" }),
    outcome({ performedAt: NOON + 2n, state: "rolled-back" }),
    outcome({ performedAt: NOON + 2n, kind: "rollback" }),
  ];
  expect(homesToForget([kept], [good(1n), ...others], "/n1")).toEqual([]);
});
