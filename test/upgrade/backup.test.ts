import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseInstant } from "../../src/model/instant.ts";
import { type BackupRequest, backUp, checkBackupRoom, sweepUnfinishedBackups } from "../../src/upgrade/backup.ts";
import { backUpAs } from "./archive/back-up-as.ts";
import { checkGzip, extract, list } from "./archive/gnu-tar.ts";
import { setAttribute } from "./archive/linux-attributes.ts";
import { inRoot, snapshot } from "./archive/tree-snapshot.ts";

const isRoot = process.geteuid?.() === 0;
const AT = parseInstant("2026-11-21T09:08:32.737Z");
const NAME = "backup-2026-11-21-090832737-preupgrade.tar.gz";

let folder: string;
let home: string;
let backups: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-backup-"));
  home = join(folder, "home");
  backups = join(home, "nymvisor/backups");
  mkdirSync(join(home, "config"), { recursive: true });
  writeFileSync(join(home, "config/config.toml"), "id = 'n1'\n");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function make(changes: Partial<BackupRequest> = {}) {
  return backUp({ home, backups, name: "v2", at: AT, ...changes });
}

/** Extracts an archive and compares it with the home it was made of. */
function expectSame(archive: string, leaveOut: (path: string) => boolean = (path) => path === "nymvisor") {
  checkGzip(archive);
  const out = mkdtempSync(join(folder, "out-"));
  extract(archive, out);
  expect(snapshot(out)).toEqual(snapshot(home, leaveOut));
  chmodTree(out);
}

/** So that a user who is not root can remove it again. */
function chmodTree(root: string) {
  for (const [path, { mode }] of Object.entries(snapshot(root)))
    if (mode.startsWith("4")) chmodSync(inRoot(root, path), 0o755);
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8);
}

test("a backup is the home without nymvisor's own folder, under names relative to it", async () => {
  mkdirSync(join(home, "data/empty"), { recursive: true });
  mkdirSync(join(home, "data/nymvisor"));
  writeFileSync(join(home, "data/nymvisor/kept"), "");
  const backup = await make();
  expect(backup.path).toBe(join(backups, "v2", NAME));
  expect(backup.bytes).toBe(statSync(backup.path).size);
  expect(backup).toMatchObject({ files: 2, sourceBytes: 10, leftOut: [], disturbed: [] });
  expect(list(backup.path)).toEqual([
    "config/",
    "config/config.toml",
    "data/",
    "data/empty/",
    "data/nymvisor/",
    "data/nymvisor/kept",
  ]);
  expectSame(backup.path);
});

test("modes, links, hard links, owners and times to the nanosecond come back", async () => {
  const put = (path: string, contents = path) => writeFileSync(join(home, path), contents);
  put("setuid");
  chmodSync(join(home, "setuid"), 0o6755);
  mkdirSync(join(home, "sticky"));
  chmodSync(join(home, "sticky"), 0o1777);
  put("key");
  chmodSync(join(home, "key"), 0o400);
  put("twice");
  linkSync(join(home, "twice"), join(home, "sticky/again"));
  linkSync(join(home, "twice"), join(home, "zzz"));
  symlinkSync("config/config.toml", join(home, "link"));
  symlinkSync("/nowhere/at all", join(home, "dangling"));
  symlinkSync("../..", join(home, "up"));
  put("old");
  mkdirSync(join(home, "closed"));
  put("closed/inside");
  chmodSync(join(home, "closed"), 0o555);
  Bun.spawnSync(["touch", "--date=1969-12-31T23:59:58.123456789Z", join(home, "old")]);
  lutimesSync(join(home, "dangling"), 1_000_000_000.5, 1_000_000_000.25);
  if (isRoot) chownSync(join(home, "key"), 3_000_000, 4_000_000_000);
  const before = snapshot(home);
  expect(before.old?.mtime).toBe(-1_876_543_211n);

  const backup = await make();
  expectSame(backup.path);
  chmodSync(join(home, "closed"), 0o755);
});

test("names that are not UTF-8, that hold a newline, and that are very long come back", async () => {
  const bytes = (path: string) => inRoot(home, path);
  const deep = `deep/${"x".repeat(250)}/${"y".repeat(250)}`;
  mkdirSync(bytes(deep), { recursive: true });
  writeFileSync(bytes(`${deep}/leaf`), "1");
  mkdirSync(bytes("\xff\xfe"));
  writeFileSync(bytes("\xff\xfe/\xe9\xff"), "2");
  writeFileSync(bytes(`\xff\xfe/${"\xe9".repeat(200)}`), "3");
  writeFileSync(bytes("two\nlines 'quoted' \"too\" & more"), "4");
  writeFileSync(join(home, "grüße-\u{1F980}"), "5");
  writeFileSync(join(home, "ü".repeat(100)), "6");
  symlinkSync(Buffer.from("\xff".repeat(150), "latin1"), bytes("points to bytes"));
  const backup = await make();
  expect(backup.files).toBe(7);
  expectSame(backup.path);
});

