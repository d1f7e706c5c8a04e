import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { asBytePath } from "../../../src/upgrade/archive/byte-path.ts";
import { DamagedArchive } from "../../../src/upgrade/archive/damaged.ts";
import { readGzipComment } from "../../../src/upgrade/archive/gzip-comment.ts";
import { decodeHead, manifestHead } from "../../../src/upgrade/archive/manifest.ts";
import { type ReadArchive, readArchive } from "../../../src/upgrade/archive/read-archive.ts";
import type { ReadEntry } from "../../../src/upgrade/archive/tar-reader.ts";
import { backUp } from "../../../src/upgrade/backup.ts";
import { piece, writePieces } from "./tar-pieces.ts";

let folder: string;
let home: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-read-archive-"));
  home = join(folder, "home");
  mkdirSync(join(home, "data"), { recursive: true });
  writeFileSync(join(home, "data/keys"), crypto.getRandomValues(new Uint8Array(60_000)));
  writeFileSync(join(home, "notes"), "text\n".repeat(1000));
  symlinkSync("data/keys", join(home, "link"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const FACTS = {
  daemon: "nym-node",
  upgrade: "v2",
  from: "1.0.0",
  taken: "stopped",
  note: 'über "it" \u{1F980}',
} as const;

async function archive(): Promise<string> {
  return (await backUp({ home, backups: join(folder, "backups"), name: "v2", at: 5n, facts: FACTS })).path;
}

async function read(path: string): Promise<ReadArchive & { seen: ReadEntry[] }> {
  const seen: ReadEntry[] = [];
  const result = await readArchive(path, (entry) => void seen.push(entry));
  return { ...result, seen };
}

async function damage(path: string): Promise<string> {
  try {
    await read(path);
  } catch (error) {
    if (error instanceof DamagedArchive) return error.why ?? "";
    throw error;
  }
  throw new Error("nothing was found to be wrong with it");
}

/** Changes what is compressed, and leaves the compression in order. */
function tamper(path: string, from: string, to: string): string {
  const bytes = gunzipSync(readFileSync(path));
  const at = bytes.indexOf(from);
  if (at === -1) throw new Error(`${from} is not in it`);
  bytes.write(to, at);
  writeFileSync(path, gzipSync(bytes));
  return path;
}

test("an archive is what its manifest says, and tells who took it when and why", async () => {
  const path = await archive();
  const result = await read(path);
  expect(result).toMatchObject({ entries: 4, files: 2, contentBytes: 65_000, leftOut: [] });
  expect(result.head).toEqual(manifestHead(FACTS, home, 5n));
  expect(decodeHead(readGzipComment(path) ?? "")).toEqual(manifestHead(FACTS, home, 5n));
  expect(result.seen.map(({ name }) => name as string)).toEqual(["data", "data/keys", "link", "notes"]);
});

test("what was excluded is named in the manifest, with all that lies in it left out", async () => {
  mkdirSync(join(home, "data/cache"));
  writeFileSync(join(home, "data/cache/x"), "");
  writeFileSync(join(home, "data/rot-1.bloom"), "");
  const exclude = ["*.bloom", "data/cache/"];
  const { path } = await backUp({ home, backups: join(folder, "backups"), name: "v2", at: 5n, exclude });
  const { seen, leftOut } = await read(path);
  expect(seen.map(({ name }) => name as string)).toEqual(["data", "data/keys", "link", "notes"]);
  expect(leftOut).toEqual([
    { name: asBytePath("data/cache"), reason: "excluded by [backup] exclude" },
    { name: asBytePath("data/rot-1.bloom"), reason: "excluded by [backup] exclude" },
  ]);
});

test("a manifest that was unpacked into the home is not taken for the home's", async () => {
  writeFileSync(join(home, ".nymvisor-manifest.json"), "old");
  expect((await read(await archive())).entries).toBe(4);
});

test("any byte of the contents that differs is found, and its file named", async () => {
  const path = tamper(await archive(), "text\ntext\n", "text\ntexT\n");
  expect(await damage(path)).toBe(`${path}: notes is not what the manifest says it was`);
});

test("a mode that differs is found", async () => {
  const path = await archive();
  const bytes = gunzipSync(readFileSync(path));
  let at = bytes.indexOf("notes\0");
  // Before it stands its extended header, whose name ends alike.
  while (at % 512 !== 0) at = bytes.indexOf("notes\0", at + 1);
  const other = piece("notes", { mode: 0o777, size: 5000, mtime: 0n });
  other.copy(bytes, at, 0, 512);
  writeFileSync(path, gzipSync(bytes));
  expect(await damage(path)).toContain("notes is not what the manifest says");
});

test("a manifest that tells of more or fewer entries is found", async () => {
  const path = await archive();
  const bytes = gunzipSync(readFileSync(path));
  const manifest = bytes.lastIndexOf(".nymvisor-manifest.json");
  const more = Buffer.concat([bytes.subarray(0, manifest), piece("slipped in"), bytes.subarray(manifest)]);
  writeFileSync(path, gzipSync(more));
  expect(await damage(path)).toContain("it holds 5 entries, and its manifest names 4");
});

test.each([
  ["cut off", (bytes: Buffer) => bytes.subarray(0, bytes.length - 20)],
  ["cut in half", (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
  ["cut to its header", (bytes: Buffer) => bytes.subarray(0, 200)],
  ["with one bit flipped", (bytes: Buffer) => bytes.fill((bytes[30_000] ?? 0) ^ 1, 30_000, 30_001)],
  ["that is empty", () => Buffer.alloc(0)],
  ["that is something else", () => Buffer.from("#!/bin/sh\n")],
])("an archive %s is damaged", async (_, change) => {
  const path = await archive();
  writeFileSync(path, change(readFileSync(path)));
  expect(await damage(path)).toStartWith(`${path}: `);
});

test("a tar that ends without saying so, or in the middle of a file, is damaged", async () => {
  const path = join(folder, "x.tar.gz");
  writeFileSync(path, gzipSync(piece("a", {}, "contents")));
  expect(await damage(path)).toContain("it ends before");
  writeFileSync(path, gzipSync(piece("a", { size: 100_000 }, "contents")));
  expect(await damage(path)).toContain("it ends in the middle of a file");
});

test("a missing archive is told as what it is", async () => {
  await expect(read(join(folder, "no"))).rejects.toMatchObject({ why: "it is not there (ENOENT)" });
});

test.each(["gnu", "pax", "ustar", "v7", "posix"])("what GNU tar writes as %s is read", async (format) => {
  const deep = format === "v7" ? "deep/leaf" : `deep/${"x".repeat(60)}/${"y".repeat(60)}`;
  mkdirSync(join(home, deep), { recursive: true });
  writeFileSync(join(home, deep, "leaf"), "1");
  if (format === "gnu" || format === "pax") {
    writeFileSync(join(home, "z".repeat(200)), "long");
    symlinkSync("t".repeat(150), join(home, "far"));
  }
  const path = join(folder, "gnu.tar.gz");
  const command = ["tar", "-czf", path, `--format=${format}`, "--sort=name", "-C", home, "."];
  expect(Bun.spawnSync(command).exitCode).toBe(0);
  const { seen, head, contentBytes } = await read(path);
  expect(head).toBeUndefined();
  expect(contentBytes).toBe(65_001 + (format === "gnu" || format === "pax" ? 4 : 0));
  const names = seen.map(({ name }) => name as string);
  expect(names).toContain(`${deep}/leaf`);
  if (format === "gnu" || format === "pax") {
    expect(names).toContain("z".repeat(200));
    expect(seen.find(({ name }) => name === "far")).toMatchObject({ target: "t".repeat(150) });
  }
});

test("GNU tar's sparse files are refused with a word about it", async () => {
  writeFileSync(join(home, "sparse"), "");
  truncateSync(join(home, "sparse"), 1 << 20);
  for (const format of ["gnu", "pax"]) {
    const path = join(folder, "sparse.tar.gz");
    expect(Bun.spawnSync(["tar", "-czSf", path, `--format=${format}`, "-C", home, "sparse"]).exitCode).toBe(0);
    expect(await damage(path)).toContain("stored as a sparse file of GNU tar");
  }
});

test("numbers beyond octal digits, as GNU tar and Rust's tar write them, are read", async () => {
  const block = piece("large", { mtime: 0n });
  // uid 3,000,000 and mtime -2 s in base 256, and the checksum anew.
  block.set([0x80, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0], 108);
  block.fill(0xff, 136, 147);
  block[147] = 0xfe;
  block.fill(0x20, 148, 156);
  block.write(
    `${block
      .subarray(0, 512)
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    "latin1",
  );
  const { seen } = await read(writePieces(join(folder, "x.tar.gz"), block));
  expect(seen).toMatchObject([{ uid: 3_000_000, mtime: -2_000_000_000n }]);
});

test("an extended header that would take all memory is refused", async () => {
  const huge = piece("x", { size: 2 ** 33 - 1 });
  huge.write("x", 156, "latin1");
  huge.fill(0x20, 148, 156);
  huge.write(
    `${huge
      .subarray(0, 512)
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    "latin1",
  );
  expect(await damage(writePieces(join(folder, "x.tar.gz"), huge))).toContain("an extended header of");
});
