import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatDuration, fromMilliseconds, parseDuration, toMilliseconds } from "../../src/model/duration.ts";

const SECOND = 1_000_000_000n;

test.each([
  ["1h", 3600n * SECOND],
  ["90s", 90n * SECOND],
  ["1h 30m", 5400n * SECOND],
  ["1h30m", 5400n * SECOND],
  ["500ms", SECOND / 2n],
  ["2days", 172_800n * SECOND],
  ["1week", 604_800n * SECOND],
  ["1month", 2_630_016n * SECOND],
  ["1M", 2_630_016n * SECOND],
  ["1m", 60n * SECOND],
  ["1year", 31_557_600n * SECOND],
  ["5 min", 300n * SECOND],
  ["7us 3ns", 7003n],
  ["0", 0n],
  ["  1s  ", SECOND],
])("%p is read as that many nanoseconds", (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

test.each([
  [120n * SECOND, "2m"],
  [5_316_000n, "5ms 316us"],
  [3600n * SECOND, "1h"],
  [86_400n * SECOND, "1day"],
  [2n * 86_400n * SECOND, "2days"],
  [0n, "0s"],
  [31_557_600n * SECOND + 1n, "1year 1ns"],
])("%p nanoseconds are written largest unit first", (duration, expected) => {
  expect(formatDuration(duration)).toBe(expected);
});

test.each(["", " ", "10", "1 fortnight", "h", "-1s", "1.5h", "1h,", "1H", "1e3s", "99999999999999999999999y"])(
  "%p is refused, with a message that quotes it",
  (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError);
    if (text.trim() !== "") expect(() => parseDuration(text)).toThrow(`"${text}"`);
  },
);

test("a number without a unit is told to need one", () => {
  expect(() => parseDuration("10")).toThrow("10 has no unit");
});

test("what is written is read as the same duration", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (2n ** 64n - 1n) * SECOND }), (duration) => {
      expect(parseDuration(formatDuration(duration))).toBe(duration);
    }),
  );
});

test("a timer never rounds a positive duration down to nothing", () => {
  expect(toMilliseconds(1n)).toBe(1);
  expect(toMilliseconds(SECOND)).toBe(1000);
  expect(toMilliseconds(0n)).toBe(0);
  expect(fromMilliseconds(1.5)).toBe(1_500_000n);
});
