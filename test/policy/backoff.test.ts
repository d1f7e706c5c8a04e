import { expect, test } from "bun:test";
import {
  type Backoff,
  delayAfter,
  LOCAL_BACKOFF,
  STAGING_BACKOFF,
  UPGRADE_BACKOFF,
  WAITING_BACKOFF,
} from "../../src/policy/backoff.ts";

const SECOND = 1_000_000_000n;

test("a delay doubles with each failure in a row, up to its limit", () => {
  const backoff: Backoff = { first: 3n, longest: 20n };
  expect([1, 2, 3, 4, 5].map((failures) => delayAfter(failures, backoff))).toEqual([3n, 6n, 12n, 20n, 20n]);
});

test("a count that makes no sense gives a delay that does", () => {
  const backoff: Backoff = { first: 3n, longest: 20n };
  expect(delayAfter(0, backoff)).toBe(3n);
  expect(delayAfter(-5, backoff)).toBe(3n);
  expect(delayAfter(Number.MAX_SAFE_INTEGER, backoff)).toBe(20n);
});

test.each([
  ["staging", STAGING_BACKOFF],
  ["local files", LOCAL_BACKOFF],
  ["waiting", WAITING_BACKOFF],
  ["upgrade", UPGRADE_BACKOFF],
] as const)("the delays for %s grow and stay within a day", (_, backoff) => {
  const delays = Array.from({ length: 60 }, (_, index) => delayAfter(index + 1, backoff));
  expect(delays).toEqual(delays.toSorted((a, b) => (a < b ? -1 : 1)));
  expect(delays[0]).toBeGreaterThanOrEqual(SECOND);
  expect(delays.at(-1)).toBe(backoff.longest);
  expect(backoff.longest).toBeLessThanOrEqual(24n * 3600n * SECOND);
});

test("the more an attempt costs, the longer the pause before the next", () => {
  expect(UPGRADE_BACKOFF.first).toBeGreaterThan(WAITING_BACKOFF.first);
  expect(WAITING_BACKOFF.first).toBeGreaterThan(STAGING_BACKOFF.first);
});
