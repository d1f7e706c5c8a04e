import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asBytePath } from "../../../src/upgrade/archive/byte-path.ts";
import { changeSince, type HeldFile, heldFile } from "../../../src/upgrade/archive/held-file.ts";
import { manifestHead } from "../../../src/upgrade/archive/manifest.ts";
import { readArchive } from "../../../src/upgrade/archive/read-archive.ts";
import { writeArchive } from "../../../src/upgrade/archive/write-archive.ts";
import { Pace } from "../../../src/upgrade/pace.ts";
import { checkGzip, list } from "./gnu-tar.ts";

let folder: string;
let tree: string;
let live: string;
let held: HeldFile;

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-held-"));
  tree = join(folder, "tree");
  live = join(folder, "rot-1.bloom");
  mkdirSync(tree);
  writeFileSync(join(tree, "a"), Buffer.alloc(700_000, "first"));
  writeFileSync(live, Buffer.concat([random(65_536), Buffer.alloc(1_500_000, "bloom"), random(65_536)]));
  linkSync(live, join(tree, "m.bloom"));
  writeFileSync(join(tree, "z"), Buffer.alloc(900_000, "last"));
  held = heldFile(lstatSync(live, { bigint: true }));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** @param during called whenever progress is told, while the archive is written. */
function make(during: () => void = () => {}) {
  return writeArchive({
    tree,
    head: manifestHead({ daemon: null, upgrade: "v2", from: null, taken: "stopped", note: "" }, tree, 0n),
    names: () => [join(folder, "archive.tar.gz")],
    readBack: true,
    excluded: [],
    held: new Map([[asBytePath("m.bloom"), held]]),
    onProgress: during,
    // As always with them.
    pace: new Pace(),
  });
}

test("a held file that is as it was is in the archive, whole", async () => {
  const { path, files, leftOut } = await make();
  expect({ files, leftOut }).toEqual({ files: 3, leftOut: [] });
  expect(list(path)).toEqual(["a", "m.bloom", "z"]);
});

test("that the daemon removes its own name of it changes nothing", async () => {
  unlinkSync(live);
  expect((await make()).leftOut).toEqual([]);
});

test("one that was written to in place is left out, and the manifest says so", async () => {
  appendFileSync(live, "x");
  const { path, files, leftOut, sourceBytes } = await make();
  const why = "it was changed before it was archived: its size has changed";
  expect(leftOut).toEqual([{ path: join(tree, "m.bloom"), kind: "file", why }]);
  expect({ files, sourceBytes }).toEqual({ files: 2, sourceBytes: 1_600_000 });
  expect((await readArchive(path, () => undefined)).leftOut).toEqual([{ name: asBytePath("m.bloom"), reason: why }]);
});

test("one that changes while it is read is cut out of the archive again", async () => {
  let told = 0;
  const { path, leftOut, disturbed } = await make(() => {
    told += 1;
    // By then a part of it is written.
    if (told === 2) writeFileSync(live, "other", { flag: "r+" });
  });
  expect(told).toBeGreaterThanOrEqual(2);
  expect(leftOut).toHaveLength(1);
  expect(disturbed).toEqual([]);
  checkGzip(path);
  expect(list(path)).toEqual(["a", "z"]);
  expect(readFileSync(path).includes("other")).toBe(false);
});

test("one that is gone is left out", async () => {
  unlinkSync(join(tree, "m.bloom"));
  writeFileSync(join(tree, "m.bloom"), readFileSync(live));
  const { leftOut } = await make();
  expect(leftOut).toMatchObject([{ why: "it was changed before it was archived: it is another file" }]);
});

test.each([
  ["times that were put back", () => utimesSync(live, 1, Number(held.mtimeNs) / 1e9)],
  ["a mode that was changed", () => chmodSync(live, 0o600)],
  [
    "bytes that were changed and times put back",
    () => {
      writeFileSync(live, "other", { flag: "r+" });
      const seconds = Number(held.mtimeNs / 1_000_000_000n);
      utimesSync(live, seconds, seconds);
    },
  ],
])("%s are noticed", (_, change) => {
  change();
  expect(changeSince(held, heldFile(lstatSync(live, { bigint: true })))).toBeDefined();
});
