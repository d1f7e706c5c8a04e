import { describe, expect, test } from "bun:test";
import { parseTOML } from "confbox/toml";
import { z } from "zod";
import { parseInstant } from "../../src/model/instant.ts";
import {
  healthPort,
  healthUrl,
  hold,
  type Kind,
  oneOf,
  optionalCommand,
  optionalDuration,
  patterns,
  windows,
} from "../../src/model/setting-kinds.ts";
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

describe("where a daemon's health is asked for", () => {
  test("is found out, left out, or a URL", () => {
    expect(typed(healthUrl, "Auto")).toBe("auto");
    expect(filed(healthUrl, "'off'")).toBe("off");
    expect(filed(healthUrl, "'http://127.0.0.1:8080/up?deep=1'")).toEqual({ url: "http://127.0.0.1:8080/up?deep=1" });
    roundTrip(healthUrl, "auto");
    roundTrip(healthUrl, { url: "https://node.example/health" });
  });

  test.each([
    ["''", "is not a URL"],
    ["'on'", '\\"on\\" is not a URL'],
    ["'/health'", "is not a URL"],
    ["'127.0.0.1:8080'", "is not a URL"],
    ["'ftp://n/'", "is neither an https nor an http URL"],
    ["'http://me:secret@n/'", "a name or a password does not belong in it"],
    ["true", "true is not a URL in quotes, auto or off"],
    ["8080", "8080 is not a URL in quotes, auto or off"],
  ])("%s in the file is refused", (text, reason) => {
    expect(() => filed(healthUrl, text)).toThrow(reason);
  });
});

describe("the port that a daemon's health is seen at", () => {
  test("is found out, left out, a port of this machine, or one of another", () => {
    expect(typed(healthPort, "OFF")).toBe("off");
    expect(filed(healthPort, "1789")).toEqual({ host: "127.0.0.1", port: 1789 });
    expect(typed(healthPort, "1789")).toEqual({ host: "127.0.0.1", port: 1789 });
    expect(filed(healthPort, "'[::1]:1789'")).toEqual({ host: "::1", port: 1789 });
    roundTrip(healthPort, "auto");
    roundTrip(healthPort, { host: "127.0.0.1", port: 1789 });
    roundTrip(healthPort, { host: "fd00::1", port: 1 });
  });

  test("is written as a number where it is this machine's", () => {
    expect(z.encode(healthPort.schema, { host: "127.0.0.1", port: 1789 })).toBe(1789);
    expect(z.encode(healthPort.schema, { host: "localhost", port: 1789 })).toBe("localhost:1789");
  });

  test.each([
    ["0", "0 is not a port"],
    ["65536", "65536 is not a port; ports are whole numbers from 1 to 65535"],
    ["1.5", "1.5 is not a port"],
    ["-1", "-1 is not a port"],
    ["'1789'", '\\"1789\\" is not host:port'],
    ["'n:http'", "is not host:port"],
    ["''", "is not host:port"],
    ["false", "false stands where a port, host:port, auto or off is expected"],
    ["[1789]", "a list stands where a port"],
  ])("%s in the file is refused", (text, reason) => {
    expect(() => filed(healthPort, text)).toThrow(reason);
  });
});

describe("a command", () => {
  test("is any line, or none", () => {
    expect(typed(optionalCommand, "curl -fsS 'http://n/' | grep -q up")).toBe("curl -fsS 'http://n/' | grep -q up");
    expect(filed(optionalCommand, "''")).toBeNull();
    roundTrip(optionalCommand, null);
    roundTrip(optionalCommand, "exit 0");
  });

  test.each([
    ["'  '", "it is blank"],
    ['"a\\nb"', "it must be one line"],
    ['"a\\u0000b"', "it must be one line"],
  ])("%s in the file is refused", (text, reason) => {
    expect(() => filed(optionalCommand, text)).toThrow(reason);
  });
});
