import type { Random } from "../random.ts";
import { type Attributes, Inode } from "./inode.ts";

interface Contents {
  readonly bytes: Uint8Array;
  /** How many of the bytes count. */
  readonly size: number;
}

const NOTHING: Contents = { bytes: new Uint8Array(0), size: 0 };

/** That nothing was changed. */
const NOWHERE = Number.POSITIVE_INFINITY;

/** A regular file: what the page cache holds of it, and what the disk holds. */
export class FileInode extends Inode {
  #bytes = NOTHING.bytes;
  #size = NOTHING.size;
  #durable = NOTHING;
  #durableAttributes: Attributes;
  /** No byte before this one was changed since the last fsync. */
  #changedFrom = NOWHERE;
  /** See {@link failSync}. */
  #dropped = false;
  /** Number of fsyncs that took place. */
  #syncs = 0;

  constructor(number: number, attributes: Attributes) {
    super(number, attributes);
    this.#durableAttributes = attributes;
  }

  get size(): number {
    return this.#size;
  }

  get syncs(): number {
    return this.#syncs;
  }

  /** What it holds; not a copy. */
  contents(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  write(data: Uint8Array, position: number): void {
    const size = this.#size;
    const end = position + data.length;
    this.#reserve(Math.min(position, size), end);
    // What was cut off earlier may still lie in the gap.
    if (position > size) this.#bytes.fill(0, size, position);
    this.#bytes.set(data, position);
    this.#size = Math.max(size, end);
  }

  truncate(size: number): void {
    const before = this.#size;
    if (size > before) {
      this.#reserve(before, size);
      this.#bytes.fill(0, before, size);
    } else {
      this.#changedFrom = Math.min(this.#changedFrom, size < before ? size : NOWHERE);
    }
    this.#size = size;
    if (size === 0) this.#dropped = false;
  }

  /** Makes room for a change of these bytes. The disk's copy may be the same array, and is never written over. */
  #reserve(from: number, end: number): void {
    const bytes = this.#bytes;
    const missing = end > bytes.length;
    if (missing || (bytes === this.#durable.bytes && from < this.#durable.size)) {
      this.#bytes = new Uint8Array(missing ? Math.max(end, bytes.length * 2) : bytes.length);
      this.#bytes.set(bytes.subarray(0, this.#size));
    }
    this.#changedFrom = Math.min(this.#changedFrom, from);
  }

  /** fsync(2). */
  sync(): void {
    this.#syncs += 1;
    const { mode, uid, gid, mtime, ctime } = this;
    this.#durableAttributes = { mode, uid, gid, mtime, ctime };
    if (this.#dropped) return;
    this.#durable = { bytes: this.#bytes, size: this.#size };
    this.#changedFrom = NOWHERE;
  }

  /**
   * fsync(2) with an error. Linux reports it once and takes the pages for written: a second fsync has nothing to do and
   * succeeds, although the disk has the old contents.
   */
  failSync(): void {
    if (this.#changedFrom !== NOWHERE) this.#dropped = true;
  }

  /** Whether a loss of power would leave these contents, whatever chance has to say. */
  get isDurable(): boolean {
    return this.#changedFrom === NOWHERE && !this.#dropped;
  }

  /** A change of a name, which moved the ctime, is durable; so that ctime is, unless a later fsync has seen to it. */
  settleChangeTime(ctime: bigint, syncs: number): void {
    if (syncs === this.#syncs) this.#durableAttributes = { ...this.#durableAttributes, ctime };
  }

  /** What a loss of power leaves. Bytes before the first changed one are safe; the rest is anyone's guess. */
  loseUnsynced(random: Random): void {
    const dirty = this.#changedFrom !== NOWHERE;
    const left = dirty ? this.#guess(random) : this.#durable;
    // A file that was never changed may still have lost its last chmod or chown.
    const old = dirty ? left === this.#durable : random.chance(0.5);
    const { mode, uid, gid, mtime, ctime } = old ? this.#durableAttributes : this;
    Object.assign(this, { mode, uid, gid, mtime, ctime });
    this.#bytes = left.bytes;
    this.#size = left.size;
    this.#dropped = false;
    this.sync();
  }

  #guess(random: Random): Contents {
    const bytes = this.#bytes;
    const size = this.#size;
    const safe = Math.min(this.#changedFrom, size);
    switch (random.pick(["old", "new", "cut", "prefix", "zeros", "garbage"] as const)) {
      case "old":
        return this.#durable;
      case "new":
        return { bytes, size };
      case "cut":
        return { bytes, size: safe };
      case "prefix":
        return { bytes, size: random.int(safe, size) };
      case "zeros":
        return torn(this.contents(), safe, random, () => 0);
      case "garbage":
        return torn(this.contents(), safe, random, () => random.int(0, 255));
    }
  }
}

/** The size was written, and some of the blocks were not. */
function torn(contents: Uint8Array, safe: number, random: Random, filling: () => number): Contents {
  const bytes = contents.slice();
  const size = bytes.length;
  const start = random.int(safe, size);
  const end = random.chance(0.5) ? size : random.int(start, size);
  for (let index = start; index < end; index += 1) bytes[index] = filling();
  return { bytes, size };
}
