import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareReleases, compareReleaseVersions, isVersion } from "../../src/policy/release-order.ts";
import { release } from "./train.ts";

test("a number after the hyphen is a patch of the version, anything else comes before it", () => {
  const rising = [
    "1.1.9-alpha",
    "1.1.9-rc.1",
    "1.1.9",
    "1.1.9-0",
    "1.1.9-1",
    "1.1.9-2",
    "1.1.9-10",
    "1.1.10-rc.1",
    "1.2",
  ];
  for (const [left, low] of rising.entries()) {
    for (const [right, high] of rising.entries()) {
      expect([low, high, Math.sign(compareReleaseVersions(low, high) ?? Number.NaN)]).toEqual([
        low,
        high,
        Math.sign(left - right),
      ]);
    }
  }
});

test.each([
  ["1.1", "1.1.0"],
  ["v1.1.9", "1.1.9"],
  ["1.1-3", "1.1.0-3"],
  ["1.1.9-1+build", "1.1.9-1"],
  [" 1.1.9-1 ", "1.1.9-1"],
  ["tip", "tip"],
])("%p and %p rank alike", (left, right) => {
  expect(compareReleaseVersions(left, right)).toBe(0);
});

test("what is no version has no rank", () => {
  expect(compareReleaseVersions("tip", "1.1.9-1")).toBe(undefined);
  expect(compareReleaseVersions("1.1.9-1", "")).toBe(undefined);
  expect(["tip", "", "nym-binaries-v2025.13-emmental", "1.2.3-4", "v1"].map(isVersion)).toEqual([
    false,
    false,
    false,
    true,
    true,
  ]);
});

test("of any two versions one ranks above the other, or they rank alike", () => {
  const version = fc
    .tuple(fc.nat(2), fc.nat(2), fc.constantFrom("", "-0", "-1", "-2", "-10", "-rc.1", "-rc.2", "-1.2"))
    .map(([minor, patch, suffix]) => `1.${minor}.${patch}${suffix}`);
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      const [ab = 0, ba = 0, bc = 0, ac = 0] = [
        compareReleaseVersions(a, b),
        compareReleaseVersions(b, a),
        compareReleaseVersions(b, c),
        compareReleaseVersions(a, c),
      ];
      expect(Math.sign(ab)).toBe(-Math.sign(ba) + 0);
      if (ab <= 0 && bc <= 0) expect(ac).toBeLessThanOrEqual(0);
    }),
  );
});

test("releases stand in the order of their publication, and by name where that is the same", () => {
  const train = [release("b", { on: 1 }), release("c", { on: 0 }), release("a", { on: 1 })];
  expect(train.toSorted(compareReleases).map(({ name }) => name)).toEqual(["c", "a", "b"]);
});
