import { errorCode } from "../../model/errors.ts";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { extentCount, isClean } from "../../system/file-calls.ts";
import type { FileStat } from "../../system/file-stat.ts";
import type { BytePath } from "../archive/byte-path.ts";
import { extentsOf } from "../archive/sparse-file.ts";
import { SyncPortion } from "../pace.ts";
import type { BlockHashes, Chunk } from "./block-hashes.ts";
import { type Range, type Reader, readChunks, readHere } from "./read-chunks.ts";

/** Up to here a file is read in one go, and copied whole whenever it may have changed. */
export const SMALL = 256 << 10;

/** An open file of the home. */
export interface Source {
  path: BytePath;
  file: number;
  stat: FileStat;
}

export interface ContentsOptions {
  chunk: Chunk;
  reader: Reader;
  signal?: AbortSignal | undefined;
  /** Told how many more bytes were read. */
  onRead(bytes: number): void;
  /** Called between pieces: lets others have the machine, where that is due. */
  breathe(): Promise<void> | undefined;
}

/** What a file system says that cannot share blocks between these two files, or between any. */
const NO_CLONE: ReadonlySet<string> = new Set(["EOPNOTSUPP", "ENOTSUP", "ENOTTY", "EXDEV", "ENOSYS"]);
const NO_CLONE_OF_THIS: ReadonlySet<string> = new Set(["EINVAL", "ETXTBSY", "EPERM"]);

/** Shares the bytes of files where the file system can do that. */
export class Cloner {
  /** Devices from which nothing can be shared with the copy. */
  readonly #refusing = new Set<bigint>();

