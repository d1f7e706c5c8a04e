import { read } from "node:fs";
import { promisify } from "node:util";
import type { BytePath } from "../archive/byte-path.ts";
import { cannotRead } from "../archive/walk.ts";
import { CHUNK, type Chunk } from "./block-hashes.ts";

const readSome = promisify(read) as unknown as (
  descriptor: number,
  into: Uint8Array,
  offset: number,
  length: number,
  position: number,
) => Promise<{ bytesRead: number }>;

/** A part of a file, `end` exclusive. */
export type Range = readonly [start: number, end: number];

export interface ChunkRequest {
  path: BytePath;
  file: number;
  /** In ascending order, each starting at a multiple of the block size. */
  ranges: Iterable<Range>;
  /** As many reads are under way at once. */
  chunks: readonly Chunk[];
  signal?: AbortSignal | undefined;
  /** Called in no particular order. The chunk is read into again once it is settled. */
  use(chunk: Chunk, position: number, length: number): void | Promise<void>;
}

/**
 * Reads the ranges on other threads, so that one chunk is used while the next ones are read.
 * @returns where the file ended, if before the end of the ranges.
 */
export async function readChunks(request: ChunkRequest): Promise<number> {
  const pieces = piecesOf(request.ranges);
  let end = Number.POSITIVE_INFINITY;
  let failed = false;
  const lane = async (chunk: Chunk) => {
    for (let piece = pieces.next(); !failed && piece.done !== true; piece = pieces.next()) {
      const [start, stop] = piece.value;
      request.signal?.throwIfAborted();
      const length = await readWhole(request, chunk.bytes, start, stop - start);
      if (start + length < stop) end = Math.min(end, start + length);
      if (length > 0) await request.use(chunk, start, length);
    }
  };
  const lanes = request.chunks.map((chunk) =>
    lane(chunk).catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  // All of them, also after a failure: the descriptor is not to be closed while another thread reads from it.
  for (const result of await Promise.allSettled(lanes)) if (result.status === "rejected") throw result.reason;
  return end;
}

/** Reads on another thread. @returns how many bytes there were, up to `length`. */
export async function readWhole(
  { path, file }: Pick<ChunkRequest, "path" | "file">,
  into: Buffer,
  position: number,
  length: number,
): Promise<number> {
  let done = 0;
  try {
    while (done < length) {
      const { bytesRead } = await readSome(file, into, done, length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
  } catch (error) {
    throw cannotRead(path, error);
  }
  return done;
}

function* piecesOf(ranges: Iterable<Range>): Generator<Range, undefined> {
  for (const [start, end] of ranges) {
    for (let at = start; at < end; at += CHUNK) yield [at, Math.min(at + CHUNK, end)];
  }
}
