import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NymvisorError } from "../../src/model/errors.ts";
import { type BackupRequest, backUp, checkBackupRoom } from "../../src/upgrade/backup.ts";
import { backUpAs } from "./archive/back-up-as.ts";
import { checkGzip, extract } from "./archive/gnu-tar.ts";

const isRoot = process.geteuid?.() === 0;
/** Root may read everything, so what must not be readable is read as somebody else. */
const somebody = isRoot ? { uid: 65_534 } : {};
const MIB = 1 << 20;

let folder: string;
let home: string;
let backups: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-backup-faults-"));
  chmodSync(folder, 0o755);
  home = join(folder, "home");
  backups = join(folder, "backups");
  mkdirSync(join(home, "data"), { recursive: true });
  mkdirSync(backups);
  chmodSync(backups, 0o777);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function make(changes: Partial<BackupRequest> = {}) {
  return backUp({ home, backups, name: "v2", at: 0n, ...changes });
}

/** Makes a backup, and does something to the home as soon as the first mebibyte of it was read. */
function disturb(during: () => void) {
  let done = false;
  return make({
    onProgress: () => {
      if (!done) during();
      done = true;
    },
  });
}

function extracted(archive: string, name: string): Buffer {
  checkGzip(archive);
  const out = mkdtempSync(join(folder, "out-"));
  extract(archive, out);
  return readFileSync(join(out, name));
}

async function failure(promise: Promise<unknown>): Promise<NymvisorError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof NymvisorError)) throw new Error(`this is no NymvisorError: ${error}`);
  return error;
}

/** Nothing but the folder of the upgrade is left where backups lie. */
function expectNothingLeft() {
  expect(existsSync(join(backups, "v2")) ? readdirSync(join(backups, "v2")) : []).toEqual([]);
}

test.each(["backUp", "checkBackupRoom"] as const)(
  "%s fails for a file that cannot be read, and names it",
  async (action) => {
    writeFileSync(join(home, "data/secret"), "key");
    chmodSync(join(home, "data/secret"), 0);
    const { error } = await backUpAs({ action, home, backups, ...somebody });
    expect(error).toEqual({
      what: "the daemon's home cannot be backed up",
      why: `${home}/data/secret cannot be read: permission is denied (EACCES)`,
      next: `let the user that runs nymvisor read it: ls -ld '${home}/data/secret'`,
    });
    expectNothingLeft();
  },
);

test.each(["backUp", "checkBackupRoom"] as const)(
  "%s fails for a folder that cannot be listed, and names it",
  async (action) => {
    chmodSync(join(home, "data"), 0);
    const { error } = await backUpAs({ action, home, backups, ...somebody });
    expect(error?.why).toBe(`${home}/data cannot be read: permission is denied (EACCES)`);
    expectNothingLeft();
    chmodSync(join(home, "data"), 0o755);
  },
);

test.each(["backUp", "checkBackupRoom"] as const)("%s fails where backups cannot be written", async (action) => {
  chmodSync(backups, 0o555);
  const { error } = await backUpAs({ action, home, backups, ...somebody });
  expect(error?.what).toContain(backups);
  expect(error?.why).toBe("permission is denied (EACCES)");
  expect(readdirSync(backups)).toEqual([]);
});

test("a home that is not there is an error", async () => {
  const gone = join(folder, "gone");
  expect((await failure(make({ home: gone }))).why).toBe(`${gone} cannot be read: it is not there (ENOENT)`);
  expect((await failure(checkBackupRoom({ home: gone, backups }))).why).toContain(gone);
  expectNothingLeft();
});

test("a backup that is stopped midway leaves nothing behind and says why", async () => {
  writeFileSync(join(home, "data/large"), Buffer.alloc(20 * MIB, "rows"));
  const controller = new AbortController();
  let last = 0;
  const promise = make({
    signal: controller.signal,
    onProgress: (done) => {
      last = done;
      if (done >= 5 * MIB) controller.abort(new Error("nymvisor was asked to stop"));
    },
  });
  expect(await failure(promise)).toMatchObject({
    what: `the backup of ${home} was stopped before it was complete`,
    why: "nymvisor was asked to stop",
  });
  expect(last).toBeLessThan(7 * MIB);
  expectNothingLeft();
});

