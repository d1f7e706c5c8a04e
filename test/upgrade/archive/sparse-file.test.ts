import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extentsOf } from "../../../src/upgrade/archive/sparse-file.ts";

const MIB = 1 << 20;
let folder: string;
let path: string;
let descriptor: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-sparse-"));
  path = join(folder, "file");
  writeFileSync(path, "");
  descriptor = openSync(path, "r+");
});

afterEach(() => {
  closeSync(descriptor);
  rmSync(folder, { recursive: true, force: true });
});

function extents(size: number) {
  return [...extentsOf(descriptor, size)];
}

test("holes and data are told in order, the last hole too", () => {
  writeSync(descriptor, Buffer.alloc(4096, "x"), 0, 4096, MIB);
  truncateSync(path, 3 * MIB);
  expect(extents(3 * MIB)).toEqual([
    { hole: true, end: MIB },
    { hole: false, end: MIB + 4096 },
    { hole: true, end: 3 * MIB },
  ]);
});

test("a file without holes is one part, an empty one none", () => {
  expect(extents(0)).toEqual([]);
  writeSync(descriptor, Buffer.alloc(10_000, "x"));
  expect(extents(10_000)).toEqual([{ hole: false, end: 10_000 }]);
});

test("a file that is only a hole is one", () => {
  truncateSync(path, 2 * MIB);
  expect(extents(2 * MIB)).toEqual([{ hole: true, end: 2 * MIB }]);
});

test("no part goes beyond the size that was asked for, however the file has changed", () => {
  truncateSync(path, MIB);
  writeSync(descriptor, Buffer.alloc(MIB, "x"), 0, MIB, MIB);
  expect(extents(MIB + 4096).at(-1)).toEqual({ hole: false, end: MIB + 4096 });
  truncateSync(path, 10);
  expect(extents(MIB).at(-1)?.end).toBe(MIB);
});

test("what cannot tell its holes counts as data", () => {
  const device = openSync("/dev/null", "r");
  expect([...extentsOf(device, 10)]).toEqual([{ hole: false, end: 10 }]);
  closeSync(device);
});
