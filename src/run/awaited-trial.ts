import { type Duration, fromMilliseconds } from "../model/duration.ts";
import { homeLockOf } from "../model/paths.ts";
import type { PlanView } from "../policy/run-state.ts";
import type { Clock } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { readHolderOf } from "../system/lock.ts";
import { isAlive } from "../system/process-table.ts";

/** How often it is looked whether another node has come to a verdict, though nothing was heard of it, in milliseconds. */
const LOOK_EVERY_MS = 60_000;

/** A node that does not run is perhaps just being started again. */
const STARTS_AGAIN_MS = 5_000;
const STARTS_AGAIN: Duration = fromMilliseconds(STARTS_AGAIN_MS);

/**
 * Another node that has on probation what this one would follow to. While it runs its verdict is waited for; one that does
 * not run comes to none, so that this node goes ahead, with a probation of its own.
 */
export class AwaitedTrial {
  private idle: { home: string; since: bigint } | undefined;

  constructor(private readonly clock: Clock) {}

  /** @returns the view as it counts, and in how many milliseconds it is to be looked at again; null: not for this. */
  judge(view: PlanView): { view: PlanView; lookAgainIn: number | null } {
    const { forwardWaitsFor: home } = view;
    if (home === null) return { view, lookAgainIn: null };
    const lock = homeLockOf(home);
    const holder = readHolderOf(lock);
    // A full disk may have taken the lock and not the name of its holder.
    const runs = holder === undefined ? disk.existsSync(lock) : isAlive(holder);
    if (runs) {
      this.idle = undefined;
      return { view, lookAgainIn: LOOK_EVERY_MS };
    }
    const now = this.clock.monotonic();
    if (this.idle?.home !== home) this.idle = { home, since: now };
    if (now - this.idle.since < STARTS_AGAIN) return { view, lookAgainIn: STARTS_AGAIN_MS };
    return { view: { ...view, forwardWaitsFor: null }, lookAgainIn: null };
  }
}
