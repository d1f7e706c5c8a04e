import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asBytePath } from "../../../src/upgrade/archive/byte-path.ts";
import { treeFilter } from "../../../src/upgrade/archive/path-patterns.ts";
import { backUp } from "../../../src/upgrade/backup.ts";
import { extractArchive } from "../../../src/upgrade/backups/extract.ts";
import { piece, writePieces } from "../archive/tar-pieces.ts";
import { snapshot } from "../archive/tree-snapshot.ts";

let folder: string;
let home: string;
let out: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-extract-"));
  home = join(folder, "home");
  out = join(folder, "out");
  mkdirSync(home);
  mkdirSync(out);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const make = async () => (await backUp({ home, backups: join(folder, "backups"), name: "v2", at: 0n })).path;
const unpack = (archive: string, only?: string) =>
  extractArchive({ archive, into: out, only: only === undefined ? undefined : treeFilter([only]) });

test("holes stay holes", async () => {
  writeFileSync(join(home, "sparse"), "head");
  truncateSync(join(home, "sparse"), 64 << 20);
  writeFileSync(join(home, "empty"), "");
  writeFileSync(join(home, "zeros"), Buffer.alloc(100_001));
  await unpack(await make());
  expect(snapshot(out)).toEqual(snapshot(home));
  expect(statSync(join(out, "sparse")).blocks * 512).toBeLessThan(1 << 20);
});

test("a part of it comes with the folders that it lies in, as they were", async () => {
  mkdirSync(join(home, "data/deep"), { recursive: true });
  chmodSync(join(home, "data"), 0o750);
  for (const name of ["data/deep/a.sqlite", "data/deep/b.txt", "data/c.sqlite", "d.sqlite"])
    writeFileSync(join(home, name), name);
  const { restored } = await unpack(await make(), "data/**/*.sqlite");
  expect(restored).toBe(2);
  expect(Object.keys(snapshot(out)).sort()).toEqual(["data", "data/c.sqlite", "data/deep", "data/deep/a.sqlite"]);
  expect(snapshot(out).data).toEqual(snapshot(home).data);
});

test("a folder that is asked for comes with all that lies in it", async () => {
  mkdirSync(join(home, "config/deep"), { recursive: true });
  writeFileSync(join(home, "config/deep/a"), "");
  writeFileSync(join(home, "other"), "");
  await unpack(await make(), "config");
  expect(Object.keys(snapshot(out))).toEqual(["config", "config/deep", "config/deep/a"]);
});

const outside = () => readdirSync(folder).sort();

test.each([
  ["a name that leads up", () => [piece("../evil", {}, "x")]],
  ["a name that leads up later", () => [piece("a/../../evil", {}, "x")]],
  ["an absolute name", () => [piece(join(folder, "evil"), {}, "x")]],
  ["a folder that leads up", () => [piece("../evil", { kind: "folder" })]],
  ["a link that leads up by its name", () => [piece("../evil", { kind: "symbolic link", target: asBytePath("x") })]],
  ["a second name of a file outside", () => [piece("a", { kind: "hard link", target: asBytePath("../home/secret") })]],
  [
    "a second name of an absolute path",
    () => [piece("a", { kind: "hard link", target: asBytePath(join(home, "secret")) })],
  ],
])("%s is refused, and nothing is written outside", async (_, pieces) => {
  writeFileSync(join(home, "secret"), "");
  const before = outside();
  await expect(unpack(writePieces(join(out, "../home/x.tar.gz"), ...pieces()))).rejects.toThrow(
    "leads out of the archive",
  );
  expect(outside()).toEqual(before);
  expect(readdirSync(out)).toEqual([]);
});

test("nothing is written through a link that the archive itself holds", async () => {
  const target = asBytePath(home);
  const archive = writePieces(
    join(folder, "x.tar.gz"),
    piece("way", { kind: "symbolic link", target }),
    piece("way/evil", {}, "x"),
  );
  await expect(unpack(archive)).rejects.toThrow("more than once");
  expect(existsSync(join(home, "evil"))).toBe(false);
  rmSync(out, { recursive: true });
  mkdirSync(out);
  const other = writePieces(
    join(folder, "y.tar.gz"),
    piece("file", { kind: "symbolic link", target: asBytePath(join(home, "evil")) }),
    piece("file", {}, "x"),
  );
  await expect(unpack(other)).rejects.toThrow("more than once");
  expect(existsSync(join(home, "evil"))).toBe(false);
});

test("a link that leads out stays a link, and is not followed", async () => {
  symlinkSync("/etc/passwd", join(home, "out"));
  const before = statSync("/etc/passwd");
  await unpack(await make());
  expect(snapshot(out)).toEqual(snapshot(home));
  expect(statSync("/etc/passwd").mtimeMs).toBe(before.mtimeMs);
});

test("a name that stands there twice is refused", async () => {
  const archive = writePieces(join(folder, "x.tar.gz"), piece("a", {}, "1"), piece("a", {}, "2"));
  await expect(unpack(archive)).rejects.toThrow("it holds a more than once");
});

test("devices are told and left out, as the Rust program's archives may hold them", async () => {
  const device = piece("tty");
  device.write("3", 156, "latin1");
  device.fill(0x20, 148, 156);
  device.write(
    `${device
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    "latin1",
  );
  const { notKept, restored } = await unpack(writePieces(join(folder, "x.tar.gz"), device, piece("a", {}, "1")));
  expect(notKept).toEqual([{ name: asBytePath("tty"), why: "it is a device or a pipe" }]);
  expect(restored).toBe(1);
});
