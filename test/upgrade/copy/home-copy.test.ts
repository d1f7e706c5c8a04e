import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NymvisorError } from "../../../src/model/errors.ts";
import { systemClock, useClock } from "../../../src/system/clock.ts";
import { bytesOf } from "../../../src/upgrade/archive/byte-path.ts";
import { changeSince, heldFile } from "../../../src/upgrade/archive/held-file.ts";
import { identifyFolder } from "../../../src/upgrade/archive/walk.ts";
import { copyPaths, readFinishedCopy } from "../../../src/upgrade/copy/finished-copy.ts";
import { type CopyRequest, HomeCopy } from "../../../src/upgrade/copy/home-copy.ts";
import { settleCopy } from "../../../src/upgrade/copy/settle-copy.ts";
import { snapshot } from "../archive/tree-snapshot.ts";

const MIB = 1 << 20;
const nothingMapped = { mapped: new Set<string>() };

let outer: string;
let home: string;
let destination: string;

beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), "nymvisor-home-copy-"));
  home = join(outer, "home");
  destination = join(home, "nymvisor", "copies", "v2");
  mkdirSync(join(home, "data"), { recursive: true });
  writeFileSync(join(home, "data", "small"), "small");
  writeFileSync(join(home, "data", "large"), pattern(2 * MIB));
});

afterEach(() => {
  useClock(undefined);
  rmSync(outer, { recursive: true, force: true });
});

function pattern(length: number): Buffer {
  return Buffer.from(Uint32Array.from({ length: length / 4 }, (_, index) => index * 2654435761).buffer);
}

function begin(more: Partial<CopyRequest> = {}): Promise<HomeCopy> {
  return HomeCopy.begin({ home, destination, excluded: [], exclude: [], rebuildable: [], ...more });
}

/** From now on everything was last changed long ago. */
function letTimePass(): void {
  const monotonic = () => process.hrtime.bigint();
  const wall = () => BigInt(Date.now()) * 1_000_000n + 3_600_000_000_000n;
  useClock(() => ({ monotonic, wall, after: systemClock.after }));
}

function pokeLarge(position: number, text: string): void {
  const file = openSync(join(home, "data", "large"), "r+");
  writeSync(file, text, position);
  closeSync(file);
}

async function expectSame(copy: HomeCopy, leaveOut: (path: string) => boolean = () => false) {
  const finished = await copy.finish(nothingMapped);
  const settled = await settleCopy(finished);
  expect(snapshot(settled.tree)).toEqual(snapshot(home, (path) => path === "nymvisor" || leaveOut(path)));
  return finished;
}

describe("rounds", () => {
  test("copy again what changed too short a time ago, and nothing else", async () => {
    const copy = await begin();
    expect(await copy.round()).toEqual({ bytes: 2 * MIB + 5, files: 2 });
    expect((await copy.round()).files).toBe(2);
    letTimePass();
    await copy.round();
    expect(await copy.round()).toEqual({ bytes: 0, files: 0 });
  });

  test("write only the blocks of a large file that have changed", async () => {
    const copy = await begin();
    await copy.round();
    pokeLarge(MIB + 5, "x");
    expect((await copy.round()).bytes).toBe(4096 + 5);
    const { atStop } = await expectSame(copy);
    expect(atStop).toEqual({ bytes: 5, files: 2 });
  });

  test("copy whole again what was cut off and has come back", async () => {
    const copy = await begin();
    await copy.round();
    truncateSync(join(home, "data", "large"), MIB + 100);
    await copy.round();
    writeFileSync(join(home, "data", "large"), pattern(2 * MIB));
    await copy.round();
    await expectSame(copy);
  });

  test("prepare no more room for what changes at the stop than the home itself takes", async () => {
    const copy = await begin();
    await copy.round();
    expect(statSync(copyPaths(destination).log).size).toBe(3 * MIB);
  });

  test("are stopped by their signal, with an error that says so", async () => {
    const controller = new AbortController();
    const copy = await begin({ signal: controller.signal });
    controller.abort(new Error("SIGTERM"));
    expect(copy.round()).rejects.toThrow("the copy of the home was stopped before it was complete: SIGTERM");
  });

  test("tell how far they are", async () => {
    const told: [number, number | null][] = [];
    const copy = await begin({ onProgress: (done, total) => told.push([done, total]) });
    await copy.round();
    expect(told.at(-1)).toEqual([2 * MIB + 5, 2 * MIB + 5]);
  });
});

