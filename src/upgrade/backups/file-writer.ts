import { constants } from "node:fs";
import { bulkDisk } from "../../system/bulk-disk.ts";
import { type BytePath, bytesOf } from "../archive/byte-path.ts";

/** Zeros are looked for, and the rest is written, in pieces of this size. */
const PIECE = 64 << 10;

const ZEROS = Buffer.alloc(PIECE);

/** A new file that is written from its start to its end; pieces that hold nothing but zeros become holes. */
export class FileWriter {
  readonly #size: number;
  #descriptor: number | undefined;
  #position = 0;

  /** Fails where anything of that name is, a link too. Nobody but its owner reads it until its metadata is set. */
  constructor(path: BytePath, size: number) {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    this.#descriptor = bulkDisk.openSync(bytesOf(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    this.#size = size;
  }

  write(part: Uint8Array): void {
    for (let start = 0; start < part.length; ) {
      // Pieces are aligned in the file, so that a hole is one wherever the parts happen to end.
      const length = Math.min(PIECE - (this.#position % PIECE), part.length - start);
      const piece = part.subarray(start, start + length);
      if (Buffer.compare(piece, ZEROS.subarray(0, length)) !== 0) this.#put(piece);
      this.#position += length;
      start += length;
    }
  }

  /** The file has its whole size, and is not durable yet. */
  close(): void {
    const descriptor = this.#open();
    if (this.#size > 0) bulkDisk.ftruncateSync(descriptor, this.#size);
    this.#descriptor = undefined;
    bulkDisk.closeSync(descriptor);
  }

  abandon(): void {
    if (this.#descriptor === undefined) return;
    try {
      bulkDisk.closeSync(this.#descriptor);
    } catch {
      // What went wrong before is on its way to whoever asked.
    }
    this.#descriptor = undefined;
  }

  #put(piece: Uint8Array): void {
    for (let written = 0; written < piece.length; ) {
      written += bulkDisk.writeSync(this.#open(), piece, written, piece.length - written, this.#position + written);
    }
  }

  #open(): number {
    if (this.#descriptor === undefined) throw new Error("the file is closed");
    return this.#descriptor;
  }
}
