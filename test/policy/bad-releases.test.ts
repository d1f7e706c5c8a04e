import { describe, expect, test } from "bun:test";
import {
  badBytes,
  forgive,
  nobodyPassed,
  objectionToBytes,
  rolledBackInARow,
  trialElsewhere,
  wentBackFrom,
} from "../../src/policy/bad-releases.ts";
import { outcome } from "../support/outcomes.ts";
import { NOON } from "../support/upgrades.ts";

const SHA = "ab".repeat(32);
const HOUR = 3_600_000_000_000n;
const putBack = outcome({ state: "rolled-back", sha256: SHA, why: "it was not well", decidedAt: NOON + HOUR });

describe("bytes are bad", () => {
  test("once they were put back, with the moment, the reason and what to type", () => {
    expect([...badBytes([putBack])]).toEqual([
      [
        SHA,
        "these bytes failed, and the node was put back at 2026-11-21T13:00:00Z: it was not well (to try them again: nymvisor upgrade 1.1.0 --retry)",
      ],
    ]);
  });

  test("where they failed and stay", () => {
    expect(badBytes([outcome({ state: "failed", sha256: SHA })]).get(SHA)).toStartWith("these bytes failed at ");
  });

  test("whatever else became of them on another node", () => {
    expect(badBytes([putBack, outcome({ sha256: SHA, home: "/n2" })]).has(SHA)).toBe(true);
  });

  test("by their last failure, under the name that they had then", () => {
    const again = { ...putBack, name: "hot fix", why: "it exited" };
    expect(badBytes([putBack, again]).get(SHA)).toContain(
      "it exited (to try them again: nymvisor upgrade 'hot fix' --retry)",
    );
  });

  test("in either case of their digits", () => {
    const bad = [{ ...putBack, sha256: SHA.toUpperCase() }];
    expect(objectionToBytes(bad, ["cd".repeat(32), SHA])).toContain("failed");
    expect(objectionToBytes(bad, [SHA.toUpperCase()])).toContain("failed");
    expect(objectionToBytes(bad, ["cd".repeat(32)])).toBeNull();
  });

  test.each([
    ["they passed", outcome({ sha256: SHA })],
    ["they still prove themselves", outcome({ sha256: SHA, state: "on-probation" })],
    ["the node was moved before there was a verdict", outcome({ sha256: SHA, state: "left" })],
    ["a person went back", { ...putBack, byHand: true }],
    ["they are forgiven", { ...putBack, forgiven: true }],
    ["nobody knows them", { ...putBack, sha256: null }],
  ])("but not where %s", (_, one) => {
    expect([...badBytes([one])]).toEqual([]);
  });
});

test("forgiving takes all that speaks against these bytes, and nothing else", () => {
  const other = { ...putBack, sha256: "cd".repeat(32) };
  const by = { ...putBack, byHand: true };
  const retried = { checksums: ["ef".repeat(32), SHA.toUpperCase()], home: "/n2", name: "1.1.0" };
  expect(forgive([putBack, other, by, { ...putBack, state: "failed" }], retried).map((one) => one.forgiven)).toEqual([
    true,
    false,
    false,
    true,
  ]);
  const untouched = [other];
  expect(forgive(untouched, retried)).toBe(untouched);
});

test("forgiving lets this home follow to a build that it went back from, and no other home", () => {
  const by = { ...putBack, byHand: true, sha256: null };
  const forgiven = forgive([by, { ...by, home: "/n2" }], { checksums: [], home: "/n1", name: "1.1.0" });
  expect(wentBackFrom(forgiven, "/n1", "1.1.0")).toBeNull();
  expect(wentBackFrom(forgiven, "/n2", "1.1.0")).not.toBeNull();
});

describe("ways back in a row", () => {
  const passed = outcome();

  test("are counted from the last release that passed", () => {
    expect(rolledBackInARow([])).toBe(0);
    expect(rolledBackInARow([putBack, passed, putBack, putBack])).toBe(2);
    expect(rolledBackInARow([putBack, putBack, passed])).toBe(0);
  });

  test("go on through what says nothing about releases", () => {
    const silent = [
      outcome({ state: "left" }),
      outcome({ state: "on-probation" }),
      outcome({ state: "failed" }),
      outcome({ kind: "rollback" }),
    ];
    expect(rolledBackInARow([putBack, ...silent, putBack])).toBe(2);
  });

  test("do not count what a person ordered", () => {
    expect(rolledBackInARow([putBack, { ...putBack, byHand: true }])).toBe(1);
  });
});

describe("a home that went back from a build", () => {
  test("does not follow others to it, and the reason names the way to", () => {
    expect(wentBackFrom([putBack], "/n1", "1.1.0")).toBe(
      "this node was put back from it at 2026-11-21T13:00:00Z: it was not well (to try it again: nymvisor upgrade 1.1.0 --retry)",
    );
    expect(wentBackFrom([{ ...putBack, byHand: true }], "/n1", "1.1.0")).toStartWith("a person put this node back");
  });

  test("does where it is another home, another build, forgiven, or was moved there again", () => {
    expect(wentBackFrom([putBack], "/n2", "1.1.0")).toBeNull();
    expect(wentBackFrom([putBack], "/n1", "1.2.0")).toBeNull();
    expect(wentBackFrom([{ ...putBack, forgiven: true }], "/n1", "1.1.0")).toBeNull();
    expect(wentBackFrom([putBack, outcome({ kind: "rollback" })], "/n1", "1.1.0")).toBeNull();
  });
});

describe("a trial on another node", () => {
  const trial = outcome({ state: "on-probation", home: "/n2" });

  test("keeps this one waiting for that build", () => {
    expect(trialElsewhere([trial], "/n1", "1.1.0", NOON + HOUR)).toBe("/n2");
    expect(trialElsewhere([trial], "/n2", "1.1.0", NOON + HOUR)).toBeNull();
    expect(trialElsewhere([trial], "/n1", "1.2.0", NOON + HOUR)).toBeNull();
    expect(trialElsewhere([{ ...trial, state: "passed" }], "/n1", "1.1.0", NOON + HOUR)).toBeNull();
  });

  test("is given up after a day, and where a clock that was a day ahead began it", () => {
    expect(trialElsewhere([trial], "/n1", "1.1.0", NOON + 24n * HOUR - 1n)).toBe("/n2");
    expect(trialElsewhere([trial], "/n1", "1.1.0", NOON + 24n * HOUR)).toBeNull();
    expect(trialElsewhere([trial], "/n1", "1.1.0", NOON - HOUR)).toBe("/n2");
    expect(trialElsewhere([trial], "/n1", "1.1.0", NOON - 24n * HOUR)).toBeNull();
  });
});

test("a build that another home has passed on is not taken from it", () => {
  expect(nobodyPassed([outcome({ home: "/n2" })], "1.1.0", "/n1")).toBe(false);
  expect(nobodyPassed([outcome(), { ...putBack, home: "/n2" }], "1.1.0", "/n1")).toBe(true);
  expect(nobodyPassed([outcome({ home: "/n2", name: "1.2.0" })], "1.1.0", "/n1")).toBe(true);
});
