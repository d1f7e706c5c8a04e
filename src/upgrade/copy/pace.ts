/** How long is worked at a stretch, in milliseconds: as long as the event loop may be held. */
const WORK_MS = 5;

/** A disk that takes seconds to sync is left alone no longer than this: whoever calls the copy off does not wait for it. */
const LONGEST_REST_MS = 250;

/**
 * Shares the machine with a daemon that runs: after a stretch of work, or of waiting for the disk, both are left to it for
 * as long. Measured beside a node that answers requests, on two cores: unpaced, with two reads under way at once, a copy
 * of 1 GiB took 85 % of a core, most of it in the kernel; paced, with one, 30 % for twice as long.
 *
 * It is the work of this very machine that is measured, so neither clock nor timers are those of a simulation.
 */
export class Pace {
  #since = performance.now();

  /** To be called between any two pieces of work. @returns undefined where nothing is to be waited for. */
  breathe(): Promise<void> | undefined {
    const worked = performance.now() - this.#since;
    return worked < WORK_MS ? undefined : this.#rest(Math.min(worked, LONGEST_REST_MS));
  }

  async #rest(milliseconds: number): Promise<void> {
    await Bun.sleep(milliseconds);
    this.#since = performance.now();
  }
}

/** Waits for nothing: the node is down. But what other threads have done is heard of, and so is a signal. */
export class Turns {
  #since = performance.now();

  /** To be called between any two pieces of work. @returns undefined where no turn is due. */
  breathe(): Promise<void> | undefined {
    return performance.now() - this.#since < WORK_MS ? undefined : this.#give();
  }

  async #give(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#since = performance.now();
  }
}
