import type { Instant } from "../model/instant.ts";

/**
 * The two clocks. Due times are wall clock, because a person or a release names them; delays are monotonic, because a
 * clock that is set must neither cut them short nor stretch them.
 */
export interface Clock {
  /** Nanoseconds since 1970 in UTC; may jump either way. */
  wall(): Instant;
  /** Nanoseconds since some fixed moment of this boot; never goes back. */
  monotonic(): bigint;
}

export const systemClock: Clock = {
  // Milliseconds are all that the runtime tells of the wall clock; the rest of a stamp would be invented.
  wall: () => BigInt(Date.now()) * 1_000_000n,
  monotonic: () => process.hrtime.bigint(),
};
