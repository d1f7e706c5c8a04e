import type { Instant } from "../model/instant.ts";

/**
 * The two clocks, and what waits by them. Due times are wall clock, because a person or a release names them; delays are
 * monotonic, because a clock that is set must neither cut them short nor stretch them.
 */
export interface Clock {
  /** Nanoseconds since 1970 in UTC; may jump either way. */
  wall(): Instant;
  /** Nanoseconds since some fixed moment of this boot; never goes back. */
  monotonic(): bigint;
  /** Calls back once, after so many milliseconds of the monotonic clock (24 days at most). @returns what cancels it. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** A longer timer would fire at once (setTimeout keeps 31 bits). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const kernelClock: Clock = {
  // Milliseconds are all that the runtime tells of the wall clock; the rest of a stamp would be invented.
  wall: () => BigInt(Date.now()) * 1_000_000n,
  monotonic: () => process.hrtime.bigint(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(milliseconds, 0), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

let provide: (() => Clock) | undefined;

/** The clock of this machine, or of the simulated one that the code runs on. */
export const systemClock: Clock = {
  wall: () => (provide?.() ?? kernelClock).wall(),
  monotonic: () => (provide?.() ?? kernelClock).monotonic(),
  after: (milliseconds, callback) => (provide?.() ?? kernelClock).after(milliseconds, callback),
};

/** For simulations: from now on the clock is the one that `provider` returns at each call; undefined: the kernel's. */
export function useClock(provider: (() => Clock) | undefined): void {
  provide = provider;
}

/** Milliseconds of the monotonic clock, with fractions. */
export function monotonicMilliseconds(): number {
  return Number(systemClock.monotonic()) / 1e6;
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    systemClock.after(milliseconds, resolve);
  });
}
