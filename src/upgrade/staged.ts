import { constants } from "node:fs";
import { z } from "zod";
import { type BuildInfo, buildInfoSchema } from "../model/build-info.ts";
import { errorCode, NymvisorError } from "../model/errors.ts";
import type { BuildLayout } from "../model/paths.ts";
import { sleep } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { readDocument, writeDocument } from "../system/documents.ts";

/**
 * `staged.json`: the note "this binary is whole, verified, executable, and says this of itself". It is written last, so
 * that a binary without it counts for nothing but a file that is there, and it names the very file it speaks of, so that
 * a binary that was exchanged afterwards is noticed without reading it.
 */
const stagedSchema = z.object({
  sha256: z.string(),
  size: z.number(),
  /** inode, mtime and ctime in nanoseconds: see {@link identityOf}. */
  identity: z.string(),
  /** Downloaded by nymvisor and checked against the announcement, or brought by a person. */
  origin: z.enum(["downloaded", "local"]),
  /** Where it was downloaded from. */
  url: z.string().nullable().default(null),
  buildInfo: buildInfoSchema.nullable(),
  /** Why it must not run although it is whole, or null: then it is staged and verified. */
  refused: z.string().nullable(),
});

/** What is known of a binary that lies where an upgrade's binary belongs. */
export type BinaryNote = z.infer<typeof stagedSchema>;

/** A binary that may be switched to. */
export type Staged = BinaryNote & { buildInfo: BuildInfo; refused: null };

/**
 * Tells a file from every other and from itself after a change: any write, chmod or rename moves the ctime, which no
 * program can set (inode(7)).
 */
export function identityOf(path: string): { identity: string; size: number; mode: number } {
  const { ino, size, mtimeNs, ctimeNs, mode } = disk.statSync(path, { bigint: true });
  return { identity: `${ino}:${mtimeNs}:${ctimeNs}`, size: Number(size), mode: Number(mode) };
}

/** The note, if there is one and the binary is still the one it speaks of. */
export function readNote(build: BuildLayout): BinaryNote | undefined {
  const found = readDocument(stagedSchema, build.staged);
  if (found.state !== "found") return undefined;
  try {
    const { identity, size } = identityOf(build.binary);
    return identity === found.value.identity && size === found.value.size ? found.value : undefined;
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** The note, if it speaks of these bytes, whichever file has them by now: who brought them is still true. */
export function readOrigin(build: BuildLayout, sha256: string): BinaryNote | undefined {
  const found = readDocument(stagedSchema, build.staged);
  return found.state === "found" && found.value.sha256 === sha256 ? found.value : undefined;
}

/** The note of a binary that may be switched to. */
export function readStaged(build: BuildLayout): Staged | undefined {
  const note = readNote(build);
  if (note === undefined || note.refused !== null || note.buildInfo === null) return undefined;
  return { ...note, buildInfo: note.buildInfo, refused: null };
}

/** Notes what lies at `build.binary` now. Durable when it returns. */
export function writeNote(build: BuildLayout, note: Omit<BinaryNote, "identity" | "size">): void {
  const { identity, size } = identityOf(build.binary);
  writeDocument(stagedSchema, build.staged, { ...note, identity, size });
}

/**
 * Notes who brings a binary that is about to be put in its place. It is the note of no file yet; but a binary that is
 * found there later, after a kill, is not taken for one that a person brought. Durable when it returns.
 */
export function noteArrival(build: BuildLayout, source: Pick<BinaryNote, "sha256" | "origin" | "url">): void {
  const { sha256, origin, url } = source;
  const arriving = { sha256, origin, url, identity: "not in place yet", size: 0, buildInfo: null, refused: null };
  writeDocument(stagedSchema, build.staged, arriving);
}

const HASH_BLOCK = 1 << 20;
/** After so many bytes signals and timers get their turn: some ten milliseconds. */
const HASH_STRETCH = 8 * HASH_BLOCK;

/** Hashes a file without holding the event loop for long, or more than a block of it in memory. */
export async function hashFile(path: string, algorithm: "sha256" | "sha512", signal?: AbortSignal): Promise<string> {
  const hasher = new Bun.CryptoHasher(algorithm);
  const block = new Uint8Array(HASH_BLOCK);
  const file = disk.openSync(path, constants.O_RDONLY);
  try {
    for (let hashed = 0; ; ) {
      const count = disk.readSync(file, block, 0, block.length, null);
      if (count === 0) return hasher.digest("hex");
      hasher.update(block.subarray(0, count));
      hashed += count;
      if (hashed % HASH_STRETCH < count) await sleep(0);
      signal?.throwIfAborted();
    }
  } finally {
    disk.closeSync(file);
  }
}

/**
 * Reads the binary once more and compares it with its note: the last look before it is switched to.
 * @throws {NymvisorError} if it is another file, or has other bytes.
 */
export async function verifyStaged(build: BuildLayout, signal?: AbortSignal): Promise<Staged> {
  const staged = readStaged(build);
  if (staged === undefined || (await hashFile(build.binary, "sha256", signal)) !== staged.sha256) throw changed(build);
  return staged;
}

/** That the binary is still the file that {@link verifyStaged} has read. @throws {NymvisorError} if not. */
export function confirmUnchanged(build: BuildLayout, staged: Staged): void {
  if (readNote(build)?.identity !== staged.identity) throw changed(build);
}

function changed(build: BuildLayout): NymvisorError {
  return new NymvisorError({
    what: `the binary of ${build.name} is not the one that was verified`,
    why: `${build.binary} was changed or removed since`,
    next: "it will be staged again by itself",
  });
}
