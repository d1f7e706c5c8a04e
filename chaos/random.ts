/**
 * Chance that can be drawn again: the same seed gives the same draws. Whoever draws has a branch of its own, so that what
 * one of several that go on at once draws does not depend on which of them comes first.
 */
export class Random {
  private state: number;

  constructor(readonly seed: string) {
    this.state = Bun.hash.xxHash32(seed);
  }

  branch(name: string | number): Random {
    return new Random(`${this.seed}/${name}`);
  }

  /** From 0 up to, not including, 1: mulberry32. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** A whole number, both ends included. */
  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  /** True in that share of all draws. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.whole(0, list.length - 1)];
    if (picked === undefined) throw new RangeError("there is nothing to pick from");
    return picked;
  }

  /** One of the keys, as often as its weight says in proportion. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries<number>(weights) as [K, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    throw new RangeError("there is nothing to pick from");
  }

  hex(bytes: number): string {
    let text = "";
    while (text.length < bytes) text += this.whole(0, 0xffffff).toString(16).padStart(6, "0");
    return text.slice(0, bytes);
  }
}
