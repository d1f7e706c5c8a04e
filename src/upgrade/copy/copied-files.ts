import type { FileStat } from "../../system/file-stat.ts";
import { BlockHashes } from "./block-hashes.ts";
import type { Records } from "./records.ts";

/** The files that a copy holds, by numbers of their own, and the hashes of those that are large. */
export class CopiedFiles {
  readonly #records: Records;
  readonly #blockSize: number;
  readonly #seed = crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n;
  readonly #hashes = new Map<number, BlockHashes>();
  #last = 0;

  constructor(records: Records, blockSize: number) {
    this.#records = records;
    this.#blockSize = blockSize;
  }

  /** The copy at the record's name, if it is one of that very file; else a number for a new one. */
  objectFor(slot: number | undefined, stat: FileStat): { object: number; isNew: boolean } {
    if (slot !== undefined) {
      const object = this.#records.object(slot);
      if (this.#records.isSameFile(slot, stat)) return { object, isNew: false };
      this.#hashes.delete(object);
    }
    return { object: this.newObject(), isNew: true };
  }

  newObject(): number {
    this.#last += 1;
    return this.#last;
  }

  /** Undefined: nothing is known of the blocks of its copy. */
  hashes(object: number): BlockHashes | undefined {
    return this.#hashes.get(object);
  }

  /** Of a copy that holds nothing yet, or of which nothing is known. */
  newHashes(object: number, size: number): BlockHashes {
    const hashes = new BlockHashes(this.#blockSize, this.#seed, size);
    this.#hashes.set(object, hashes);
    return hashes;
  }

  forget(object: number): void {
    this.#hashes.delete(object);
  }
}
