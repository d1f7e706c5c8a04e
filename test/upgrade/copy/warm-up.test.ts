import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, rmSync, utimesSync, writeSync } from "node:fs";
import { join } from "node:path";
import { dropFromCache } from "../../../src/upgrade/archive/libc.ts";
import { identifyFolder } from "../../../src/upgrade/archive/walk.ts";
import { type WarmUpRequest, warmUp } from "../../../src/upgrade/copy/warm-up.ts";

const MIB = 1 << 20;

let outer: string;
let home: string;

beforeEach(() => {
  // Where a file system is in memory there is nothing to warm up; this folder is on a disk everywhere.
  outer = mkdtempSync("/var/tmp/nymvisor-warm-up-");
  home = join(outer, "home");
  mkdirSync(join(home, "data/replay-detection"), { recursive: true });
});

afterEach(() => rmSync(outer, { recursive: true, force: true }));

/** Which tells what of a file is in memory; of util-linux. */
const fincore = Bun.which("fincore");
const testWithFincore = test.skipIf(fincore === null);

/** A file of that many bytes, on the disk and not in memory. */
function coldFile(path: string, bytes: number, changed = Date.now()): string {
  const file = openSync(path, "w");
  for (let done = 0; done < bytes; done += MIB) writeSync(file, new Uint8Array(Math.min(MIB, bytes - done)).fill(7));
  fsyncSync(file);
  dropFromCache(file);
  closeSync(file);
  utimesSync(path, changed / 1000, changed / 1000);
  return path;
}

/** How many bytes of a file the kernel has in memory: fincore(1). */
function cached(path: string): number {
  const { stdout, exitCode } = Bun.spawnSync([
    fincore ?? "fincore",
    "--bytes",
    "--noheadings",
    "--output",
    "RES",
    path,
  ]);
  expect(exitCode).toBe(0);
  return Number(stdout.toString().trim());
}

const warm = (others: Partial<WarmUpRequest> = {}) =>
  warmUp({ home, excluded: [], exclude: [], rebuildable: [], programs: [], ...others });

testWithFincore("what a home's files hold, and the program, is in memory afterwards, to the last byte", async () => {
  const database = coldFile(join(home, "data/db.sqlite"), 5 * MIB + 4096);
  const program = coldFile(join(outer, "nym-node"), 3 * MIB);
  expect([cached(database), cached(program)]).toEqual([0, 0]);
  await warm({ programs: [program] });
  expect(cached(database)).toBe(5 * MIB + 4096);
  expect(cached(program)).toBe(3 * MIB);
});

testWithFincore("what the stop does not read stays where it is", async () => {
  mkdirSync(join(home, "backups"));
  const bloom = coldFile(join(home, "data/replay-detection/rot-1.bloom"), MIB);
  const log = coldFile(join(home, "data/node.log"), MIB);
  const backup = coldFile(join(home, "backups/old.tar.gz"), MIB);
  const key = coldFile(join(home, "data/key"), MIB);
  const folder = identifyFolder(join(home, "backups"));
  await warm({
    excluded: folder === undefined ? [] : [folder],
    exclude: ["*.log"],
    rebuildable: ["data/replay-detection/*"],
  });
  expect([bloom, log, backup].map(cached)).toEqual([0, 0, 0]);
  expect(cached(key)).toBe(MIB);
});

testWithFincore("the files that changed last are read, as many as may be", async () => {
  const now = Date.now();
  const [oldest, old, young, younger] = [4, 3, 2, 1].map((hours) =>
    coldFile(join(home, `data/${hours}.sqlite`), (hours === 3 ? 3 : 1) * MIB, now - hours * 3_600_000),
  ) as [string, string, string, string];
  await warm({ mostBytes: 3.5 * MIB });
  expect([younger, young, old].map(cached)).toEqual([MIB, MIB, 0]);
  // What did not fit is passed over, not the end.
  expect(cached(oldest)).toBe(MIB);
});

testWithFincore("what is not there, or may not be read, keeps nobody from the rest", async () => {
  const database = coldFile(join(home, "data/db.sqlite"), MIB);
  const program = coldFile(join(outer, "nym-node"), MIB);
  await warm({ programs: [join(outer, "gone"), outer, program] });
  expect([cached(database), cached(program)]).toEqual([MIB, MIB]);
});

testWithFincore("it is given up when the upgrade is", async () => {
  const database = coldFile(join(home, "data/db.sqlite"), MIB);
  const signal = AbortSignal.abort(new Error("not wanted any more"));
  await expect(warm({ signal })).rejects.toThrow("not wanted any more");
  expect(cached(database)).toBe(0);
});
