import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareVersions } from "../../src/model/version.ts";

describe("the order of versions", () => {
  // semver.org, section 11, from the lowest to the highest, and a few that Nym's tags look like.
  const ASCENDING = [
    "0.9.9",
    "1.0.0-1",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
    "2026.1-platypus",
    "2026.1",
    "2026.2",
    "9007199254740992.0.0",
    "9007199254740993.0.0",
  ];

  test.each(ASCENDING.slice(1).map((higher, index) => [ASCENDING[index] ?? "", higher]))(
    "%s is lower than %s",
    (lower, higher) => {
      expect(compareVersions(lower, higher)).toBe(-1);
      expect(compareVersions(higher, lower)).toBe(1);
    },
  );

  test.each([
    ["1.1.0", "1.1.0"],
    ["v1.1.0", "1.1.0"],
    ["1.1", "1.1.0"],
    ["1", "1.0.0"],
    ["1.1.0+build.7", "1.1.0+build.8"],
    ["01.1.0", "1.1.0"],
    [" 1.1.0\n", "1.1.0"],
    ["1.0.0-rc.01", "1.0.0-rc.1"],
  ])("%p ranks with %p", (left, right) => {
    expect(compareVersions(left, right)).toBe(0);
    expect(compareVersions(right, left)).toBe(0);
  });

  test.each([
    ["", "1.0.0"],
    ["latest", "1.0.0"],
    ["1.0.0.0", "1.0.0"],
    ["1.x", "1.0.0"],
    ["-1.0.0", "1.0.0"],
    ["1.0.0-", "1.0.0"],
    ["1.0.0 beta", "1.0.0"],
    ["latest", "newest"],
  ])("%p has no order against %p", (left, right) => {
    expect(compareVersions(left, right)).toBeUndefined();
    expect(compareVersions(right, left)).toBeUndefined();
  });

  test("what is no version is still the same as itself", () => {
    expect(compareVersions("latest", "latest")).toBe(0);
    expect(compareVersions("", "")).toBe(0);
  });

  test("is total and consistent over everything that looks like a version", () => {
    const number = fc.oneof(fc.nat(3), fc.nat());
    const identifier = fc.oneof(number.map(String), fc.constantFrom("a", "A", "rc", "rc1", "x-y"));
    const version = fc
      .tuple(number, number, number, fc.array(identifier, { maxLength: 3 }))
      .map(([major, minor, patch, pre]) => `${major}.${minor}.${patch}${pre.length === 0 ? "" : `-${pre.join(".")}`}`);
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        const ab = compareVersions(a, b);
        expect(ab).toBeDefined();
        expect(compareVersions(b, a)).toBe(ab === 0 ? 0 : -(ab ?? Number.NaN));
        if ((ab ?? 1) <= 0 && (compareVersions(b, c) ?? 1) <= 0) {
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});
