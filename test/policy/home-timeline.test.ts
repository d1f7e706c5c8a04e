import { describe, expect, test } from "bun:test";
import { buildBefore, buildsAt, type Past } from "../../src/policy/home-timeline.ts";
import { outcome } from "../support/outcomes.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

const performed = (name: string, performedAt = NOON) => ({ performedAt, info: upgradeInfo({ name }) });
const past = (changes: Partial<Past>): Past => ({ home: "/n1", outcomes: [], history: [], ...changes });

describe("the build that a home was on", () => {
  test("is that of the last move of this home, or what the first one started from", () => {
    const outcomes = [
      outcome({ name: "a", from: "old" }),
      outcome({ name: "b", from: "a", performedAt: NOON + 10n }),
      outcome({ name: "c", home: "/n2", performedAt: NOON + 5n }),
    ];
    const at = (moment: bigint) => buildsAt(past({ outcomes }), NOON + moment)[0];
    expect([-1n, 0n, 9n, 10n].map(at)).toEqual(["old", "a", "a", "b"]);
  });

  test("is the one before after a way back, and what a person went to where that is another", () => {
    const back = outcome({ name: "b", from: "a", state: "rolled-back", decidedAt: NOON + 5n });
    expect(buildsAt(past({ outcomes: [back] }), NOON + 4n)[0]).toBe("b");
    expect(buildsAt(past({ outcomes: [back] }), NOON + 5n)[0]).toBe("a");
    const far = outcome({ name: "genesis", from: "b", kind: "rollback", performedAt: NOON + 5n });
    expect(buildsAt(past({ outcomes: [back, far] }), NOON + 6n)[0]).toBe("genesis");
  });

  test("may be what the shared history says, which comes second", () => {
    const history = [performed("a"), performed("b", NOON + 10n)];
    expect(buildsAt(past({ history }), NOON - 1n)).toEqual(["genesis"]);
    expect(buildsAt(past({ history }), NOON + 9n)).toEqual(["a"]);
    const outcomes = [outcome({ name: "x" })];
    expect(buildsAt(past({ history, outcomes }), NOON + 10n)).toEqual(["x", "b"]);
  });
});

describe("the build before", () => {
  const steps = [
    outcome({ name: "a", from: "genesis" }),
    outcome({ name: "b", from: "a", performedAt: NOON + 10n, state: "rolled-back" }),
    outcome({ name: "a", from: "b", kind: "rollback", performedAt: NOON + 20n }),
  ];

  test("is what the last step to this one started from", () => {
    expect(buildBefore(past({ outcomes: steps.slice(0, 2) }), "b")).toBe("a");
  });

  test("leads further back after a way back, and not forth again", () => {
    expect(buildBefore(past({ outcomes: steps }), "a")).toBe("genesis");
  });

  test("is that of the history where nothing is noted of this home", () => {
    const history = [performed("a"), performed("b", NOON + 10n)];
    expect(buildBefore(past({ history }), "b")).toBe("a");
    expect(buildBefore(past({ history }), "a")).toBe("genesis");
    expect(buildBefore(past({ history }), "genesis")).toBeUndefined();
    expect(buildBefore(past({ history, outcomes: [outcome({ name: "b", home: "/n2" })] }), "b")).toBe("a");
  });
});