test("the home, the backups and everything in them may have any name", async () => {
  const strange = join(folder, 'it\'s a "home" & more\nof it — ü $(x) %s');
  mkdirSync(join(strange, "data"), { recursive: true });
  writeFileSync(join(strange, "data/file"), "contents");
  home = strange;
  backups = join(strange, "backups 'of' & \"it\"\n");
  const backup = await make({ name: "v2 & 'more'" });
  expect(list(backup.path)).toEqual(["data/", "data/file"]);
});

test("a home that is reached through a link is its contents", async () => {
  symlinkSync(home, join(folder, "link to home"));
  const backup = await make({ home: join(folder, "link to home"), backups: join(folder, "backups") });
  expectSame(backup.path);
});

test("the folder of the backups is left out wherever it lies", async () => {
  backups = join(home, "data/saved");
  await make();
  const second = await make({ name: "v3" });
  expect(list(second.path)).toEqual(["config/", "config/config.toml", "data/"]);
  // By another name of the same folder as well.
  symlinkSync(join(home, "data"), join(folder, "other way"));
  const third = await make({ name: "v3", backups: join(folder, "other way/saved") });
  expect(list(third.path)).toEqual(["config/", "config/config.toml", "data/"]);
});

test("a backup does not hold itself, even where the folder of its upgrade was moved into the home", async () => {
  backups = join(folder, "backups");
  mkdirSync(backups);
  mkdirSync(join(home, "data/saved"), { recursive: true });
  symlinkSync(join(home, "data/saved"), join(backups, "v2"));
  const { path } = await make();
  expect(list(path)).toEqual(["config/", "config/config.toml", "data/"]);
  expect(readdirSync(join(home, "data/saved"))).toEqual([NAME]);
});

test("a home that lies in the folder for its backups is refused", async () => {
  for (const wrong of [home, folder]) {
    await expect(make({ backups: wrong })).rejects.toMatchObject({
      what: "the daemon's home lies in the folder for its backups",
      next: expect.stringContaining("DAEMON_BACKUP_DATA_DIRECTORY"),
    });
    await expect(checkBackupRoom({ home, backups: wrong })).rejects.toThrow("lies in the folder");
  }
  expect(readdirSync(folder)).toEqual(["home"]);
});

test("large files, compressible or not, come back", async () => {
  const random = crypto.getRandomValues(new Uint8Array(65_536));
  const parts = Array.from({ length: 50 }, (_, index) =>
    index % 3 === 0 ? Buffer.alloc(65_536, `row ${index};`) : random,
  );
  writeFileSync(join(home, "database"), Buffer.concat(parts));
  writeFileSync(join(home, "wal"), Buffer.concat(parts.toReversed()).subarray(0, 2_000_001));
  expectSame((await make()).path);
});

test("a sparse file comes back, its holes cost next to nothing, and its last hole is whole", async () => {
  const path = join(home, "sparse");
  writeFileSync(path, "head");
  truncateSync(path, 12 << 20);
  const file = Bun.spawnSync(["dd", `of=${path}`, "bs=1M", "seek=5", "conv=notrunc", "status=none"], {
    stdin: Buffer.from("in the middle"),
  });
  expect(file.exitCode).toBe(0);
  const room = await checkBackupRoom({ home, backups });
  expect(room.sourceBytes).toBe((12 << 20) + 10);
  expect(room.archiveBytes).toBeLessThan(100_000);
  const backup = await make();
  expect(backup.bytes).toBeLessThan(100_000);
  expectSame(backup.path);
});

test("extended attributes of files and folders come back", async () => {
  const path = Buffer.from(join(home, "config"));
  if (!setAttribute(path, "user.folder", Buffer.from("value"))) {
    console.warn(`SKIPPED: the file system of ${folder} keeps no user attributes`);
    return;
  }
  const file = Buffer.from(join(home, "config/config.toml"));
  setAttribute(file, "user.any=%bytes", Uint8Array.of(0, 1, 10, 61, 255));
  setAttribute(file, "user.empty", new Uint8Array(0));
  expect(snapshot(home)["config/config.toml"]?.attributes).toEqual({
    "user.any=%bytes": "00010a3dff",
    "user.empty": "",
  });
  expectSame((await make()).path);
});

