import { adviceOf, isMachineRefusal, reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Layout } from "../model/paths.ts";
import type { Clock } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { syncFolder } from "../system/durable.ts";
import { LockHeldError, withLock } from "../system/lock.ts";
import { keepLastGood } from "../upgrade/last-good.ts";
import { recordPending } from "../upgrade/record-pending.ts";
import { takeStock } from "../upgrade/take-stock.ts";
import { readWayBackJournal } from "../upgrade/way-back/journal.ts";
import { decidedWayBack, settleWayBackHome, sweepUnpacked } from "../upgrade/way-back/settle-way-back.ts";

export interface DocumentOrderContext {
  layout: Layout;
  clock: Clock;
  emit: Emit;
}

/** Has the documents of a run, and its home, say what `current` says: at the start, after a switch, and after a failure. */
export class DocumentOrder {
  private copiesFail = false;
  /** The documents may have changed since they were copied. */
  private copiesDue = true;

  constructor(private readonly context: DocumentOrderContext) {}

  /** A way back that was interrupted may have left the home in either place: nothing is started before that is settled. */
  async settleWayBack(): Promise<void> {
    const { layout, emit } = this.context;
    const found = readWayBackJournal(layout);
    const outcome = await settleWayBackHome(layout);
    if (outcome !== "undone" || found.state !== "found") return;
    emit({ type: "way-back.recovered", name: found.value.from.name, outcome });
  }

  /**
   * Puts the documents in order. A machine that says no to that is no reason to leave the node down: it is started on
   * what `current` decides, upgrades wait, and it is tried again. @returns whether it is done.
   */
  async settle(signal: AbortSignal): Promise<boolean> {
    try {
      await this.putInOrder(signal);
      return true;
    } catch (error) {
      const passes = isMachineRefusal(error) || error instanceof LockHeldError;
      if (!passes || !isMoveDurable(this.context.layout)) throw error;
      this.context.emit({ type: "warning", about: "the documents could not be put in order", reason: adviceOf(error) });
      return false;
    }
  }

  /** @throws {NymvisorError} if they cannot be read or written; {LockHeldError} if another process keeps their lock. */
  putInOrder(signal?: AbortSignal): Promise<void> {
    const { layout, clock, emit } = this.context;
    const settle = () => takeStock({ layout, clock, emit });
    return withLock(layout.upgradeLock, "putting the documents in order", settle, { signal });
  }

  /**
   * Writes what a switch of this run has left to be written; or, as at a start, puts in order whatever stands in the way.
   * @param emit told what the documents tell of.
   */
  async record(emit: Emit): Promise<void> {
    const { layout, clock } = this.context;
    await withLock(layout.upgradeLock, "the documents of an upgrade", () => {
      if (!recordPending({ layout, clock, emit })) takeStock({ layout, clock, emit });
    });
    await this.sweepUnpacked();
  }

  /** Removes what was unpacked for a way back that is over. Never fails: it can wait. */
  async sweepUnpacked(): Promise<void> {
    const { layout, emit } = this.context;
    try {
      await sweepUnpacked(layout);
    } catch (error) {
      emit({ type: "warning", about: "what was unpacked for the way back", reason: reasonOf(error) });
    }
  }

  /** The documents may have changed. */
  changed(): void {
    this.copiesDue = true;
  }

  /** Copies the documents for bad days, where they may have changed. Never fails: it is said once, and tried again. */
  keepLastGood(): void {
    if (!this.copiesDue) return;
    this.copiesDue = false;
    try {
      keepLastGood(this.context.layout);
      this.copiesFail = false;
    } catch (error) {
      const about = "the copies of the documents";
      if (!this.copiesFail) this.context.emit({ type: "warning", about, reason: reasonOf(error) });
      this.copiesFail = true;
    }
  }
}

/**
 * Whether `current` stays where it is after a loss of power. A nymvisor that was killed in the middle of an upgrade may
 * have moved it and not made that durable; what it leads to must not run on the home before.
 */
function isMoveDurable(layout: Layout): boolean {
  // Where a way back is decided, that says what is started.
  if (!disk.existsSync(layout.journal) || decidedWayBack(layout) !== undefined) return true;
  try {
    syncFolder(layout.upgradeData);
    return true;
  } catch {
    return false;
  }
}
