import { describe, expect, test } from "bun:test";
import type { ReleaseState, Verdict } from "../../src/model/releases.ts";
import { obstaclesOf } from "../../src/policy/release-obstacles.ts";
import { NOON } from "../support/upgrades.ts";

/** The n-th newest. */
function verdict(name: string, state: ReleaseState, n: number): Verdict {
  return { name, version: "1.0.0", publishedAt: NOON - BigInt(n), state, why: `it is ${state}`, at: null };
}

const names = (verdicts: readonly Verdict[]) => verdicts.map(({ name }) => name);

describe("what keeps newer releases from being taken", () => {
  test("is told of those that have no binary or checksum, or are refused, and of no others", () => {
    const states: ReleaseState[] = [
      "refused",
      "no-binary",
      "no-checksum",
      "prerelease",
      "skipped",
      "too-young",
      "chosen",
    ];
    const verdicts = [...states.map((state, n) => verdict(state, state, n)), verdict("old", "running", 9)];
    const told = obstaclesOf({ runs: { name: "old", by: "bytes" }, verdicts });
    expect(names(told)).toEqual(["refused", "no-binary", "no-checksum"]);
  });

  test("is not told of what is older than what runs", () => {
    const verdicts = [verdict("new", "refused", 0), verdict("now", "running", 1), verdict("old", "refused", 2)];
    expect(names(obstaclesOf({ runs: { name: "now", by: "commit" }, verdicts }))).toEqual(["new"]);
  });

  test("is told of the newest twenty where what runs is not in the list", () => {
    const verdicts = Array.from({ length: 50 }, (_, n) => verdict(`${n}`, "refused", n));
    expect(names(obstaclesOf({ runs: { unknown: "who knows" }, verdicts }))).toEqual(
      Array.from({ length: 20 }, (_, n) => `${n}`),
    );
  });
});