describe("the stop", () => {
  test("is enough by itself", async () => {
    await expectSame(await begin());
  });

  test("takes down what came, went and changed its kind after the last round", async () => {
    mkdirSync(join(home, "folder"));
    writeFileSync(join(home, "folder", "inner"), "inner");
    writeFileSync(join(home, "file"), "file");
    writeFileSync(join(home, "pipe"), "a file yet");
    symlinkSync("data", join(home, "link"));
    const copy = await begin();
    await copy.round();
    rmSync(join(home, "folder"), { recursive: true });
    writeFileSync(join(home, "folder"), "a file now");
    rmSync(join(home, "file"));
    mkdirSync(join(home, "file"));
    renameSync(join(home, "data", "large"), join(home, "file", "inner"));
    rmSync(join(home, "pipe"));
    Bun.spawnSync(["mkfifo", join(home, "pipe")]);
    rmSync(join(home, "link"));
    symlinkSync("elsewhere", join(home, "link"));
    appendFileSync(join(home, "data", "small"), "er");
    await expectSame(copy);
  });

  test("looks again at what was mapped, though nothing seems to have changed", async () => {
    letTimePass();
    const copy = await begin();
    await copy.round();
    const { dev, ino } = statSync(join(home, "data", "large"), { bigint: true });
    const finished = await copy.finish({ mapped: new Set([`${dev}:${ino}`]) });
    expect(finished.atStop).toEqual({ bytes: 0, files: 1 });
  });

  test("stores a large file whole that was rewritten, and of one that was not only what has changed", async () => {
    const large = 16 * MIB;
    for (const name of ["rewritten", "changed"]) writeFileSync(join(home, "data", name), pattern(large));
    const copy = await begin();
    await copy.round();
    writeFileSync(join(home, "data", "rewritten"), pattern(large).reverse());
    const file = openSync(join(home, "data", "changed"), "r+");
    writeSync(file, Buffer.alloc(large / 2, "x"), 0, large / 2, 0);
    closeSync(file);
    const { changes, path } = await copy.finish(nothingMapped);
    expect(readdirSync(copyPaths(path).stored)).toHaveLength(1);
    expect(lstatSync(join(copyPaths(path).stored, "1")).size).toBe(large);
    expect(changes).toBeGreaterThan(large / 2);
    expect(changes).toBeLessThan(large / 2 + MIB);
    const found = readFinishedCopy(path);
    if (found === undefined) throw new Error("there is no copy");
    const settled = await settleCopy(found);
    expect(snapshot(settled.tree)).toEqual(snapshot(home, (path) => path === "nymvisor"));
  });

  test("makes the copy complete: before it there is none", async () => {
    const copy = await begin();
    await copy.round();
    expect(readFinishedCopy(destination)).toBeUndefined();
    const finished = await copy.finish(nothingMapped);
    expect(readFinishedCopy(destination)).toEqual(finished);
    expect(finished).toMatchObject({ files: 2, bytes: 2 * MIB + 5, leftOut: [], disturbed: [], notKept: [] });
    const settled = await settleCopy(finished);
    expect(readFinishedCopy(destination)).toEqual({ ...finished, changes: null });
    expect(settled).toEqual({ ...finished, changes: null });
    expect([existsSync(copyPaths(destination).log), existsSync(copyPaths(destination).stored)]).toEqual([false, false]);
  });

  test("keeps holes, and fills those of the copy that the file has no more", async () => {
    const path = join(home, "data", "sparse");
    const file = openSync(path, "w");
    ftruncateSync(file, 64 * MIB);
    writeSync(file, "x".repeat(5000), 32 * MIB);
    const copy = await begin();
    await copy.round();
    expect(lstatSync(join(destination, "home", "data", "sparse")).blocks).toBeLessThan(100);
    ftruncateSync(file, 0);
    ftruncateSync(file, 64 * MIB);
    writeSync(file, "y", 48 * MIB);
    closeSync(file);
    const { changes } = await expectSame(copy);
    expect(changes).toBeLessThan(2 * MIB + 100_000);
  });
});

