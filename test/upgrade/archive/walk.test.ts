import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { asBytePath, type BytePath } from "../../../src/upgrade/archive/byte-path.ts";
import { walkHome, walkKnownHome } from "../../../src/upgrade/archive/walk.ts";
import { temporaryHome } from "../../support/temporary-home.ts";

test("a walk passes over the files that are known already, and over nothing else", () => {
  using home = temporaryHome();
  mkdirSync(home.at("data"));
  for (const name of ["data/known", "data/new", "known"]) writeFileSync(home.at(name), name);
  symlinkSync("known", home.at("link"));
  const sizes = new Map<BytePath, number>();
  const isKnown = (name: BytePath, stat: { byteCount: number }) => {
    sizes.set(name, stat.byteCount);
    return name.endsWith("known");
  };
  const walked = [...walkKnownHome(home.path, [], { leaveOut: () => false, isKnown })];
  expect(walked.map((found) => found?.name ?? null)).toEqual(["data", null, "data/new", null, "link"].map(nameOrNull));
  expect([...sizes]).toEqual([
    [asBytePath("data/known"), 10],
    [asBytePath("data/new"), 8],
    [asBytePath("known"), 5],
  ]);
});

test("what a walk tells of a file stays, whatever it comes to next", () => {
  using home = temporaryHome();
  for (const name of ["a", "bb", "ccc"]) writeFileSync(home.at(name), name);
  const walked = [...walkHome(home.path, [])];
  expect(walked.map((found) => (found.gone ? -1 : found.stat.byteCount))).toEqual([1, 2, 3]);
});

const nameOrNull = (name: string | null) => (name === null ? null : asBytePath(name));
