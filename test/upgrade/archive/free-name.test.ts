import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { moveToFreeName } from "../../../src/upgrade/archive/free-name.ts";

let folder: string;
let temporary: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-free-name-"));
  temporary = join(folder, ".temporary");
  writeFileSync(temporary, "new");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function refusesLinks(): never {
  throw Object.assign(new Error("operation not permitted"), { code: "EPERM" });
}

test.each([
  ["with hard links", undefined],
  ["without hard links", refusesLinks],
])("%s the first free name is taken, and nothing is replaced", (_, link) => {
  writeFileSync(join(folder, "a"), "old");
  symlinkSync("/nowhere", join(folder, "b"));
  const names = ["a", "b", "c", "d"].map((name) => join(folder, name));
  expect(moveToFreeName(temporary, names, link)).toBe(join(folder, "c"));
  expect(readdirSync(folder).toSorted()).toEqual(["a", "b", "c"]);
  expect(readFileSync(join(folder, "a"), "utf8")).toBe("old");
  expect(readFileSync(join(folder, "c"), "utf8")).toBe("new");
});

test("any other failure is told, and the file stays", () => {
  expect(() => moveToFreeName(temporary, [join(folder, "missing/a")])).toThrow("ENOENT");
  expect(readdirSync(folder)).toEqual([".temporary"]);
});

test("without a free name there is an error", () => {
  expect(() => moveToFreeName(temporary, [temporary])).toThrow("every name");
});
