import { expect, test } from "bun:test";
import { parseWindow } from "../../src/model/window.ts";

test.each([
  ["22:00-04:00", { days: null, from: 1320, to: 240, zone: "UTC" }],
  ["00:00-24:00", { days: null, from: 0, to: 1440, zone: "UTC" }],
  ["23:59-00:00", { days: null, from: 1439, to: 0, zone: "UTC" }],
  ["Sun 09:30-17:05", { days: [0], from: 570, to: 1025, zone: "UTC" }],
  ["Mon-Fri 09:00-17:00 Europe/Berlin", { days: [1, 2, 3, 4, 5], from: 540, to: 1020, zone: "Europe/Berlin" }],
  ["Sat-Mon 01:00-02:00", { days: [0, 1, 6], from: 60, to: 120, zone: "UTC" }],
  ["Wed-Wed 01:00-02:00", { days: [3], from: 60, to: 120, zone: "UTC" }],
  ["mon-FRI 09:00-17:00 america/new_york", { days: [1, 2, 3, 4, 5], from: 540, to: 1020, zone: "America/New_York" }],
  ["01:00-02:00 Etc/GMT+3", { days: null, from: 60, to: 120, zone: "Etc/GMT+3" }],
])("%p is a window", (text, expected) => {
  expect(parseWindow(text)).toEqual({ text, ...expected });
});

test("blanks around and between do not count", () => {
  expect(parseWindow("  Mon-Fri\t09:00-17:00   UTC ").text).toBe("Mon-Fri 09:00-17:00 UTC");
});

test.each([
  ["", "write one such as"],
  ["always", "write one such as"],
  ["9:00-17:00", "write one such as"],
  ["09:00 - 17:00", "write one such as"],
  ["Mon 09:00-17:00 UTC and more", "write one such as"],
  ["Mon,Tue 09:00-17:00", "write one such as"],
  ["24:00-04:00", "24:00 is no time of day to begin at"],
  ["25:00-04:00", "25:00 is no time of day to begin at"],
  ["22:60-23:00", "22:60 is no time of day to begin at"],
  ["22:00-24:01", "24:01 is no time of day"],
  ["22:00-22:00", "a whole day is 00:00-24:00"],
  ["Monday 09:00-17:00", "Monday is no day"],
  ["Mon-Noday 09:00-17:00", "Mon-Noday is no day"],
  ["09:00-17:00 Europe/Bern", "Europe/Bern is no time zone"],
  ["09:00-17:00 +02:00", "+02:00 is no time zone"],
  ["09:00-17:00 2026-01-01T00:00Z[Europe/Berlin]", "is no time zone"],
])("%p is refused, with the reason", (text, reason) => {
  expect(() => parseWindow(text)).toThrow(RangeError);
  expect(() => parseWindow(text)).toThrow(reason);
  expect(() => parseWindow(text)).toThrow(`"${text}" is not a window`);
});
