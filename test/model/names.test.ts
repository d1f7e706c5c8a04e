import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  objectionToDaemonName,
  objectionToInstanceId,
  objectionToUpgradeName,
  printable,
} from "../../src/model/names.ts";

const HOSTILE = [
  "",
  ".",
  "..",
  ".hidden",
  "a/b",
  "/etc",
  "a\0b",
  "a\nb",
  "a\u001b[2J",
  "a\u007f",
  "a\u0085b",
  "a\u2028b",
  "\ud800",
  "x".repeat(129),
  "ü".repeat(65),
];

test.each(HOSTILE)("%p becomes no folder, whatever it would name", (name) => {
  expect(objectionToUpgradeName(name)).toBeString();
  expect(objectionToInstanceId(name)).toBeString();
  expect(objectionToDaemonName(name)).toBeString();
});

test.each(["1.1.0", "2026.1-platypus", "name with spaces", "it's", "a&b", 'a"b', "ünïcode", "-x", "x".repeat(128)])(
  "%p may become a folder",
  (name) => {
    expect(objectionToUpgradeName(name)).toBeUndefined();
    expect(objectionToInstanceId(name)).toBeUndefined();
    expect(objectionToDaemonName(name)).toBeUndefined();
  },
);

test.each(["genesis", "current"])("%p stays nymvisor's own", (name) => {
  expect(objectionToUpgradeName(name)).toContain("nymvisor's own");
  expect(objectionToInstanceId(name)).toContain("nymvisor's own");
});

test("what is printable stays on one line and drives no terminal", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (name) => {
      expect(printable(name)).toMatch(/^[^\p{Cc}\u2028\u2029]*$/u);
      expect(printable(name).isWellFormed()).toBe(true);
    }),
  );
  expect(printable("a\nb\u001b[31m")).toBe("a\\nb\\u001b[31m");
});

test("an endless name is cut", () => {
  expect(printable("x".repeat(1000))).toBe(`${"x".repeat(160)}…`);
});