test("sockets and fifos are named and left out", async () => {
  const server = createServer().listen(join(home, "control.sock"));
  await new Promise((resolve) => server.once("listening", resolve));
  Bun.spawnSync(["mkfifo", join(home, "pipe")]);
  linkSync(join(home, "pipe"), join(home, "same pipe"));
  const backup = await make();
  server.close();
  expect(backup.leftOut).toEqual([
    { path: join(home, "control.sock"), kind: "socket" },
    { path: join(home, "pipe"), kind: "fifo" },
    { path: join(home, "same pipe"), kind: "fifo" },
  ]);
  expect(list(backup.path)).toEqual(["config/", "config/config.toml"]);
});

test.each([0o000, 0o077])("with umask %d the archive is 0600 in folders of 0700", async (umask) => {
  backups = join(folder, "new/backups");
  const { path } = await backUpAs({ action: "backUp", home, backups, umask });
  expect(path).toBeDefined();
  expect([join(folder, "new"), backups, join(backups, "v2")].map(modeOf)).toEqual(["700", "700", "700"]);
  expect(modeOf(path ?? "")).toBe("600");
});

test("an operator's folder keeps its mode, the folder of the upgrade is closed", async () => {
  mkdirSync(join(backups, "v2"), { recursive: true });
  chmodSync(backups, 0o755);
  chmodSync(join(backups, "v2"), 0o777);
  await make();
  expect(modeOf(backups)).toBe("755");
  expect(modeOf(join(backups, "v2"))).toBe("700");
});

test.skipIf(!isRoot)("what root makes in another user's folder belongs to that user", async () => {
  mkdirSync(backups, { recursive: true });
  chownSync(backups, 65_534, 65_533);
  const { path } = await make();
  for (const made of [join(backups, "v2"), path]) {
    const { uid, gid } = statSync(made);
    expect([uid, gid]).toEqual([65_534, 65_533]);
  }
});

test("a taken stamp is counted up, and the backup that has it stays as it is", async () => {
  const first = await make();
  writeFileSync(first.path, "precious");
  const [second, third] = await Promise.all([make(), make()]);
  expect([second?.path, third?.path].toSorted()).toEqual(
    ["738", "739"].map((stamp) => join(backups, "v2", NAME.replace("737", stamp))),
  );
  expect(await Bun.file(first.path).text()).toBe("precious");
  expect(readdirSync(join(backups, "v2"))).toHaveLength(3);
});

test("progress is told up to the total that was counted before", async () => {
  writeFileSync(join(home, "data"), Buffer.alloc(5 << 20, "rows"));
  const { sourceBytes } = await checkBackupRoom({ home, backups });
  const seen: [number, number | null][] = [];
  await make({ expectedBytes: sourceBytes, onProgress: (done, total) => seen.push([done, total]) });
  expect(seen.length).toBeGreaterThan(4);
  expect(seen.length).toBeLessThan(10);
  expect(seen.at(-1)).toEqual([sourceBytes, sourceBytes]);
  expect(seen.toSorted(([a], [b]) => a - b)).toEqual(seen);
  await make({ onProgress: (_, total) => expect(total).toBeNull() });
});

test("the room that a backup needs is never less than it takes", async () => {
  writeFileSync(join(home, "random"), crypto.getRandomValues(new Uint8Array(60_000)));
  linkSync(join(home, "random"), join(home, "same"));
  for (let index = 0; index < 50; index += 1) writeFileSync(join(home, `config/${index}`), crypto.randomUUID());
  mkdirSync(join(home, "nymvisor"));
  writeFileSync(join(home, "nymvisor/large"), Buffer.alloc(10 << 20));
  const room = await checkBackupRoom({ home, backups });
  expect(room.files).toBe(52);
  expect(room.sourceBytes).toBe(60_000 + 50 * 36 + 10);
  expect(room.archiveBytes).toBeGreaterThan((await make()).bytes);
  expect(room.archiveBytes).toBeLessThan(400_000);
  expect(room.needed).toBe(room.archiveBytes + 32 * 2 ** 20);
  expect(room.available).toBeGreaterThan(0);
});

test("what a killed backup left behind is swept, and nothing else", async () => {
  const { path } = await make();
  const orphan = join(backups, "v2", `.${NAME}.tmp-1-12345-1`);
  writeFileSync(orphan, "half");
  expect(sweepUnfinishedBackups(backups)).toEqual([orphan]);
  expect(readdirSync(join(backups, "v2"))).toEqual([path.slice(path.lastIndexOf("/") + 1)]);
  expect(sweepUnfinishedBackups(join(folder, "missing"))).toEqual([]);
});
