/**
 * Chance that can be repeated: everything in a simulation that might have happened otherwise is drawn from one of these,
 * so that a seed is a whole history. The generator is xoshiro128** 1.1 of David Blackman and Sebastiano Vigna
 * (https://prng.di.unimi.it): small, fast, with a period of 2^128 - 1. Not for secrets.
 */
export class Random {
  /** Another generator of the same seed draws the same. */
  readonly seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param state the words to begin with instead of those that follow from the seed; not all may be 0. */
  constructor(seed: string | number, state: readonly [number, number, number, number] = stateOf(String(seed))) {
    this.seed = String(seed);
    [this.#a, this.#b, this.#c, this.#d] = state;
  }

  /**
   * A generator whose numbers have nothing to do with those of this one. It depends on the seed and the label alone, not
   * on what was drawn so far: one more draw in one part of a simulation does not change the others.
   */
  fork(label: string | number): Random {
    return new Random(`${this.seed}/${label}`);
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** 0 inclusive to 1 exclusive, in steps of 2^-32. */
  float(): number {
    return this.uint32() / RANGE;
  }

  /** A whole number, both ends included, each as likely as the other; at most 2^32 of them. */
  int(least: number, most: number): number {
    const count = most - least + 1;
    if (!(count >= 1 && count <= RANGE)) throw new RangeError(`no whole number lies between ${least} and ${most}`);
    // What is left over when 2^32 numbers are dealt to `count` places would make the first places likelier.
    const dealt = RANGE - (RANGE % count);
    let drawn = this.uint32();
    while (drawn >= dealt) drawn = this.uint32();
    return least + (drawn % count);
  }

  /** True so often as `probability` (0 to 1) says. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** One of the items, each as likely as the other. @throws {RangeError} if there is none. */
  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)] as T;
  }

  /** One of the items, each as likely as its weight is large. @throws {RangeError} if no weight is positive. */
  weighted<T>(choices: readonly (readonly [weight: number, item: T])[]): T {
    let left = this.float() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, item] of choices) {
      if (left < weight) return item;
      left -= weight;
    }
    throw new RangeError("nothing to choose from has a positive weight");
  }

  /** A copy of the items in any order. */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let end = shuffled.length - 1; end > 0; end -= 1) {
      const other = this.int(0, end);
      const item = shuffled[end] as T;
      shuffled[end] = shuffled[other] as T;
      shuffled[other] = item;
    }
    return shuffled;
  }
}

const RANGE = 2 ** 32;

/** 128 bits of a text: four FNV-1a hashes with bases of their own, so that two forks do not meet by accident. */
function stateOf(seed: string): [number, number, number, number] {
  let [a, b, c, d] = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  for (let index = 0; index < seed.length; index += 1) {
    const unit = seed.charCodeAt(index);
    a = Math.imul(a ^ unit, FNV_PRIME);
    b = Math.imul(b ^ unit ^ (a >>> 15), FNV_PRIME);
    c = Math.imul(c ^ unit ^ (b >>> 15), FNV_PRIME);
    d = Math.imul(d ^ unit ^ (c >>> 15), FNV_PRIME);
  }
  const state: [number, number, number, number] = [mix(a), mix(b), mix(c), mix(d)];
  // All zero is the one state that the generator never leaves.
  return state.every((word) => word === 0) ? [1, 0, 0, 0] : state;
}

const FNV_PRIME = 0x01000193;

/** The finalizer of MurmurHash3: every bit of the hash moves every bit of the state. */
function mix(hash: number): number {
  let word = hash;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}
