import { crc32 } from "node:zlib";
import { CHUNK, deflateChunk, LAST_BLOCK } from "./deflate-chunk.ts";

/** Magic, deflate, no flags, no time, "fastest", Unix (RFC 1952, section 2.3). */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3);

/** The flag and its place that say that a comment follows the header. */
const FLAGS = 3;
const FCOMMENT = 0x10;

/** Chunks under way: enough to keep the thread pool of a usual machine busy, at a megabyte each with their results. */
const IN_FLIGHT = 6;

/** What a {@link GzipWriter} had written at some moment, to go back to. */
export interface Checkpoint {
  crc: number;
  length: number;
}

/** Takes the finished bytes, in order, and one after the other. They are free for other use when it has settled. */
export type Sink = (parts: readonly Uint8Array[]) => void | Promise<void>;

/**
 * Writes one gzip member, compressed chunk by chunk in the thread pool. One member, because that is what every reader
 * reads to its end; Rust's `GzDecoder`, for one, stops after the first. Memory stays within a few tens of megabytes.
 *
 * The caller fills {@link room} directly, which saves a copy of every file, and says with {@link filled} how far.
 */
export class GzipWriter {
  readonly #sink: Sink;
  readonly #queue: { raw: Uint8Array<ArrayBuffer>; parts: Promise<readonly Uint8Array[]> }[] = [];
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  /** What the sink took last. More is read and compressed meanwhile. */
  #sinking: Promise<void> = Promise.resolve();
  #chunk = new Uint8Array(CHUNK);
  #used = 0;
  #crc = 0;
  #length = 0;

  /** @param comment in the header, which every reader passes over: ASCII, without a NUL. */
  constructor(sink: Sink, comment?: string) {
    this.#sink = sink;
    const header = HEADER.slice();
    if (comment !== undefined) header[FLAGS] = FCOMMENT;
    this.#sinkNext(comment === undefined ? [header] : [header, Buffer.from(`${comment}\0`, "latin1")]);
  }

  /** Where the next bytes belong: at least one. Valid until {@link filled}. */
  room(): Uint8Array {
    return this.#chunk.subarray(this.#used);
  }

  /** The first `count` bytes of {@link room} are there. Waits while too much is under way. */
  async filled(count: number): Promise<void> {
    this.#used += count;
    if (this.#used === CHUNK) await this.#submit();
  }

  /** Appends a copy of `bytes`. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; ) {
      const room = this.room();
      const part = bytes.subarray(start, start + room.length);
      room.set(part);
      start += part.length;
      await this.filled(part.length);
    }
  }

  /** Appends zero bytes. */
  async writeZeros(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const room = this.room();
      const some = Math.min(left, room.length);
      room.fill(0, 0, some);
      left -= some;
      await this.filled(some);
    }
  }

  /** Hands everything so far to the sink; {@link rollBack} comes back to here. */
  async checkpoint(): Promise<Checkpoint> {
    await this.#flush();
    return { crc: this.#crc, length: this.#length };
  }

  /**
   * Goes on from a checkpoint. What the sink took since must be taken back by its owner, when this has settled: pieces of
   * the stream refer to nothing before them, so it can be cut off between any two.
   */
  async rollBack({ crc, length }: Checkpoint): Promise<void> {
    await this.#flush();
    this.#crc = crc;
    this.#length = length;
  }

  async #flush(): Promise<void> {
    if (this.#used > 0) await this.#submit();
    while (this.#queue.length > 0) await this.#drain();
    await this.#sinking;
  }

  /** Hands everything that is left to the sink, and the trailer. */
  async end(): Promise<void> {
    await this.#flush();
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#length % 2 ** 32, 4);
    await this.#sink([LAST_BLOCK, trailer]);
  }

  async #submit(): Promise<void> {
    const raw = this.#chunk.subarray(0, this.#used);
    this.#crc = crc32(raw, this.#crc);
    this.#length += raw.length;
    const parts = deflateChunk(raw);
    // A failure is met where the chunk's turn comes; until then it has to count as handled.
    parts.catch(() => {});
    this.#queue.push({ raw: this.#chunk, parts });
    this.#used = 0;
    if (this.#queue.length >= IN_FLIGHT) await this.#drain();
    this.#chunk = this.#spare.pop() ?? new Uint8Array(CHUNK);
  }

  async #drain(): Promise<void> {
    const next = this.#queue.shift();
    if (next === undefined) return;
    const parts = await next.parts;
    await this.#sinking;
    this.#sinkNext(parts, next.raw);
    // Chunks that are not compressed are ready at once: without this a large home would keep signals waiting.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** @param raw what is free again when the sink has taken them. */
  #sinkNext(parts: readonly Uint8Array[], raw?: Uint8Array<ArrayBuffer>): void {
    const sinking = async () => {
      await this.#sink(parts);
      if (raw !== undefined) this.#spare.push(raw);
    };
    this.#sinking = sinking();
    // A failure is met by whoever is next; until then it has to count as handled.
    this.#sinking.catch(() => {});
  }
}