test("a backup that was stopped before it began leaves nothing behind", async () => {
  expect((await failure(make({ signal: AbortSignal.abort(new Error("too late")) }))).why).toBe("too late");
  expectNothingLeft();
});

test("a file that shrinks is filled up with zero bytes, and reported", async () => {
  const path = join(home, "data/large");
  writeFileSync(path, Buffer.alloc(4 * MIB, "x"));
  writeFileSync(join(home, "data/next"), "what follows is whole");
  const backup = await disturb(() => truncateSync(path, 2 * MIB));
  expect(backup.disturbed).toEqual([{ path, how: "shrank" }]);
  const contents = extracted(backup.path, "data/large");
  expect(contents.equals(Buffer.concat([Buffer.alloc(2 * MIB, "x"), Buffer.alloc(2 * MIB)]))).toBe(true);
  expect(extracted(backup.path, "data/next").toString()).toBe("what follows is whole");
});

test("a file that grows is kept as long as it was, and reported", async () => {
  const path = join(home, "data/large");
  writeFileSync(path, Buffer.alloc(3 * MIB, "x"));
  const backup = await disturb(() => appendFileSync(path, "more"));
  expect(backup.disturbed).toEqual([{ path, how: "grew" }]);
  expect(extracted(backup.path, "data/large").equals(Buffer.alloc(3 * MIB, "x"))).toBe(true);
});

test("a file that is written in place is reported", async () => {
  const path = join(home, "data/large");
  writeFileSync(path, Buffer.alloc(3 * MIB, "x"));
  utimesSync(path, 1, 1);
  const backup = await disturb(() => utimesSync(path, 2, 2));
  expect(backup.disturbed).toEqual([{ path, how: "was written" }]);
});

test("what vanishes after it was listed is reported", async () => {
  writeFileSync(join(home, "data/large"), Buffer.alloc(2 * MIB, "x"));
  writeFileSync(join(home, "data/lock"), "");
  writeFileSync(join(home, "zebra"), "");
  const backup = await disturb(() => {
    rmSync(join(home, "data/lock"));
    rmSync(join(home, "zebra"));
  });
  expect(backup.disturbed).toEqual([
    { path: join(home, "data/lock"), how: "vanished" },
    { path: join(home, "zebra"), how: "vanished" },
  ]);
  expect(backup.files).toBe(1);
});

/** A file system of 4 MiB, which only root can mount. */
function mountSmall(at: string): boolean {
  if (!isRoot) return false;
  return Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0755", "tmpfs", at]).exitCode === 0;
}

test("a full disk is an error with figures, and leaves nothing behind", async () => {
  if (!mountSmall(backups)) {
    console.warn("SKIPPED: a small file system to fill up cannot be mounted here (it takes root)");
    return;
  }
  try {
    const random = crypto.getRandomValues(new Uint8Array(65_536));
    writeFileSync(join(home, "data/keys"), Buffer.concat(Array.from({ length: 128 }, () => random)));
    const { needed, available } = await checkBackupRoom({ home, backups });
    expect(available).toBe(4 * MIB);
    expect(needed).toBeGreaterThan(8 * MIB);
    const error = await failure(make());
    expect(error.what).toBe(`the backup cannot be written to ${backups}/v2`);
    expect(error.why).toMatch(
      /^no space is left on the device \(ENOSPC\): after [\d.]+ MiB of the archive, .* are free$/,
    );
    expect(error.next).toBe(`make room there: df -h '${backups}/v2'`);
    expectNothingLeft();
    // What was taken up is free again.
    expect((await checkBackupRoom({ home, backups })).available).toBe(4 * MIB);
  } finally {
    Bun.spawnSync(["umount", "--lazy", backups]);
  }
});
