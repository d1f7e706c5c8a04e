import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bootId } from "../../../src/system/process-table.ts";
import { asBytePath } from "../../../src/upgrade/archive/byte-path.ts";
import { heldFile } from "../../../src/upgrade/archive/held-file.ts";
import type { FinishedCopy } from "../../../src/upgrade/copy/finished-copy.ts";
import { dropUnproven } from "../../../src/upgrade/way-back/held-files.ts";
import { type TemporaryHome, temporaryHome } from "../../support/temporary-home.ts";
import { NOON } from "../../support/upgrades.ts";

let folder: TemporaryHome;
let live: string;
let copied: string;
let copy: FinishedCopy;

beforeEach(() => {
  folder = temporaryHome();
  const tree = folder.at("copy/home");
  live = folder.at("bloom");
  copied = join(tree, "data/bloom");
  mkdirSync(join(tree, "data"), { recursive: true });
  writeFileSync(live, "as it was at the stop");
  utimesSync(live, 1000, 1000);
  linkSync(live, copied);
  copy = {
    path: folder.at("copy"),
    tree,
    home: folder.path,
    finishedAt: NOON,
    bootId: bootId(),
    files: 1,
    bytes: 1,
    atStop: { files: 0, bytes: 0 },
    leftOut: [],
    disturbed: [],
    notKept: [],
    held: [{ name: asBytePath("data/bloom"), file: heldFile(lstatSync(live, { bigint: true })) }],
    changes: null,
  };
});
afterEach(() => folder[Symbol.dispose]());

test("what is proven to be as it was at the stop stays", () => {
  expect(dropUnproven(copy)).toEqual([]);
  expect(existsSync(copied)).toBe(true);
});

test("what the daemon has put another file in the place of is as it was", () => {
  rmSync(live);
  writeFileSync(live, "another one");
  expect(dropUnproven(copy)).toEqual([]);
  expect(existsSync(copied)).toBe(true);
});

test.each<[string, () => void]>([
  ["was written to in place", () => writeFileSync(live, "as it was AFTER it ")],
  ["has grown", () => writeFileSync(live, "x", { flag: "a" })],
  ["has other rights", () => chmodSync(live, 0o600)],
])("what %s is dropped, and named", (_, change) => {
  change();
  expect(dropUnproven(copy)).toEqual(["data/bloom"]);
  expect(existsSync(copied)).toBe(false);
  expect(existsSync(live)).toBe(true);
});

test("after another boot nothing is proven: its bytes may never have come to the disk", () => {
  expect(dropUnproven({ ...copy, bootId: "another" })).toEqual(["data/bloom"]);
  expect(existsSync(copied)).toBe(false);
});

test("what was dropped before is no trouble", () => {
  rmSync(copied);
  expect(dropUnproven({ ...copy, bootId: "another" })).toEqual([]);
});
