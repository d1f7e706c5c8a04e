import { expect, test } from "bun:test";
import { movesOf } from "../../src/policy/upgrade-history.ts";
import { outcome } from "../support/outcomes.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

const performed = (name: string, after: bigint) => ({ performedAt: NOON + after, info: upgradeInfo({ name }) });

test("a home's moves are its outcomes, and what was performed before anybody noted any, the newest last", () => {
  const history = [performed("a", 1n), performed("b", 2n), performed("1.1.0", 5n)];
  const own = outcome({ performedAt: NOON + 5n });
  expect(movesOf("/n1", [own], history)).toEqual([
    { performedAt: NOON + 1n, info: upgradeInfo({ name: "a" }), from: "genesis" },
    { performedAt: NOON + 2n, info: upgradeInfo({ name: "b" }), from: "a" },
    { outcome: own },
  ]);
});

test("moves of other homes are left out, also from the shared history", () => {
  const other = outcome({ home: "/n2" });
  const late = outcome({ kind: "forward", performedAt: NOON + 7n });
  expect(movesOf("/n1", [other, late], [performed("1.1.0", 0n)])).toEqual([{ outcome: late }]);
});
