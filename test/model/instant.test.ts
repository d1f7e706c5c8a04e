import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatInstant, formatStamp, instantFromMilliseconds, parseInstant } from "../../src/model/instant.ts";

test.each([
  ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"],
  ["2026-11-21T09:08:32.734724Z", "2026-11-21T09:08:32.734724Z"],
  ["2026-11-21T09:08:32.851379076Z", "2026-11-21T09:08:32.851379076Z"],
  ["2026-05-16T06:27:52.000000000+02:00", "2026-05-16T04:27:52Z"],
  ["2026-11-21t09:08:32z", "2026-11-21T09:08:32Z"],
  ["2026-11-21 09:08:32-00:30", "2026-11-21T09:38:32Z"],
  ["1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z"],
  ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
  ["2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"],
  ["2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"],
])("%s is written in UTC as %s", (text, expected) => {
  expect(formatInstant(parseInstant(text))).toBe(expected);
});

test.each([
  "",
  "now",
  "2026-11-21",
  "2026-11-21T09:08:32",
  "2026-11-21T09:08Z",
  "2026-02-30T00:00:00Z",
  "2023-02-29T00:00:00Z",
  "2026-13-01T00:00:00Z",
  "2026-00-01T00:00:00Z",
  "2026-01-01T24:00:00Z",
  "2026-01-01T00:60:00Z",
  "2026-01-01T00:00:61Z",
  "2026-01-01T00:00:00+24:00",
  "2026-01-01T00:00:00.1234567890Z",
  " 2026-01-01T00:00:00Z",
  "0000-01-01T00:00:00+00:01",
  "9999-12-31T23:59:59-00:01",
])("%p is no datetime", (text) => {
  expect(() => parseInstant(text)).toThrow(RangeError);
});

/** The years that four digits hold. */
const instants = fc.bigInt({
  min: parseInstant("0000-01-01T00:00:00Z"),
  max: parseInstant("9999-12-31T23:59:59.999999999Z"),
});

test("what is written is read as the same instant", () => {
  fc.assert(fc.property(instants, (instant) => expect(parseInstant(formatInstant(instant))).toBe(instant)));
});

test("an offset moves the clock, not the instant", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }), (hours, minutes) => {
      const offset = `${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
      const noon = parseInstant("2026-06-15T12:00:00Z");
      const shift = BigInt(hours * 60 + minutes) * 60_000_000_000n;
      expect(parseInstant(`2026-06-15T12:00:00+${offset}`)).toBe(noon - shift);
      expect(parseInstant(`2026-06-15T12:00:00-${offset}`)).toBe(noon + shift);
    }),
  );
});

test("a stamp is in UTC and fit for a file's name", () => {
  expect(formatStamp(parseInstant("2026-11-21T10:08:32.737999+01:00"))).toBe("2026-11-21-090832737");
});

test("milliseconds are whole", () => {
  expect(instantFromMilliseconds(1.9)).toBe(1_000_000n);
});
