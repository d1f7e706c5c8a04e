/** Pieces of any size as a stream that is read by the number of bytes. */
export class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next `count` bytes, in memory of their own; fewer where the stream ends before. */
  async take(count: number): Promise<Buffer> {
    const taken = Buffer.allocUnsafe(count);
    let used = 0;
    await this.pass(count, (part) => {
      taken.set(part, used);
      used += part.length;
    });
    return taken.subarray(0, used);
  }

  /** Shows the next `count` bytes in parts, each valid until `each` has settled. @returns how many there were. */
  async pass(count: number, each: (part: Uint8Array) => void | Promise<void>): Promise<number> {
    let left = count;
    while (left > 0) {
      if (this.#piece.length === 0 && !(await this.#refill())) break;
      const part = this.#piece.subarray(0, left);
      this.#piece = this.#piece.subarray(part.length);
      left -= part.length;
      const settled = each(part);
      if (settled !== undefined) await settled;
    }
    return count - left;
  }

  /** Reads to the end, so that a check that the source makes there is made. */
  async drain(): Promise<void> {
    do this.#piece = new Uint8Array(0);
    while (await this.#refill());
  }

  /** Ends the source before its end. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #refill(): Promise<boolean> {
    for (;;) {
      const next = await this.#pieces.next();
      if (next.done) return false;
      if (next.value.length === 0) continue;
      this.#piece = next.value;
      return true;
    }
  }
}
