import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatInstant, instantFromMilliseconds, parseInstant } from "../../src/model/instant.ts";
import { parseWindow } from "../../src/model/window.ts";
import { after, dueAfter, fractionOf } from "../../src/policy/spread.ts";
import { isOpen } from "../../src/policy/window.ts";

const MINUTE = 60_000_000_000n;
const HOUR = 60n * MINUTE;
const NOON = parseInstant("2026-11-21T12:00:00Z");

/** What `init` makes one of: 32 hex digits by chance. Here made from a number, so that a failure comes again. */
const SEEDS = Array.from({ length: 1000 }, (_, index) => new Bun.CryptoHasher("md5").update(`${index}`).digest("hex"));

describe("the place of an instance in a spread", () => {
  test("is the same whenever it is asked for, and another for another release", () => {
    const [seed = ""] = SEEDS;
    expect(fractionOf(seed, "nym-binaries-v2025.13-emmental")).toBe(fractionOf(seed, "nym-binaries-v2025.13-emmental"));
    expect(fractionOf(seed, "nym-binaries-v2025.13-emmental")).not.toBe(fractionOf(seed, "nym-binaries-v2025.14-feta"));
  });

  test("does not change from one version of nymvisor to the next", () => {
    expect(fractionOf("0123456789abcdef", "nym-binaries-v2025.13-emmental")).toBe(0.8031313608134789);
  });

  /** The upper 1 ‰ of the chi-square distribution of 19 degrees of freedom. */
  const CHI_SQUARE_19 = 43.82;

  test.each([
    ["random seeds", SEEDS],
    ["seeds that count up", Array.from({ length: 1000 }, (_, index) => `${index}`)],
  ])("is uniform over 1,000 instances with %s, for every release", (_, seeds) => {
    for (const name of ["nym-binaries-v2025.13-emmental", "nym-binaries-v2025.14-feta", "a", ""]) {
      const counts = new Array<number>(20).fill(0);
      for (const seed of seeds) {
        const fraction = fractionOf(seed, name);
        expect(fraction).toBeGreaterThanOrEqual(0);
        expect(fraction).toBeLessThan(1);
        const slot = Math.floor(fraction * 20);
        counts[slot] = (counts[slot] ?? 0) + 1;
      }
      const chiSquare = counts.reduce((sum, count) => sum + (count - 50) ** 2 / 50, 0);
      expect(chiSquare).toBeLessThan(CHI_SQUARE_19);
    }
  });

  test("for one release tells nothing of the place for the next", () => {
    const pairs = SEEDS.map((seed) => [fractionOf(seed, "2025.13") - 0.5, fractionOf(seed, "2025.14") - 0.5] as const);
    const covariance = pairs.reduce((sum, [left, right]) => sum + left * right, 0) / pairs.length;
    // Uniform variables have a variance of 1/12; 0.1 is three standard deviations of the correlation of 1,000 pairs.
    expect(Math.abs(covariance * 12)).toBeLessThan(0.1);
  });

  test("keeps a thousand nodes from restarting in the same minute", () => {
    const dues = SEEDS.map((seed) => dueAfter(NOON, HOUR, fractionOf(seed, "2025.13"), []) ?? 0n);
    const minutes = Map.groupBy(dues, (due) => (due - NOON) / MINUTE);
    expect(minutes.size).toBe(60);
    expect(Math.max(...[...minutes.values()].map(({ length }) => length))).toBeLessThan(40);
  });
});

describe("something is due", () => {
  const at = (from: string, spread: bigint, fraction: number, ...windows: readonly string[]) => {
    const due = dueAfter(parseInstant(from), spread, fraction, windows.map(parseWindow));
    return due === null ? null : formatInstant(due);
  };

  test.each([
    [0, "2026-11-21T12:00:00Z"],
    [0.25, "2026-11-21T12:15:00Z"],
    [0.999, "2026-11-21T12:59:56Z"],
  ])("at its place in the spread without windows, in whole seconds (%p)", (fraction, expected) => {
    expect(at("2026-11-21T12:00:00Z", HOUR, fraction)).toBe(expected);
  });

  test.each([
    ["in the window to come", "2026-11-21T12:00:00Z", HOUR, "2026-11-21T22:30:00Z"],
    ["in the one that is open", "2026-11-21T22:30:00Z", HOUR, "2026-11-21T23:00:00Z"],
    ["in what is left of it", "2026-11-21T23:50:00Z", HOUR, "2026-11-21T23:55:00Z"],
    ["within the window, however wide the spread", "2026-11-21T12:00:00Z", 1000n * HOUR, "2026-11-21T23:00:00Z"],
    ["at its start without a spread", "2026-11-21T12:00:00Z", 0n, "2026-11-21T22:00:00Z"],
  ])("%s", (_, from, spread, expected) => {
    expect(at(from, spread, 0.5, "22:00-24:00")).toBe(expected);
  });

  test("always in a window, and no sooner than it is ready", () => {
    const window = fc.constantFrom(
      "22:00-02:00",
      "Sat 01:30-03:30 Europe/Berlin",
      "Mon-Fri 00:00-24:00",
      "00:00-24:00",
    );
    const moment = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) }).map(instantFromMilliseconds);
    const spread = fc.bigInt({ min: 0n, max: 1000n * HOUR });
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.array(window, { maxLength: 2 }), moment, spread, fraction, (texts, from, width, place) => {
        const windows = texts.map(parseWindow);
        const due = dueAfter(from, width, place, windows) ?? -1n;
        expect(due).toBeGreaterThanOrEqual(from);
        expect(isOpen(windows, due)).toBe(true);
      }),
    );
  });

  test("at a moment that can be written down, however long the spread is", () => {
    const longest = (2n ** 64n - 1n) * 1_000_000_000n;
    expect(at("2026-11-21T12:00:00Z", longest, 0.9)).toBe("9999-12-31T23:59:59Z");
    expect(at("9999-12-31T23:30:00Z", HOUR, 0.9, "12:00-13:00")).toBe(null);
    expect(formatInstant(after(NOON, longest))).toBe("9999-12-31T23:59:59Z");
  });
});
