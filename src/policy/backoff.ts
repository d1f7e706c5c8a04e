import type { Duration } from "../model/duration.ts";

const SECOND: Duration = 1_000_000_000n;

/** A delay that doubles with each failure in a row, up to a limit. */
export interface Backoff {
  first: Duration;
  longest: Duration;
}

/** Staging costs the network only: try again soon, but do not hammer a server that is in trouble. */
export const STAGING_BACKOFF: Backoff = { first: SECOND, longest: 900n * SECOND };

/** What an operator mends by putting a file somewhere is looked at often; it costs one stat. */
export const LOCAL_BACKOFF: Backoff = { first: SECOND, longest: 30n * SECOND };

/** An attempt that never stopped the node: no room, a binary that was exchanged, a lock. */
export const WAITING_BACKOFF: Backoff = { first: 10n * SECOND, longest: 3600n * SECOND };

/** An attempt that stopped the node and failed: each further one costs its operator uptime. */
export const UPGRADE_BACKOFF: Backoff = { first: 300n * SECOND, longest: 6n * 3600n * SECOND };

/** An archive that failed: it waits for nobody, and the copy is the backup until it is there. */
export const ARCHIVE_BACKOFF: Backoff = { first: 60n * SECOND, longest: 3600n * SECOND };

/**
 * A daemon that keeps failing is started again ever more slowly, but never so slowly that its operator would have to.
 * @param endless nobody ends it after so many failures: a delay of 0, which does not grow, would keep the machine busy.
 */
export function restartBackoff(delay: Duration, endless = false): Backoff {
  const longest = 300n * SECOND;
  const first = endless && delay < SECOND ? SECOND : delay;
  return { first, longest: first > longest ? first : longest };
}

/** How often a node that waits for its turn looks whether it has come; it costs one flock(2). */
export const TURN_DELAY: Duration = SECOND;

/** @param failures how many in a row, from 1. */
export function delayAfter(failures: number, { first, longest }: Backoff): Duration {
  const doublings = BigInt(Math.min(Math.max(failures - 1, 0), 40));
  const delay = first << doublings;
  return delay < longest ? delay : longest;
}