describe("files that the daemon can rebuild", () => {
  const rebuildable = ["data/bloom/*"];
  const bloom = () => join(home, "data", "bloom", "rot-1.bloom");

  test("are held by a further name, which proves that they are as they were", async () => {
    mkdirSync(join(home, "data", "bloom"));
    writeFileSync(bloom(), pattern(MIB));
    const copy = await begin({ rebuildable });
    expect((await copy.round()).files).toBe(2);
    const finished = await expectSame(copy);
    const [held] = finished.held;
    if (held === undefined) throw new Error("nothing is held");
    const kept = join(destination, "home", bytesOf(held.name).toString());
    expect(statSync(kept).ino).toBe(statSync(bloom()).ino);
    expect(changeSince(held.file, heldFile(lstatSync(kept, { bigint: true })))).toBeUndefined();
    writeFileSync(`${bloom()}.flush`, "new");
    renameSync(`${bloom()}.flush`, bloom());
    expect(changeSince(held.file, heldFile(lstatSync(kept, { bigint: true })))).toBeUndefined();
    expect(readFileSync(kept).equals(pattern(MIB))).toBe(true);
  });

  test("are left out of the copy of a node that runs, where it has them mapped: it could change them without a trace", async () => {
    mkdirSync(join(home, "data", "bloom"));
    writeFileSync(bloom(), pattern(MIB));
    writeFileSync(join(home, "data", "bloom", "other"), "other");
    const copy = await begin({ rebuildable });
    await copy.round();
    const { dev, ino } = statSync(bloom(), { bigint: true });
    const finished = await copy.finish({ mapped: new Set([`${dev}:${ino}`]), isLive: true });
    expect(finished.held.map(({ name }) => String(name))).toEqual(["data/bloom/other"]);
    expect(finished.leftOut.map(({ name }) => String(name))).toEqual(["data/bloom/rot-1.bloom"]);
    const settled = await settleCopy(finished);
    expect(existsSync(join(settled.tree, "data", "bloom", "rot-1.bloom"))).toBe(false);
  });

  test("are held also in a folder that was a file in the last round", async () => {
    writeFileSync(join(home, "data", "bloom"), "a file");
    const copy = await begin({ rebuildable });
    await copy.round();
    rmSync(join(home, "data", "bloom"));
    mkdirSync(join(home, "data", "bloom"));
    writeFileSync(bloom(), "bloom");
    const { held } = await expectSame(copy);
    expect(held).toHaveLength(1);
  });
});

test("what is to be left out is named, and so is what no copy can hold", async () => {
  const backups = join(home, "backups");
  mkdirSync(backups);
  writeFileSync(join(backups, "old"), "old");
  writeFileSync(join(home, "data", "a.bloom"), "bloom");
  Bun.spawnSync(["mkfifo", join(home, "fifo")]);
  const excluded = [identifyFolder(backups)].filter((folder) => folder !== undefined);
  const copy = await begin({ exclude: ["*.bloom"], excluded });
  await copy.round();
  const { leftOut } = await expectSame(copy, (path) => path === "backups" || path.endsWith(".bloom"));
  expect(leftOut.map(({ name, reason }) => `${name}: ${reason}`).sort()).toEqual([
    "data/a.bloom: excluded",
    "fifo: fifo",
  ]);
});

test("nobody else may look into a copy, and its folders keep the rights and times of the home's", async () => {
  chmodSync(join(home, "data"), 0o550);
  utimesSync(join(home, "data"), 1, 1_700_000_000.5);
  const copy = await begin();
  await copy.round();
  expect(statSync(destination).mode & 0o777).toBe(0o700);
  await expectSame(copy);
  expect(statSync(join(destination, "home", "data")).mode & 0o777).toBe(0o550);
  await copy.discard();
  expect(existsSync(destination)).toBe(false);
});

test("a log that is not what was written is refused", async () => {
  const copy = await begin();
  const finished = await copy.finish(nothingMapped);
  const log = openSync(copyPaths(destination).log, "r+");
  writeSync(log, "?", 200);
  closeSync(log);
  const error = await settleCopy(finished).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(NymvisorError);
  expect(String(error)).toContain("the copy of the home is damaged");
});
