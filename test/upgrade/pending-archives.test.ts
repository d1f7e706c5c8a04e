import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Layout } from "../../src/model/paths.ts";
import { copyPaths, writeNote } from "../../src/upgrade/copy/finished-copy.ts";
import {
  disownCopy,
  leftCopies,
  noteArchived,
  noteArchiveOrder,
  pendingArchives,
  upgradeCopies,
} from "../../src/upgrade/pending-archives.ts";
import { emptyInstance } from "../support/instance.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON } from "../support/upgrades.ts";

let home: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  home = temporaryHome();
  ({ layout } = emptyInstance(home));
});
afterEach(() => home[Symbol.dispose]());

function copy(name: string, at = NOON): string {
  const path = join(layout.copies, name);
  const { tree } = copyPaths(path);
  mkdirSync(tree, { recursive: true });
  const nothing = { leftOut: [], disturbed: [], notKept: [], held: [], changes: null, atStop: { files: 0, bytes: 0 } };
  writeNote({ path, tree, home: layout.home, finishedAt: at, bootId: "b", files: 1, bytes: 7, ...nothing });
  noteArchiveOrder(path, { name, from: "1.0.0", at });
  return path;
}

const pathsOf = (found: { copy: string }[]) => found.map((one) => one.copy);

test("a copy waits for its archive; once it has that, it is one that nobody needs but for a way back", () => {
  const [young, old] = [copy("1.2.0", NOON + 5n), copy("1.1.0")];
  expect(pathsOf(pendingArchives(layout))).toEqual([old, young]);
  expect(leftCopies(layout, [])).toEqual([]);
  noteArchived(old);
  expect(pathsOf(pendingArchives(layout))).toEqual([young]);
  expect(upgradeCopies(layout).map(({ archived }) => archived)).toEqual([true, false]);
  expect(leftCopies(layout, [])).toEqual([old]);
  expect(leftCopies(layout, [null, old])).toEqual([]);
});

test("what is noted of a copy stays but for that it is archived", () => {
  const path = copy("1.1.0");
  noteArchived(path);
  expect(upgradeCopies(layout)).toMatchObject([{ name: "1.1.0", order: { at: NOON, head: { from: "1.0.0" } } }]);
});

test("a copy that is disowned does not come back for being archived", () => {
  const path = copy("1.1.0");
  disownCopy(path);
  noteArchived(path);
  expect(upgradeCopies(layout)).toEqual([]);
  expect(leftCopies(layout, [])).toEqual([path]);
});

test("what an older nymvisor has noted waits for its archive", () => {
  const path = copy("1.1.0");
  const order = join(path, "archive.json");
  const { archived, ...older } = JSON.parse(readFileSync(order, "utf8"));
  expect(archived).toBe(false);
  writeFileSync(order, JSON.stringify(older));
  expect(pathsOf(pendingArchives(layout))).toEqual([path]);
});
