import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NymvisorError } from "../../../src/model/errors.ts";
import { bulkDisk, nodeBulkDisk, useBulkDisk } from "../../../src/system/bulk-disk.ts";
import { manifestHead } from "../../../src/upgrade/archive/manifest.ts";
import { writeArchive } from "../../../src/upgrade/archive/write-archive.ts";
import { GENTLE_PIECE, Pace } from "../../../src/upgrade/pace.ts";
import { checkGzip } from "./gnu-tar.ts";

const MIB = 1 << 20;

let folder: string;
let tree: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-gentle-"));
  tree = join(folder, "tree");
  mkdirSync(tree);
  const pages = Buffer.alloc(6 * MIB + 77, "a page of a database, and more of it; ");
  const random = Buffer.concat(Array.from({ length: 96 }, () => crypto.getRandomValues(new Uint8Array(65_536))));
  writeFileSync(join(tree, "pages"), pages);
  writeFileSync(join(tree, "random"), random);
});

afterEach(() => {
  useBulkDisk(nodeBulkDisk);
  rmSync(folder, { recursive: true, force: true });
});

const archive = (name: string, pace?: Pace) =>
  writeArchive({
    tree,
    head: manifestHead({ daemon: null, upgrade: "v2", from: null, taken: "stopped", note: "" }, tree, 0n),
    names: () => [join(folder, name)],
    readBack: true,
    excluded: [],
    ...(pace === undefined ? {} : { pace }),
  });

test("an archive that is made gently is the same, byte for byte", async () => {
  const [hasty, gentle] = [await archive("hasty.tar.gz"), await archive("gentle.tar.gz", new Pace())];
  checkGzip(gentle.path);
  expect(gentle.bytes).toBe(hasty.bytes);
  expect(readFileSync(gentle.path).equals(readFileSync(hasty.path))).toBe(true);
});

test("reading and writing do not rest for one another's rests", async () => {
  const sleep = spyOn(Bun, "sleep");
  try {
    await archive("gentle.tar.gz", new Pace());
    const rests = sleep.mock.calls.map(([milliseconds]) => Number(milliseconds)).toSorted((a, b) => a - b);
    expect(rests.length).toBeGreaterThan(100);
    // As long as a piece takes. Were waiting taken for work they would grow from one to the next, up to 250 ms.
    expect(rests[Math.floor(rests.length * 0.9)]).toBeLessThan(50);
  } finally {
    sleep.mockRestore();
  }
});

test("no more than a piece is written between two syncs, and only the rest at the end", async () => {
  const written: number[] = [];
  let waiting = 0;
  useBulkDisk({
    ...bulkDisk,
    writevSync(descriptor, parts) {
      const count = nodeBulkDisk.writevSync(descriptor, parts);
      waiting += count;
      return count;
    },
    async fdatasync(descriptor) {
      written.push(waiting);
      waiting = 0;
      await nodeBulkDisk.fdatasync(descriptor);
    },
  });
  const { bytes } = await archive("gentle.tar.gz", new Pace());
  expect(written.length).toBeGreaterThan(10);
  // The piece with which the portion is full counts.
  expect(Math.min(...written)).toBeGreaterThanOrEqual(GENTLE_PIECE);
  expect(Math.max(...written)).toBeLessThan(MIB + GENTLE_PIECE);
  expect(written.reduce((sum, each) => sum + each, waiting)).toBe(bytes);
});

test("a disk that cannot keep a piece is an error, and nothing is left", async () => {
  let syncs = 0;
  useBulkDisk({
    ...bulkDisk,
    async fdatasync(descriptor) {
      syncs += 1;
      if (syncs === 5) throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
      await nodeBulkDisk.fdatasync(descriptor);
    },
  });
  await expect(archive("gentle.tar.gz", new Pace())).rejects.toBeInstanceOf(NymvisorError);
  expect(readdirSync(folder)).toEqual(["tree"]);
});
