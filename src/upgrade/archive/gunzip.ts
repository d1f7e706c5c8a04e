import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { GENTLE_PIECE, type Pace } from "../pace.ts";

/** Large enough that the way through the streams costs little, small enough that a few of them do not matter. */
const PIECE = 256 << 10;

export interface GunzipOptions {
  /** Told how many bytes of the file itself have been read. */
  onRead?: ((bytes: number) => void) | undefined;
  /** Little by little and with rests, beside a daemon that needs the disk. */
  pace?: Pace | undefined;
}

/**
 * The uncompressed contents of a gzip file, piece by piece; the next piece is made when it is asked for.
 * @throws what zlib says of a file that is cut off, damaged or none of gzip's, and what reading throws.
 */
export async function* gunzipFile(path: string, { onRead, pace }: GunzipOptions = {}): AsyncGenerator<Uint8Array> {
  const source = createReadStream(path, { highWaterMark: pace === undefined ? PIECE : GENTLE_PIECE });
  let read = 0;
  const gunzip = createGunzip({ chunkSize: PIECE });
  let failure: Error | undefined;
  // Not left to the iteration: an error of the file itself would pass the decompressor by.
  pipeline(source, gunzip, (error) => {
    if (error) failure = error;
  });
  try {
    for await (const piece of gunzip) {
      onRead?.(source.bytesRead);
      await pace?.moved(source.bytesRead - read);
      read = source.bytesRead;
      yield piece as Uint8Array;
    }
    if (failure !== undefined) throw failure;
    onRead?.(source.bytesRead);
  } finally {
    gunzip.destroy();
    source.destroy();
  }
}