  /** @returns false if `destination`, which is empty, is to be filled in another way. */
  tryClone({ file, stat: { dev } }: Source, destination: number): boolean {
    if (this.#refusing.has(dev)) return false;
    try {
      bulkDisk.cloneFile(destination, file);
      return true;
    } catch (error) {
      const code = errorCode(error) ?? "";
      if (NO_CLONE.has(code)) this.#refusing.add(dev);
      else if (!NO_CLONE_OF_THIS.has(code)) throw error;
      return false;
    }
  }

  /**
   * Whether to share a file anew is faster than to look for what has changed in it. That is not always so: what waits in
   * memory has to be written first, and each extent takes about as long as 100 KiB to read (measured on btrfs and xfs: 80
   * to 140 ms for a file of 256 MiB after 4096 of its pages had been rewritten).
   */
  isCheap({ file, stat: { dev, size } }: Source): boolean {
    if (this.#refusing.has(dev) || isClean(file) !== true) return false;
    const extents = extentCount(file);
    return extents !== undefined && extents <= Number(size) / SMALLEST_EXTENT;
  }
}

/** On average, for a file to be shared quickly. */
const SMALLEST_EXTENT = 128 << 10;

export function isSparse({ blocks, size }: FileStat): boolean {
  return blocks * 512n < size;
}

/** The bytes of a file of at most {@link SMALL} bytes, or the first so many if it has grown meanwhile. */
export function readSmall(source: Source, into: Buffer): Buffer {
  return into.subarray(0, readHere(source, into, 0, Math.min(Number(source.stat.size), into.length)));
}

/** Takes down the hashes of a file of the copy that holds its bytes already. */
export async function hashContents(copy: Source, hashes: BlockHashes, options: ContentsOptions): Promise<void> {
  await findDifferences(copy, hashes, { bytes: () => undefined, zeros: () => undefined }, options);
}

/** From one position up to another. */
export type Run = readonly [start: number, end: number];

/** Where a file of the copy differs from its source. */
export interface Differences {
  /** Runs of offsets in what was read at `position`; it is only there until the call is settled. */
  bytes(read: Buffer, position: number, runs: readonly Run[]): Promise<void> | undefined;
  zeros(start: number, end: number): Promise<void> | undefined;
}

/**
 * Reads a whole file and finds what `hashes` does not know to be in its copy, which has been made as long as it is.
 * Holes are not read.
 */
export async function findDifferences(
  { path, file, stat }: Source,
  hashes: BlockHashes,
  differences: Differences,
  { chunk, reader, signal, onRead, breathe }: ContentsOptions,
): Promise<void> {
  const size = Number(stat.size);
  hashes.resize(size);
  const parts = isSparse(stat) ? [...partsOf(file, size, hashes.blockSize)] : [{ hole: false, start: 0, end: size }];
  for (const { hole, start, end } of parts) {
    if (hole) for (const [from, to] of hashes.updateHole(start, end)) await differences.zeros(from, to);
  }
  const ranges = parts.filter(({ hole }) => !hole).map(({ start, end }): Range => [start, end]);
  const use = (position: number, length: number) => {
    onRead(length);
    const runs = hashes.update(chunk, position, length);
    const told = runs.length > 0 ? differences.bytes(chunk.bytes, position, runs) : undefined;
    return told === undefined ? breathe() : told.then(breathe);
  };
  await readChunks({ path, file, ranges, blockSize: hashes.blockSize, chunk, reader, signal, use });
}

/** Smaller files are not worth the look. */
const SMALLEST_SAMPLED = 8 << 20;
/** How many places of a file are looked at, and how much of each. */
const SAMPLES = 32;
const SAMPLE = 64 << 10;

/**
 * Whether hardly anything is left of what the copy has of a file, as samples tell. To write down each block that has
 * changed would then be to write all of it, and to write it once more when the log is applied.
 */
export function isRewritten(source: Source, hashes: BlockHashes, { chunk }: ContentsOptions): boolean {
  const size = Number(source.stat.size);
  if (size < SMALLEST_SAMPLED) return false;
  const step = Math.floor(size / SAMPLES / hashes.blockSize) * hashes.blockSize;
  const length = Math.max(SAMPLE, hashes.blockSize);
  let blocks = 0;
  let different = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const count = readHere(source, chunk.bytes, sample * step, length);
    blocks += Math.ceil(count / hashes.blockSize);
    different += hashes.countDifferent(chunk, sample * step, count);
  }
  return different > blocks * MOSTLY;
}

/** What a file costs to be stored whole, and to be taken down in blocks and written again, is about the same from here on. */
const MOSTLY = 0.75;

/**
 * Makes an open file of the copy what `source` is, writing only what differs. `isNew`: it is empty, so that holes need
 * only be left out. Little of it waits in memory for the disk: more would hold up the daemon's own fsync, since ext4 writes
 * all that waits for new blocks before it commits.
 * @returns the bytes that were written.
 */
export async function copyLarge(
  source: Source,
  destination: number,
  { hashes, isNew }: { hashes: BlockHashes; isNew: boolean },
  options: ContentsOptions,
): Promise<number> {
  bulkDisk.ftruncateSync(destination, Number(source.stat.size));
  let written = 0;
  const portion = new SyncPortion();
  const bytes = async (read: Buffer, position: number, runs: readonly Run[]) => {
    for (const [start, end] of runs) {
      await bulkDisk.writeAt(destination, read.subarray(start, end), position + start);
      written += end - start;
      if (portion.isDue(end - start)) await portion.sync(() => bulkDisk.fdatasync(destination));
    }
  };
  const zeros = (start: number, end: number) => (isNew ? undefined : writeZeros(destination, start, end));
  await findDifferences(source, hashes, { bytes, zeros }, options);
  return written;
}

const ZEROS = Buffer.alloc(64 << 10);

export async function writeZeros(destination: number, start: number, end: number): Promise<void> {
  for (let at = start; at < end; at += ZEROS.length) {
    await bulkDisk.writeAt(destination, ZEROS.subarray(0, end - at), at);
  }
}

interface Part {
  hole: boolean;
  start: number;
  end: number;
}

/** Data and holes in turn. Data is widened to whole blocks. */
export function* partsOf(file: number, size: number, blockSize: number): Generator<Part> {
  let position = 0;
  let done = 0;
  for (const { hole, end } of extentsOf(file, size)) {
    const from = Math.max(done, Math.floor(position / blockSize) * blockSize);
    const to = Math.min(size, Math.ceil(end / blockSize) * blockSize);
    position = end;
    if (hole || from >= to) continue;
    if (from > done) yield { hole: true, start: done, end: from };
    yield { hole: false, start: from, end: to };
    done = to;
  }
  if (done < size) yield { hole: true, start: done, end: size };
}
