import { describe, expect, test } from "bun:test";
import { hasMovedHome, isDecided, type LeftBehind, recoveryAction } from "../../src/policy/recovery.ts";

const journal = (state: LeftBehind["state"], kind: LeftBehind["kind"]): LeftBehind => ({
  state,
  kind,
  to: { name: "1.1.0" },
});

describe("a journal that was left behind", () => {
  test.each([
    ["stopping", "upgrade", "genesis", "undo"],
    ["stopping", "upgrade", "1.1.0", "undo"],
    ["stopping", "forward", "1.1.0", "undo"],
    ["backing-up", "upgrade", "genesis", "undo"],
    ["backing-up", "upgrade", "1.1.0", "undo"],
    ["backing-up", "forward", "1.1.0", "undo"],
    ["switching", "upgrade", "1.1.0", "finish"],
    ["switching", "upgrade", "genesis", "undo"],
    ["switching", "upgrade", "1.2.0", "undo"],
    ["switching", "upgrade", undefined, "undo"],
    ["switching", "forward", "1.1.0", "undo"],
    ["switching", "forward", "genesis", "undo"],
    ["recording", "upgrade", "1.1.0", "finish"],
    ["recording", "upgrade", "genesis", "undo"],
    ["recording", "upgrade", undefined, "undo"],
    ["recording", "forward", "1.1.0", "finish"],
    ["recording", "forward", "genesis", "undo"],
  ] as const)("in %s of %s, with current at %p: %s", (state, kind, current, action) => {
    expect(recoveryAction(journal(state, kind), current)).toBe(action);
    expect(isDecided(journal(state, kind), current)).toBe(action === "finish");
  });
});

describe("the home of a journal that was left behind", () => {
  test.each([
    ["backing-up", "upgrade", "1.1.0", true, false],
    ["switching", "upgrade", "1.1.0", false, true],
    ["switching", "upgrade", "1.2.0", true, true],
    ["switching", "upgrade", "1.2.0", false, false],
    ["switching", "upgrade", "genesis", true, false],
    ["switching", "forward", "1.1.0", true, false],
    ["switching", "forward", "1.2.0", true, false],
    ["recording", "upgrade", "1.1.0", false, true],
    ["recording", "upgrade", "1.2.0", false, true],
    ["recording", "upgrade", "genesis", true, false],
    ["recording", "forward", "1.1.0", false, true],
    ["recording", "forward", "1.2.0", false, true],
  ] as const)(
    "in %s of %s, with current at %s, performed %p, is on the new build: %p",
    (state, kind, current, performed, moved) => {
      expect(hasMovedHome({ ...journal(state, kind), from: "genesis" }, current, performed)).toBe(moved);
    },
  );
});
