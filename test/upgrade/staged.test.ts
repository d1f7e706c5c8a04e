import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import type { BuildLayout } from "../../src/model/paths.ts";
import {
  confirmUnchanged,
  hashFile,
  identityOf,
  readNote,
  readStaged,
  verifyStaged,
  writeNote,
} from "../../src/upgrade/staged.ts";
import { noteBinary, placeBinary } from "../support/builds.ts";
import { failureOf, failureOfAsync } from "../support/failure.ts";
import { emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

let home: TemporaryHome;
let build: BuildLayout;

beforeEach(() => {
  home = temporaryHome();
  build = placeBinary(emptyInstance(home).layout, "1.1.0");
});
afterEach(() => home[Symbol.dispose]());

/** Waits until the clock by which the file system notes changes has moved on: some milliseconds. */
function nextInstant(): void {
  const changed = () => statSync(home.at("instant"), { bigint: true }).ctimeNs;
  writeFileSync(home.at("instant"), "");
  for (const before = changed(); changed() === before; ) writeFileSync(home.at("instant"), "");
}

const sha256 = (bytes: Uint8Array | string) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** Ways in which a binary becomes another one than was noted; the last keep its size. */
const CHANGES: [string, () => void][] = [
  ["is gone", () => rmSync(build.binary)],
  ["has its folder gone", () => rmSync(build.bin, { recursive: true })],
  [
    "is a file where its folder was",
    () => {
      rmSync(build.bin, { recursive: true });
      writeFileSync(build.bin, "");
    },
  ],
  ["was cut short", () => truncateSync(build.binary, 10)],
  [
    "was replaced by the same bytes",
    () => {
      const bytes = readFileSync(build.binary);
      rmSync(build.binary);
      writeFileSync(build.binary, bytes, { mode: 0o755 });
    },
  ],
  ["has another mode", () => chmodSync(build.binary, 0o700)],
  [
    "was changed in one byte, and had its time set back",
    () => {
      const { mtime, atime } = statSync(build.binary);
      const bytes = readFileSync(build.binary);
      bytes[bytes.length - 1] = 32;
      writeFileSync(build.binary, bytes);
      utimesSync(build.binary, atime, mtime);
    },
  ],
];

describe("a binary that is noted as staged", () => {
  test("is that as long as nobody touches it", async () => {
    noteBinary(build, "1.1.0");
    const staged = readStaged(build);
    expect(staged).toMatchObject({
      sha256: sha256(readFileSync(build.binary)),
      size: readFileSync(build.binary).length,
    });
    expect(staged?.buildInfo).toEqual(sampleBuildInfo({ version: "1.1.0" }));
    expect(await verifyStaged(build)).toEqual(staged as never);
    confirmUnchanged(build, await verifyStaged(build));
  });

  test.each(CHANGES)("is that no longer once it %s", async (_, change) => {
    noteBinary(build, "1.1.0");
    nextInstant();
    change();
    expect(readNote(build)).toBeUndefined();
    expect(readStaged(build)).toBeUndefined();
    expect(await failureOfAsync(verifyStaged(build))).toMatchObject({
      what: "the binary of 1.1.0 is not the one that was verified",
      next: "it will be staged again by itself",
    });
  });

  test.each(CHANGES)("is noticed at the last moment when it %s after it was verified", async (_, change) => {
    noteBinary(build, "1.1.0");
    const staged = await verifyStaged(build);
    nextInstant();
    change();
    expect(failureOf(() => confirmUnchanged(build, staged)).what).toContain("1.1.0");
  });

  test("and was refused may not be switched to, but is known", () => {
    writeNote(build, { sha256: "x", origin: "downloaded", url: null, buildInfo: null, refused: "it hangs" });
    expect(readNote(build)).toMatchObject({ refused: "it hangs" });
    expect(readStaged(build)).toBeUndefined();
  });

  test("with other bytes than its note says is not switched to", async () => {
    const buildInfo = sampleBuildInfo({ version: "1.1.0" });
    writeNote(build, { sha256: sha256("other bytes"), origin: "local", url: null, buildInfo, refused: null });
    await failureOfAsync(verifyStaged(build));
  });

  test("with a note that is torn counts for nothing but a file", () => {
    noteBinary(build, "1.1.0");
    truncateSync(build.staged, 30);
    expect(readNote(build)).toBeUndefined();
    expect(existsSync(build.staged)).toBe(true);
  });

  test("without a note counts for nothing but a file", async () => {
    expect(readStaged(build)).toBeUndefined();
    await failureOfAsync(verifyStaged(build));
  });
});

describe("the hash of a file", () => {
  test.each([0, 1, 1 << 20, (1 << 20) + 1, 20 << 20])("of %i bytes is that of all its bytes", async (size) => {
    const bytes = new Uint8Array(size).fill(7);
    await Bun.write(home.at("file"), bytes);
    expect(await hashFile(home.at("file"), "sha256")).toBe(sha256(bytes));
    expect(await hashFile(home.at("file"), "sha512")).toBe(new Bun.CryptoHasher("sha512").update(bytes).digest("hex"));
  });

  test("can be given up", async () => {
    await Bun.write(home.at("file"), new Uint8Array(20 << 20));
    const controller = new AbortController();
    const hashing = hashFile(home.at("file"), "sha256", controller.signal).catch((error: unknown) => error);
    const reason = new Error("asked to stop");
    controller.abort(reason);
    expect(await hashing).toBe(reason);
  });

  test("lets others have their turn", async () => {
    await Bun.write(home.at("file"), new Uint8Array(40 << 20));
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 0);
    await hashFile(home.at("file"), "sha256");
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(1);
  });
});

test("the identity of a file changes with every change", () => {
  const seen = new Set([identityOf(build.binary).identity]);
  for (const [, change] of CHANGES.slice(3)) {
    nextInstant();
    change();
    seen.add(identityOf(build.binary).identity);
  }
  expect(seen.size).toBe(CHANGES.length - 2);
});
