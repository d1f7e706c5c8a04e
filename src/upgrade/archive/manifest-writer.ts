import {
  BETWEEN,
  CLOSING,
  headLine,
  type LeftOutEntry,
  leftOutLine,
  type ManifestEntry,
  type ManifestHead,
  manifestLine,
  OPENING,
} from "./manifest.ts";

/** Lines are joined to pieces of about this size: a line as a string of its own would take several times its bytes. */
const PIECE = 128 << 10;

const FASTEST = { level: 1 } as const;

/** Collects the manifest while the archive is written: less than 100 bytes of memory for each entry, compressed. */
export class ManifestWriter {
  /** Bytes of all of it. */
  size = 0;
  readonly #pieces: Uint8Array[] = [];
  readonly #leftOut: string[] = [];
  #open: string[] = [];
  #openLength = 0;
  #entries = 0;

  constructor(readonly head: ManifestHead) {
    this.#append(`${headLine(head)}\n${OPENING}`);
  }

  add(entry: ManifestEntry): void {
    this.#append(`${this.#entries === 0 ? "" : ","}\n${manifestLine(entry)}`);
    this.#entries += 1;
  }

  leaveOut(entry: LeftOutEntry): void {
    this.#leftOut.push(leftOutLine(entry));
  }

  /** All of it is known; nothing can be added afterwards. {@link size} is that of all {@link pieces}. */
  finish(): void {
    const leftOut = this.#leftOut.map((line, index) => `${index === 0 ? "" : ","}\n${line}`);
    this.#append(`\n${BETWEEN}${leftOut.join("")}\n${CLOSING}\n`);
    this.#close();
  }

  /** The text, in order. */
  *pieces(): Generator<Uint8Array> {
    for (const piece of this.#pieces) yield Bun.inflateSync(Uint8Array.from(piece));
  }

  #append(text: string): void {
    this.#open.push(text);
    this.#openLength += text.length;
    if (this.#openLength >= PIECE) this.#close();
  }

  #close(): void {
    const piece = Buffer.from(this.#open.join(""));
    this.#pieces.push(Bun.deflateSync(piece, FASTEST));
    this.size += piece.length;
    this.#open = [];
    this.#openLength = 0;
  }
}
