import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Layout } from "../../src/model/paths.ts";
import {
  allRolledBack,
  findRolledBack,
  freeRolledBackFolder,
  pruneRolledBack,
  removeRolledBack,
  rolledBackPaths,
  sweepEmptied,
  writeRolledBackNote,
} from "../../src/upgrade/rolled-back.ts";
import { emptyInstance } from "../support/instance.ts";
import { outcome } from "../support/outcomes.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON } from "../support/upgrades.ts";

let folder: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  folder = temporaryHome();
  layout = emptyInstance(folder).layout;
});

afterEach(() => folder[Symbol.dispose]());

function keep(name: string, at = NOON): string {
  const kept = freeRolledBackFolder(layout, name, at);
  mkdirSync(rolledBackPaths(kept).home, { recursive: true });
  writeFileSync(join(rolledBackPaths(kept).home, "db"), "x");
  writeRolledBackNote(kept, { name, version: "1", to: "genesis", at, why: "it exited", byHand: false });
  return kept;
}

test("what was put aside is found once its note is there, the oldest first", () => {
  const newer = keep("b", NOON + 5n);
  const older = keep("a");
  mkdirSync(join(layout.rolledBack, "unfinished", "home"), { recursive: true });
  expect(findRolledBack(layout).map((one) => one.folder)).toEqual([older, newer]);
  expect(findRolledBack(layout)[0]).toMatchObject({ name: "a", to: "genesis", at: NOON, why: "it exited" });
});

test("a second one of a moment has a folder of its own", () => {
  const first = keep("a");
  expect(keep("a")).not.toBe(first);
  expect(findRolledBack(layout)).toHaveLength(2);
});

test("the second good upgrade since takes it away, and the folder with the last", async () => {
  const old = keep("a");
  const young = keep("b", NOON + 5n);
  const good = [3n, 4n, 9n].map((after) => outcome({ home: layout.home, performedAt: NOON + after }));
  expect(await pruneRolledBack(layout, good, new Set([old]))).toEqual([]);
  writeFileSync(layout.wayBack, "{}");
  expect(await pruneRolledBack(layout, good)).toEqual([]);
  rmSync(layout.wayBack);
  expect(await pruneRolledBack(layout, good)).toEqual([old]);
  expect(findRolledBack(layout).map((one) => one.folder)).toEqual([young]);
  await removeRolledBack(layout, [young]);
  expect(existsSync(layout.rolledBack)).toBe(false);
});

test("folders that are left of a removal go by the way, and one whose note is damaged stays", async () => {
  const left = join(layout.rolledBack, "left", "home");
  const damaged = keep("a");
  writeFileSync(rolledBackPaths(damaged).note, "{");
  mkdirSync(left, { recursive: true });
  expect(await pruneRolledBack(layout, [])).toEqual([dirname(left)]);
  expect(existsSync(damaged)).toBe(true);
});

test("all of it can go but what a way back is about to use, and nothing while one is under way", () => {
  const one = keep("a");
  const other = keep("b");
  mkdirSync(join(layout.rolledBack, "unfinished"));
  expect(allRolledBack(layout, new Set([one]))).toEqual([other, join(layout.rolledBack, "unfinished")]);
  writeFileSync(layout.wayBack, "{}");
  expect(allRolledBack(layout, new Set())).toEqual([]);
});

test("what is left of one whose home was taken by a later way back goes, and nothing else does", async () => {
  const whole = keep("a");
  const taken = keep("b", NOON + 5n);
  rmSync(rolledBackPaths(taken).note);
  rmSync(join(rolledBackPaths(taken).home, "db"));
  const unnoted = keep("c", NOON + 7n);
  rmSync(rolledBackPaths(unnoted).note);
  await sweepEmptied(layout);
  expect([whole, taken, unnoted].map((path) => existsSync(path))).toEqual([true, false, true]);
});
