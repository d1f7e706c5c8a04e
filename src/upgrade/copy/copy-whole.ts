import { bulkDisk } from "../../system/bulk-disk.ts";
import { startToWrite } from "../../system/file-calls.ts";
import { SMALLEST_BLOCK } from "./block-hashes.ts";
import { type ContentsOptions, isSparse, partsOf, type Source } from "./copy-contents.ts";
import { readHere } from "./read-chunks.ts";

/** How much is written before the disk is put to work: in large requests, since nobody else needs it now. */
const START_EVERY = 32 << 20;

/**
 * Fills an empty file with what `source` has, for which the daemon is kept waiting: from its start to its end and on this
 * thread. Several threads that write to one file wait for its lock more than they write (measured: three times as long).
 * What is left to be synced when it returns is little.
 * @returns the bytes that were written.
 */
export async function copyWhole(
  source: Source,
  destination: number,
  { chunk, signal, onRead, breathe }: ContentsOptions,
): Promise<number> {
  const { file, stat } = source;
  const size = Number(stat.size);
  const parts = isSparse(stat) ? partsOf(file, size, SMALLEST_BLOCK) : [{ hole: false, start: 0, end: size }];
  let written = 0;
  let started = 0;
  for (const { hole, start, end } of parts) {
    for (let at = start; !hole && at < end; ) {
      const count = readHere(source, chunk.bytes, at, Math.min(end - at, chunk.bytes.length));
      if (count === 0) break;
      writeAll(destination, chunk.bytes.subarray(0, count), at);
      at += count;
      written += count;
      if (at - started >= START_EVERY) {
        startToWrite(destination, started, at - started);
        started = at;
      }
      onRead(count);
      await breathe();
      signal?.throwIfAborted();
    }
  }
  bulkDisk.ftruncateSync(destination, size);
  return written;
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += bulkDisk.writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
