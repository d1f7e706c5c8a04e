import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatInstant, type Instant, instantFromMilliseconds, parseInstant } from "../../src/model/instant.ts";
import { parseWindow, type Window } from "../../src/model/window.ts";
import { isOpen, nextOpen } from "../../src/policy/window.ts";

const MINUTE = 60_000_000_000n;
const DAY = 1440n * MINUTE;

function windows(...texts: readonly string[]): Window[] {
  return texts.map(parseWindow);
}

function opening(texts: readonly string[], from: string): [string, string | null] | null {
  const found = nextOpen(windows(...texts), parseInstant(from));
  return found === null ? null : [formatInstant(found.start), found.end === null ? null : formatInstant(found.end)];
}

/** Every opening that begins or lasts within [from, to). */
function openings(list: readonly Window[], from: Instant, to: Instant) {
  const found: { start: Instant; end: Instant }[] = [];
  for (let at = from; at < to; ) {
    const next = nextOpen(list, at);
    if (next === null || next.end === null) throw new Error("a window that does not open, or never closes");
    if (next.start >= to) break;
    found.push({ start: next.start, end: next.end });
    at = next.end;
  }
  return found;
}

test("no windows are always open", () => {
  expect(isOpen([], 0n)).toBe(true);
  expect(nextOpen([], 5n)).toEqual({ start: 5n, end: null });
});

test.each([
  ["2026-11-21T21:59:59.999999999Z", false],
  ["2026-11-21T22:00:00Z", true],
  ["2026-11-21T23:59:59.999999999Z", true],
  ["2026-11-22T00:00:00Z", true],
  ["2026-11-22T03:59:59.999999999Z", true],
  ["2026-11-22T04:00:00Z", false],
])("at %s a window from 22:00 to 04:00 is open: %p", (at, expected) => {
  expect(isOpen(windows("22:00-04:00"), parseInstant(at))).toBe(expected);
});

test("the day of a window that goes over midnight is the one that it begins on", () => {
  // 2026-11-21 is a Saturday.
  const saturday = windows("Sat 22:00-04:00");
  expect(isOpen(saturday, parseInstant("2026-11-21T23:00:00Z"))).toBe(true);
  expect(isOpen(saturday, parseInstant("2026-11-22T03:00:00Z"))).toBe(true);
  expect(isOpen(saturday, parseInstant("2026-11-21T03:00:00Z"))).toBe(false);
  expect(isOpen(saturday, parseInstant("2026-11-22T23:00:00Z"))).toBe(false);
});

describe("the next opening", () => {
  test.each([
    ["later the same day", ["22:00-23:00"], "2026-11-21T10:00:00Z", ["2026-11-21T22:00:00Z", "2026-11-21T23:00:00Z"]],
    ["the one that is open", ["22:00-23:00"], "2026-11-21T22:30:00Z", ["2026-11-21T22:00:00Z", "2026-11-21T23:00:00Z"]],
    ["the next day", ["22:00-23:00"], "2026-11-21T23:00:00Z", ["2026-11-22T22:00:00Z", "2026-11-22T23:00:00Z"]],
    [
      "the next such day",
      ["Fri 22:00-01:00"],
      "2026-11-21T10:00:00Z",
      ["2026-11-27T22:00:00Z", "2026-11-28T01:00:00Z"],
    ],
    [
      "windows that overlap, joined",
      ["22:00-23:00", "22:30-01:00"],
      "2026-11-21T10:00:00Z",
      ["2026-11-21T22:00:00Z", "2026-11-22T01:00:00Z"],
    ],
    [
      "windows that touch, joined",
      ["Fri 20:00-24:00", "Sat-Sun 00:00-24:00", "Mon 00:00-06:00"],
      "2026-11-22T10:00:00Z",
      ["2026-11-20T20:00:00Z", "2026-11-23T06:00:00Z"],
    ],
    [
      "windows of two zones that touch, joined",
      ["10:00-12:00 Asia/Kathmandu", "06:15-07:00"],
      "2026-11-22T05:00:00Z",
      ["2026-11-22T04:15:00Z", "2026-11-22T07:00:00Z"],
    ],
  ] as const)("is %s", (_, texts, from, expected) => {
    expect(opening(texts, from)).toEqual([...expected]);
  });

  test("has no end if the windows never close", () => {
    const from = parseInstant("2026-11-21T10:00:00Z");
    for (const list of [windows("00:00-24:00"), windows("00:00-12:00", "12:00-24:00")]) {
      const found = nextOpen(list, from);
      expect(found?.end).toBe(null);
      expect(found?.start).toBeLessThanOrEqual(from - 365n * DAY);
    }
  });
});

