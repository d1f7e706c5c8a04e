/**
 * Each entry, and each piece that is compressed, leaves memory behind that the runtime's collector would let pile up to a
 * hundred megabytes and more, because most of it is no part of its own heap. A collection takes a few milliseconds; at
 * these distances that is one or two per cent of the time.
 */
const ENTRIES = 5000;
const BYTES = 32 << 20;

/** Counts what was passed by, and collects in time. */
export class Collector {
  #entries = 0;
  #bytes = 0;

  entry(): void {
    this.#entries += 1;
    if (this.#entries >= ENTRIES) this.#collect();
  }

  bytes(count: number): void {
    this.#bytes += count;
    if (this.#bytes >= BYTES) this.#collect();
  }

  #collect(): void {
    this.#entries = 0;
    this.#bytes = 0;
    Bun.gc(true);
  }
}
