import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeDisk, useDisk } from "../../../src/system/disk.ts";
import { copyPaths, type FinishedCopy, writeNote } from "../../../src/upgrade/copy/finished-copy.ts";
import { settleCopy } from "../../../src/upgrade/copy/settle-copy.ts";
import { type TemporaryHome, temporaryHome } from "../../support/temporary-home.ts";

let home: TemporaryHome;
let giveDiskBack = () => {};

beforeEach(() => {
  home = temporaryHome();
});

afterEach(() => {
  giveDiskBack();
  home[Symbol.dispose]();
});

/** What an attempt leaves behind that has written its note, and was ended before it removed what that made needless. */
function putSettledCopy(): FinishedCopy {
  const path = home.at("copy");
  const { tree, stored, log } = copyPaths(path);
  for (const folder of [tree, stored]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(stored, "1"), "stored");
  writeFileSync(log, "log");
  const lists = { leftOut: [], disturbed: [], notKept: [], held: [] };
  const counts = { files: 0, bytes: 0, atStop: { files: 0, bytes: 0 }, changes: null };
  return writeNote({ path, tree, home: home.path, finishedAt: 1n, bootId: "b", ...counts, ...lists });
}

test("what the log needs stays where the disk does not confirm the note that has no need of it", async () => {
  const copy = putSettledCopy();
  const { stored, log } = copyPaths(copy.path);
  giveDiskBack = useDisk(() => ({
    ...nodeDisk,
    fsyncSync() {
      throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
    },
  }));
  await expect(settleCopy(copy)).rejects.toThrow("the home cannot be copied");
  expect(existsSync(join(stored, "1"))).toBe(true);
  expect(existsSync(log)).toBe(true);
  giveDiskBack();
  await settleCopy(copy);
  expect(existsSync(stored)).toBe(false);
  expect(existsSync(log)).toBe(false);
});
