/** How long is worked at a stretch, in milliseconds. */
const WORK_MS = 1;

/** What timers can do. */
const SHORTEST_REST_MS = 1;

/** A disk that takes seconds to sync is left alone no longer than this: whoever calls the work off does not wait for it. */
const LONGEST_REST_MS = 250;

/**
 * What is read or written at once beside a daemon that runs. Larger requests keep a virtual disk, and often the whole
 * virtual machine, busy for milliseconds: with pieces of 128 KiB and a rest after each a node beside it answers as fast as
 * alone, at 64 MiB/s written and 110 MiB/s read; with pieces of 1 MiB at the same pace its slowest hundredth answers take
 * eight times as long (measured on two virtual cores).
 */
export const GENTLE_PIECE = 128 << 10;

/**
 * Shares the machine with a daemon that runs: after a stretch of work, or of waiting for the disk, both are left to it for
 * as long. Those who wait for one another share one of these: to wait for somebody who rests is no work.
 *
 * It is the work of this very machine that is measured, so neither clock nor timers are those of a simulation.
 */
export class Pace {
  #since = performance.now();
  #moved = 0;

  /** To be called between any two pieces of work. @returns undefined where nothing is to be waited for. */
  breathe(): Promise<void> | undefined {
    const worked = performance.now() - this.#since;
    return worked < WORK_MS ? undefined : this.#rest(Math.min(worked, LONGEST_REST_MS));
  }

  /**
   * To be called when so many bytes were read or written: a disk is to have its rest between any two pieces, however fast
   * it is. @returns undefined where nothing is to be waited for.
   */
  moved(bytes: number): Promise<void> | undefined {
    this.#moved += bytes;
    if (this.#moved < GENTLE_PIECE) return this.breathe();
    this.#moved = 0;
    const worked = performance.now() - this.#since;
    return this.#rest(Math.min(Math.max(worked, SHORTEST_REST_MS), LONGEST_REST_MS));
  }

  async #rest(milliseconds: number): Promise<void> {
    await Bun.sleep(milliseconds);
    this.#since = performance.now();
  }
}

/** How long the event loop may be held while the node is down, in milliseconds. */
const TURN_MS = 5;

/** Waits for nothing: the node is down. But what other threads have done is heard of, and so is a signal. */
export class Turns {
  #since = performance.now();

  /** To be called between any two pieces of work. @returns undefined where no turn is due. */
  breathe(): Promise<void> | undefined {
    return performance.now() - this.#since < TURN_MS ? undefined : this.#give();
  }

  async #give(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#since = performance.now();
  }
}

/** A disk that takes as long for a sync is slow for what there is to be done at each, not for the bytes. */
const SLOW_SYNC_MS = 10;
const LARGEST_PORTION = 1 << 20;

/**
 * How much is written until the disk is asked to have it: as little as {@link GENTLE_PIECE}; more where it takes long
 * whatever the size, as disks that turn do.
 */
export class SyncPortion {
  #bytes = GENTLE_PIECE;
  #waiting = 0;

  /** So many bytes were written. @returns whether they, and those before, are to be synced now. */
  isDue(bytes: number): boolean {
    this.#waiting += bytes;
    return this.#waiting >= this.#bytes;
  }

  /** Syncs by `act`. */
  async sync(act: () => Promise<void>): Promise<void> {
    this.#waiting = 0;
    const began = performance.now();
    await act();
    const isSlow = performance.now() - began >= SLOW_SYNC_MS;
    this.#bytes = isSlow ? Math.min(this.#bytes * 2, LARGEST_PORTION) : GENTLE_PIECE;
  }
}
