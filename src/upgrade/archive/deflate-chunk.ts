import { constants, deflateRaw, deflateRawSync } from "node:zlib";

/**
 * One piece of a deflate stream (RFC 1951). Each piece ends on a byte boundary, refers to nothing before it and is not
 * the last block, so that pieces made in parallel, put one after the other, are one valid stream.
 */

/** Bytes that a piece covers at most. Large enough that its own dictionary and its flush cost next to nothing. */
export const CHUNK = 512 << 10;

/** Ends a stream of pieces: an empty stored block that is marked as the last. */
export const LAST_BLOCK = Uint8Array.of(1, 0, 0, 0xff, 0xff);

/** The length field of a stored block has 16 bits. */
const LONGEST_STORED = 0xffff;

/** Four samples tell random bytes (keys, compressed or encrypted data) from the rest for a hundredth of the price. */
const SAMPLES = 4;
const SAMPLE = 4096;
const samples = new Uint8Array(SAMPLES * SAMPLE);

/** Compressing below this gain costs more time than writing the difference. */
const WORTHWHILE = 0.92;

/** The result is taken up in one piece: pages of that buffer that stay unused are never touched, and cost nothing. */
const FASTEST = { level: 1, chunkSize: CHUNK, finishFlush: constants.Z_SYNC_FLUSH };

const zeros = Buffer.alloc(CHUNK);
let deflatedZeros: Buffer | undefined;

/**
 * The deflate pieces for `raw`, which holds 1 to {@link CHUNK} bytes. Compression runs in the thread pool. What cannot
 * be compressed is not copied: the result may refer to `raw`, which must stay as it is until the result was written.
 */
export async function deflateChunk(raw: Uint8Array<ArrayBuffer>): Promise<readonly Uint8Array[]> {
  if (isEmptyChunk(raw)) {
    // The holes of sparse files: half a megabyte becomes half a kilobyte, once.
    deflatedZeros ??= deflateRawSync(zeros, { ...FASTEST, level: 9 });
    return [deflatedZeros];
  }
  if (!looksCompressible(raw)) return stored(raw);
  const deflated = await new Promise<Buffer>((resolve, reject) => {
    deflateRaw(raw, FASTEST, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
  return deflated.length < raw.length ? [deflated] : stored(raw);
}

function isEmptyChunk(raw: Uint8Array<ArrayBuffer>): boolean {
  return Buffer.compare(raw, zeros) === 0;
}

function looksCompressible(raw: Uint8Array<ArrayBuffer>): boolean {
  if (raw.length <= 2 * samples.length) return true;
  const stride = Math.floor((raw.length - SAMPLE) / (SAMPLES - 1));
  for (let i = 0; i < SAMPLES; i += 1) samples.set(raw.subarray(i * stride, i * stride + SAMPLE), i * SAMPLE);
  const deflated = Bun.deflateSync(samples, { level: 1, library: "libdeflate" });
  return deflated.length < samples.length * WORTHWHILE;
}

/** Stored blocks: a byte of flags, the length, its complement, and the bytes as they are. */
function stored(raw: Uint8Array<ArrayBuffer>): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < raw.length; start += LONGEST_STORED) {
    const block = raw.subarray(start, start + LONGEST_STORED);
    const header = Buffer.alloc(5);
    header.writeUInt16LE(block.length, 1);
    header.writeUInt16LE(block.length ^ 0xffff, 3);
    parts.push(header, block);
  }
  return parts;
}