describe("when clocks are moved", () => {
  test("an hour that is left out never opens", () => {
    // On 2026-03-29 Berlin goes from 02:00 to 03:00, at 01:00 UTC.
    const texts = ["02:00-03:00 Europe/Berlin"];
    expect(opening(texts, "2026-03-28T12:00:00Z")).toEqual(["2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z"]);
  });

  test("a window that reaches into it is as much shorter", () => {
    const texts = ["01:30-03:30 Europe/Berlin"];
    expect(opening(texts, "2026-03-28T12:00:00Z")).toEqual(["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]);
  });

  test("an opening that they are moved in began when its clock showed so", () => {
    const texts = ["22:00-06:00 Europe/Berlin"];
    const spring = ["2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"] as const;
    for (const from of ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"]) {
      expect(opening(texts, from)).toEqual([...spring]);
    }
    expect(opening(texts, "2026-10-25T03:00:00Z")).toEqual(["2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"]);
  });

  test("an hour that comes twice opens twice", () => {
    // On 2026-10-25 Berlin goes from 03:00 back to 02:00, at 01:00 UTC.
    const texts = ["02:15-02:45 Europe/Berlin"];
    expect(opening(texts, "2026-10-24T12:00:00Z")).toEqual(["2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z"]);
    expect(opening(texts, "2026-10-25T00:45:00Z")).toEqual(["2026-10-25T01:15:00Z", "2026-10-25T01:45:00Z"]);
  });

  test("the whole hour that comes twice is one opening", () => {
    expect(opening(["02:00-03:00 Europe/Berlin"], "2026-10-24T12:00:00Z")).toEqual([
      "2026-10-25T00:00:00Z",
      "2026-10-25T02:00:00Z",
    ]);
  });

  test("by half an hour, half an hour counts", () => {
    // On 2026-04-05 Lord Howe goes from 02:00 back to 01:30, at 2026-04-04 15:00 UTC.
    expect(opening(["01:30-02:00 Australia/Lord_Howe"], "2026-04-04T12:00:00Z")).toEqual([
      "2026-04-04T14:30:00Z",
      "2026-04-04T15:30:00Z",
    ]);
  });

  test("at midnight, the day is that of the wall clock", () => {
    // On 2026-09-06, a Sunday, Santiago goes from 00:00 to 01:00, at 04:00 UTC.
    expect(opening(["Sun 00:00-01:00 America/Santiago"], "2026-09-05T12:00:00Z")?.[0]).toBe("2026-09-13T03:00:00Z");
    // On 2026-04-05, a Sunday, it goes from 00:00 back to Saturday 23:00, at 03:00 UTC.
    expect(opening(["Sat 23:00-24:00 America/Santiago"], "2026-04-04T12:00:00Z")).toEqual([
      "2026-04-05T02:00:00Z",
      "2026-04-05T04:00:00Z",
    ]);
  });
});

describe("over a simulated year", () => {
  const YEAR = [parseInstant("2026-01-01T00:00:00Z"), parseInstant("2027-01-01T00:00:00Z")] as const;
  const STEP = 15n * MINUTE;

  test.each([
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Apia",
  ])("a window is open when the wall clock of %s lies in it, every quarter of an hour", (zone) => {
    // The wall clock by another road than the one that is tested.
    const clock = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    const daily = windows(`01:45-03:15 ${zone}`);
    const nightly = windows(`Fri-Sun 22:30-02:15 ${zone}`);
    const nights = new Set(["Fri 1", "Sat 1", "Sun 1", "Sat 0", "Sun 0", "Mon 0"]);
    const wrong: string[] = [];
    for (let at = YEAR[0]; at < YEAR[1]; at += STEP) {
      const wall = clock.format(Number(at / 1_000_000n));
      const [day = "", time = ""] = wall.split(/,? /);
      if (isOpen(daily, at) !== (time >= "01:45" && time < "03:15")) wrong.push(`daily ${wall}`);
      const inNight = (time >= "22:30" && nights.has(`${day} 1`)) || (time < "02:15" && nights.has(`${day} 0`));
      if (isOpen(nightly, at) !== inNight) wrong.push(`nightly ${wall}`);
    }
    expect(wrong).toEqual([]);
  });

  test.each([
    ["02:00-03:00 Europe/Berlin", 364, 365n * 60n],
    ["02:15-02:45 Europe/Berlin", 365, 365n * 30n],
    ["01:00-02:00 America/New_York", 365, 366n * 60n],
    ["02:00-03:00 America/New_York", 364, 364n * 60n],
    ["22:00-04:00 UTC", 366, 365n * 360n],
    ["Mon-Fri 09:00-17:00 Australia/Sydney", 262, 261n * 480n],
  ] as const)("%s opens as often and for as long as the calendar says", (text, times, minutes) => {
    const list = windows(text);
    const found = openings(list, ...YEAR);
    expect(found.length).toBe(times);
    // What reaches over the turn of the year counts as far as it lies in the year.
    const inYear = (at: Instant) => {
      if (at < YEAR[0]) return YEAR[0];
      return at > YEAR[1] ? YEAR[1] : at;
    };
    const total = found.reduce((sum, { start, end }) => sum + inYear(end) - inYear(start), 0n);
    expect(total / MINUTE).toBe(minutes);
  });

  const minute = fc.nat(1439).map((of) => [Math.floor(of / 60), of % 60].map((n) => `${n}`.padStart(2, "0")).join(":"));
  const day = fc.constantFrom("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat");
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo");
  const window = fc
    .tuple(fc.option(fc.tuple(day, day)), fc.uniqueArray(minute, { minLength: 2, maxLength: 2 }), zone)
    .map(([days, times, of]) => parseWindow(`${days === null ? "" : `${days.join("-")} `}${times.join("-")} ${of}`));
  const moment = fc
    .integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) })
    .map((milliseconds) => instantFromMilliseconds(milliseconds));

  test("what is said of an opening is true of every minute in it and up to it", () => {
    fc.assert(
      fc.property(fc.array(window, { minLength: 1, maxLength: 3 }), moment, (list, from) => {
        const found = nextOpen(list, from);
        if (found === null) throw new Error("it never opens");
        const { start, end } = found;
        expect(start > from ? isOpen(list, from) : !isOpen(list, from)).toBe(false);
        if (end !== null) {
          expect(end).toBeGreaterThan(from);
          expect(isOpen(list, end)).toBe(false);
          expect(isOpen(list, end - 1n)).toBe(true);
          expect(isOpen(list, start - 1n)).toBe(false);
        }
        expect(isOpen(list, start)).toBe(true);
        for (let at = from; at < start; at += 7n * MINUTE) expect(isOpen(list, at)).toBe(false);
        for (let at = start; at < (end ?? from + DAY) && at < start + 3n * DAY; at += 7n * MINUTE) {
          expect(isOpen(list, at)).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});
