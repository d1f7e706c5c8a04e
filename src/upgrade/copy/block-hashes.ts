/** What is read at once at most, and the largest block. */
const CHUNK = 1 << 20;

/** What a page cache keeps, and what databases write. */
export const SMALLEST_BLOCK = 4096;

/** Blocks of a whole home: their hashes take 16 MiB at most, until the home has doubled. */
const MOST_BLOCKS = 2 << 20;

/** The size of a block for a home of so many bytes: a power of two. */
export function blockSizeFor(homeBytes: number): number {
  let size = SMALLEST_BLOCK;
  while (size < CHUNK && homeBytes / size > MOST_BLOCKS) size *= 2;
  return size;
}

/** A buffer to read into, and its blocks. Views are made once: made anew for every block they cost as much as hashing it. */
export class Chunk {
  readonly bytes = Buffer.allocUnsafeSlow(CHUNK);
  readonly #blocks: readonly Uint8Array[];
  readonly #blockSize: number;

  constructor(blockSize: number) {
    this.#blockSize = blockSize;
    this.#blocks = Array.from({ length: CHUNK / blockSize }, (_, index) =>
      this.bytes.subarray(index * blockSize, (index + 1) * blockSize),
    );
  }

  /** Block by block, of the first `length` bytes; the last one may be shorter. */
  block(index: number, length: number): Uint8Array {
    const start = index * this.#blockSize;
    const whole = this.#blocks[index];
    if (whole !== undefined && start + this.#blockSize <= length) return whole;
    return this.bytes.subarray(start, length);
  }
}

/** Stands for a block that has to be written whatever it is. */
const UNKNOWN = 0n;

/**
 * What each block of a file in the copy hashes to, so that at the stop only the file itself has to be read, not its copy,
 * which may not be in memory any more.
 *
 * XXH3 with 64 bits and a secret seed: a changed block is taken for an unchanged one once in 2^64, so with a home of 8 GiB
 * changed in every block once in 2^43 upgrades. Disks promise one wrong bit in 2^47 read. The seed is drawn anew for each
 * copy and told to nobody, so that nobody who chooses what the daemon stores can choose blocks that collide.
 */
export class BlockHashes {
  readonly blockSize: number;
  readonly #seed: bigint;
  #size: number;
  #values: BigUint64Array;
  #zero: bigint | undefined;

  constructor(blockSize: number, seed: bigint, size: number) {
    this.blockSize = blockSize;
    this.#seed = seed;
    this.#size = size;
    this.#values = new BigUint64Array(Math.ceil(size / blockSize));
  }

  /** The file in the copy is made that long: what is cut off and comes back, comes back as zero bytes. */
  resize(size: number): void {
    if (size === this.#size) return;
    const values = new BigUint64Array(Math.ceil(size / this.blockSize));
    values.set(this.#values.subarray(0, Math.floor(Math.min(size, this.#size) / this.blockSize)));
    this.#values = values;
    this.#size = size;
  }

  /**
   * Notes that the bytes from `start` to `end`, whole blocks but for the file's last one, are a hole now.
   * @returns the runs that are not known to be zero bytes in the copy: pairs of positions.
   */
  updateHole(start: number, end: number): [start: number, end: number][] {
    const runs: [number, number][] = [];
    this.#zero ??= Bun.hash.xxHash3(new Uint8Array(this.blockSize), this.#seed);
    for (let at = start; at < end; at += this.blockSize) {
      const index = at / this.blockSize;
      if (this.#values[index] === this.#zero) continue;
      const isWhole = at + this.blockSize <= end;
      this.#values[index] = isWhole ? this.#zero : UNKNOWN;
      const last = runs.at(-1);
      const stop = isWhole ? at + this.blockSize : end;
      if (last?.[1] === at) last[1] = stop;
      else runs.push([at, stop]);
    }
    return runs;
  }

  /** How many of the blocks in the first `length` bytes of a chunk differ from what was kept; nothing is noted. */
  countDifferent(chunk: Chunk, position: number, length: number): number {
    const first = position / this.blockSize;
    let different = 0;
    for (let index = 0; index * this.blockSize < length; index += 1) {
      if (Bun.hash.xxHash3(chunk.block(index, length), this.#seed) !== this.#values[first + index]) different += 1;
    }
    return different;
  }

  /**
   * Hashes `length` bytes of a chunk that were read at `position`, a multiple of the block size, and keeps the hashes.
   * @returns the runs of blocks that differ from what was kept: pairs of offsets in the chunk.
   */
  update(chunk: Chunk, position: number, length: number): [start: number, end: number][] {
    const runs: [number, number][] = [];
    const first = position / this.blockSize;
    let open: [number, number] | undefined;
    for (let index = 0, start = 0; start < length; index += 1, start += this.blockSize) {
      const hash = Bun.hash.xxHash3(chunk.block(index, length), this.#seed);
      const known = this.#values[first + index] ?? UNKNOWN;
      if (hash === known && known !== UNKNOWN) {
        open = undefined;
        continue;
      }
      if (first + index < this.#values.length) this.#values[first + index] = hash;
      const end = Math.min(start + this.blockSize, length);
      if (open === undefined) {
        open = [start, end];
        runs.push(open);
      } else {
        open[1] = end;
      }
    }
    return runs;
  }
}
