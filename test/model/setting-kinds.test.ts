import { describe, expect, test } from "bun:test";
import { parseTOML } from "confbox/toml";
import { z } from "zod";
import { parseInstant } from "../../src/model/instant.ts";
import { hold, type Kind, oneOf, optionalDuration, patterns, windows } from "../../src/model/setting-kinds.ts";
import { parseWindow } from "../../src/model/window.ts";

const source = oneOf("auto", "nym", "github");
const MOMENT = parseInstant("2026-11-21T09:00:00Z");

/** What a person typed, through the file's form into the program's. */
function typed<T>(kind: Kind<T>, text: string): T {
  return kind.schema.parse(kind.fromText(text, "/"));
}

function filed<T>(kind: Kind<T>, value: string): T {
  return kind.schema.parse(parseTOML<{ key: unknown }>(`key = ${value}`).key);
}

function roundTrip<T>(kind: Kind<T>, value: T): void {
  expect(kind.schema.parse(z.encode(kind.schema, value))).toEqual(value);
  expect(typed(kind, kind.toText(value))).toEqual(value);
}

describe("one of a few words", () => {
  test("is taken in any case when it is typed, and as it is in the file", () => {
    expect(typed(source, "GitHub")).toBe("github");
    expect(filed(source, "'nym'")).toBe("nym");
    expect(source.hint).toBe("auto|nym|github");
    roundTrip(source, "auto");
  });

  test("is refused if it is another", () => {
    expect(() => typed(source, "gitlab")).toThrow('\\"gitlab\\" is none of auto, nym, github');
    expect(() => filed(source, "'constructor'")).toThrow("is none of");
  });
});

describe("a duration that may be unset", () => {
  test("is null when it is empty, and nothing at all when it is 0", () => {
    expect(filed(optionalDuration, "''")).toBe(null);
    expect(typed(optionalDuration, "0s")).toBe(0n);
    expect(typed(optionalDuration, "1day")).toBe(86_400_000_000_000n);
    for (const value of [null, 0n, 5n]) roundTrip(optionalDuration, value);
  });

  test("is refused if it is none", () => {
    expect(() => typed(optionalDuration, "1 fortnight")).toThrow("is not a duration");
  });
});

describe("a hold", () => {
  test.each([
    ["true", { held: true, until: null }],
    ["T", { held: true, until: null }],
    ["0", { held: false }],
    ["2026-11-21T10:00:00+01:00", { held: true, until: MOMENT }],
  ] as const)("%p is one when it is typed", (text, expected) => {
    expect(typed(hold, text)).toEqual(expected);
  });

  test.each([
    ["true", { held: true, until: null }],
    ["false", { held: false }],
    ["'2026-11-21T09:00:00Z'", { held: true, until: MOMENT }],
    ["2026-11-21T10:00:00+01:00", { held: true, until: MOMENT }],
  ] as const)("%s is one in the file", (text, expected) => {
    expect(filed(hold, text)).toEqual(expected);
  });

  test("is written as it is read", () => {
    for (const value of [{ held: false }, { held: true, until: null }, { held: true, until: MOMENT }] as const) {
      roundTrip(hold, value);
    }
  });

  test.each([
    ["'true'", "is not an RFC 3339 datetime"],
    ["1", "1 stands where true, false or a datetime in quotes is expected"],
    ["2026-11-21T09:00:00", "is not an RFC 3339 datetime"],
    ["2026-11-21", "is not an RFC 3339 datetime"],
  ])("%s in the file is refused", (text, reason) => {
    expect(() => filed(hold, text)).toThrow(reason);
  });

  test("a word that is none is refused with what it may be", () => {
    expect(() => typed(hold, "maybe")).toThrow('"maybe" is neither true, false nor a datetime');
    expect(() => typed(hold, "2026-11-21")).toThrow("is not an RFC 3339 datetime");
  });
});

describe("windows", () => {
  const BOTH = ["Mon-Fri 22:00-04:00", "Sat 09:00-12:00 Europe/Berlin"] as const;

  test("are a list in the file, and separated by commas when they are typed", () => {
    const expected = BOTH.map(parseWindow);
    expect(filed(windows, JSON.stringify(BOTH))).toEqual(expected);
    expect(typed(windows, BOTH.join(","))).toEqual(expected);
    expect(typed(windows, ` ${BOTH.join(" , ")} `)).toEqual(expected);
    roundTrip(windows, expected);
  });

  test("may be none", () => {
    expect(filed(windows, "[]")).toEqual([]);
    expect(typed(windows, " ")).toEqual([]);
    roundTrip(windows, []);
  });

  test.each([
    ['"22:00-04:00"', "stands where a list is expected, such as ["],
    ["2200", "2200 stands where a list is expected"],
    ["['22:00-04:00', 7]", "7 stands in the list"],
    ["['22:00-04:00', 'noon']", '\\"noon\\" is not a window'],
    ["['']", "is not a window"],
  ])("%s in the file is refused", (text, reason) => {
    expect(() => filed(windows, text)).toThrow(reason);
  });

  test("with nothing between two commas are refused", () => {
    expect(() => typed(windows, "22:00-04:00,")).toThrow("is not a window");
  });
});

describe("patterns", () => {
  test("are a list in the file, and separated by commas when they are typed", () => {
    expect(filed(patterns, '["*.bloom", "data/**/cache"]')).toEqual(["*.bloom", "data/**/cache"]);
    expect(typed(patterns, " *.bloom , data/**/cache ")).toEqual(["*.bloom", "data/**/cache"]);
    roundTrip(patterns, ["*.bloom"]);
    roundTrip(patterns, []);
  });

  test.each([
    ['"*.bloom"', "stands where a list is expected"],
    ["[7]", "7 stands in the list"],
    ['[""]', "a pattern is empty"],
    ['["/etc"]', "is absolute; patterns are relative to the home"],
    ['["data/../.."]', "leads out of the home"],
  ])("%s in the file is refused", (text, reason) => {
    expect(() => filed(patterns, text)).toThrow(reason);
  });
});
