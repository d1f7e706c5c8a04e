import { readSync } from "node:fs";
import { bulkDisk } from "../../system/bulk-disk.ts";
import type { BytePath } from "../archive/byte-path.ts";
import { cannotRead } from "../archive/walk.ts";
import { SMALLEST_BLOCK } from "./block-hashes.ts";
import { type ContentsOptions, isSparse, partsOf, type Source } from "./copy-contents.ts";

/** How much of a whole file is written before the disk is put to work, while the next part is read. */
const FLUSH_EVERY = 16 << 20;

/**
 * Fills an empty file with what `source` has, for which the daemon is kept waiting: from its start to its end and on this
 * thread. Several threads that write to one file wait for its lock more than they write (measured: three times as long).
 * What is left to be synced when it returns is little.
 * @returns the bytes that were written.
 */
export async function copyWhole(
  { path, file, stat }: Source,
  destination: number,
  { chunks: [chunk], signal, onRead }: ContentsOptions,
): Promise<number> {
  if (chunk === undefined) throw new Error("there is nothing to read into");
  const size = Number(stat.size);
  const parts = isSparse(stat) ? partsOf(file, size, SMALLEST_BLOCK) : [{ hole: false, start: 0, end: size }];
  const flush = new Flush(destination);
  let written = 0;
  try {
    for (const { hole, start, end } of parts) {
      for (let at = start; !hole && at < end; ) {
        const count = readPart(path, file, chunk.bytes, Math.min(end - at, chunk.bytes.length), at);
        if (count === 0) break;
        writeAll(destination, chunk.bytes.subarray(0, count), at);
        at += count;
        written += count;
        onRead(count);
        if (flush.isDue(count)) {
          flush.begin();
          await new Promise((resolve) => setImmediate(resolve));
          signal?.throwIfAborted();
        }
      }
    }
    bulkDisk.ftruncateSync(destination, size);
  } finally {
    await flush.end();
  }
  flush.rethrow();
  return written;
}

function readPart(path: BytePath, file: number, into: Buffer, length: number, position: number): number {
  try {
    return readSync(file, into, 0, length, position);
  } catch (error) {
    throw cannotRead(path, error);
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += bulkDisk.writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}

/** Has the disk write what is there of a file, on another thread. */
class Flush {
  readonly #file: number;
  #waiting = 0;
  #running: Promise<void> | undefined;
  #failed: { error: unknown } | undefined;

  constructor(file: number) {
    this.#file = file;
  }

  isDue(written: number): boolean {
    this.#waiting += written;
    return this.#waiting >= FLUSH_EVERY && this.#running === undefined;
  }

  begin(): void {
    this.#waiting = 0;
    this.#running = bulkDisk
      .fdatasync(this.#file)
      .catch((error: unknown) => {
        this.#failed ??= { error };
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async end(): Promise<void> {
    await this.#running;
  }

  /** The kernel reports a failed write-back once: a sync after it might succeed. */
  rethrow(): void {
    if (this.#failed !== undefined) throw this.#failed.error;
  }
}
