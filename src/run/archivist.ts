import type { ChildEnvironment } from "../daemon/spawn.ts";
import { type Duration, toMilliseconds } from "../model/duration.ts";
import { adviceOf, NymvisorError, reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Layout } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import { ARCHIVE_BACKOFF, delayAfter } from "../policy/backoff.ts";
import type { Clock } from "../system/clock.ts";
import { withLock } from "../system/lock.ts";
import type { archiveInBackground } from "../upgrade/archive/archive-in-background.ts";
import { pruneBackups } from "../upgrade/backups/prune.ts";
import { dropReplaced } from "../upgrade/backups/restore.ts";
import type { discardCopy } from "../upgrade/copy/home-copy.ts";
import { sweepManualCopies } from "../upgrade/manual-copies.ts";
import { requireOutcomes } from "../upgrade/outcomes.ts";
import { leftCopies, noteArchived, type PendingArchive, pendingArchives } from "../upgrade/pending-archives.ts";
import { pruneBinaries } from "../upgrade/prune-binaries.ts";
import { pruneRolledBack } from "../upgrade/rolled-back.ts";
import { readVersionRecord } from "../upgrade/shared-documents.ts";
import { copyOnWayBack } from "../upgrade/way-back/journal.ts";

export interface ArchivistContext {
  layout: Layout;
  configuration: Configuration;
  clock: Clock;
  emit: Emit;
  environment: ChildEnvironment;
  archiveInBackground: typeof archiveInBackground;
  discardCopy: typeof discardCopy;
  /** The copy of the upgrade that is under way, or null. */
  copyInUse(): string | null;
  /** The copy that a way back would need, or null: it stays when it is archived. */
  copyOnProbation(): string | null;
}

/**
 * Makes archives of the copies that upgrades have left, while the new version runs, and clears away what is no longer
 * needed then. One after the other; what fails stays, and is tried again.
 */
export class Archivist {
  private readonly over = new AbortController();
  private working: Promise<void> | undefined;
  private failures = 0;
  /** How long after this pass it is tried again; undefined: nothing has failed. */
  private retryIn: Duration | undefined;
  private cancelRetry: () => void = () => {};
  private released: string | null = null;
  private complaint: string | undefined;
  private current: { copy: string; calledOff: AbortController } | undefined;

  constructor(private readonly context: ArchivistContext) {}

  /** Does what there is to do; settles when it is done, or has failed and is tried again later. Never rejects. */
  work(): Promise<void> {
    this.working ??= this.workThrough().finally(() => {
      this.working = undefined;
    });
    return this.working;
  }

  /** Lets go of a copy, which somebody else needs: nothing of it is read or removed any more when this settles. */
  async release(copy: string): Promise<void> {
    this.released = copy;
    if (this.current?.copy !== copy) return;
    this.current.calledOff.abort(new NymvisorError({ what: "the copy is needed for a way back" }));
    await this.working;
  }

  /** A copy that was let go of is no longer needed, or was not used after all. */
  takeBack(): void {
    this.released = null;
  }

  /** Gives up what is under way: the copies are there still at the next start. */
  async close(): Promise<void> {
    this.cancelRetry();
    this.over.abort(new NymvisorError({ what: "nymvisor ends" }));
    await this.working;
  }

  /** Said once, however often it is tried. */
  private complain(reason: string): void {
    if (reason === this.complaint) return;
    this.complaint = reason;
    this.context.emit({ type: "warning", about: "the copies of the home", reason });
  }

  private async workThrough(): Promise<void> {
    this.cancelRetry();
    this.retryIn = undefined;
    // What cannot be cleared away keeps nothing from being archived.
    for (const step of [() => this.clearAway(), () => this.archiveAll()]) {
      if (this.over.signal.aborted) return;
      try {
        await step();
      } catch (error) {
        if (this.over.signal.aborted) return;
        this.complain(adviceOf(error));
        this.planRetry();
      }
    }
    if (this.retryIn === undefined) this.complaint = undefined;
    if (this.retryIn === undefined || this.over.signal.aborted) return;
    this.cancelRetry = this.context.clock.after(toMilliseconds(this.retryIn), () => void this.work());
  }

  private async archiveAll(): Promise<void> {
    for (let next = this.next(); next !== undefined; next = this.next()) {
      if (!(await this.archive(next))) return;
    }
  }

  private next(): PendingArchive | undefined {
    if (this.over.signal.aborted) return undefined;
    const taken = [this.context.copyInUse(), copyOnWayBack(this.context.layout), this.released];
    return pendingArchives(this.context.layout).find(({ copy }) => !taken.includes(copy));
  }

  private async archive({ copy, name, order }: PendingArchive): Promise<boolean> {
    const { clock, emit, environment } = this.context;
    const calledOff = new AbortController();
    this.current = { copy, calledOff };
    const signal = AbortSignal.any([this.over.signal, calledOff.signal]);
    const began = clock.monotonic();
    try {
      const archived = await this.context.archiveInBackground(order, { environment, signal });
      for (const { path, kind } of archived.leftOut) emit({ type: "backup.left-out", path, kind });
      const { path, bytes } = archived;
      emit({ type: "backup.done", name, path, bytes, took: clock.monotonic() - began });
      noteArchived(copy);
      if (copy !== this.context.copyOnProbation()) await this.context.discardCopy(copy);
      this.failures = 0;
      await this.prune();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      emit({ type: "archive.failed", name, copy, reason: adviceOf(error), retryIn: this.planRetry() });
      return false;
    } finally {
      this.current = undefined;
    }
  }

  /** Once this pass is over: a node that runs may not be started again for weeks. @returns how long after. */
  private planRetry(): Duration {
    if (this.retryIn === undefined) {
      this.failures += 1;
      this.retryIn = delayAfter(this.failures, ARCHIVE_BACKOFF);
    }
    return this.retryIn;
  }

  private async clearAway(): Promise<void> {
    const { layout, emit } = this.context;
    const needed = [this.context.copyInUse(), this.context.copyOnProbation(), copyOnWayBack(layout), this.released];
    for (const copy of leftCopies(layout, needed)) {
      await this.context.discardCopy(copy);
      emit({ type: "sweep.removed", path: copy });
    }
    for (const copy of await sweepManualCopies(layout, this.context.discardCopy)) {
      emit({ type: "sweep.removed", path: copy });
    }
  }

  /** After an upgrade that has its backup. What cannot be removed stays, and is said. */
  private async prune(): Promise<void> {
    const { layout, configuration, clock, emit } = this.context;
    const { signal } = this.over;
    const steps: (() => Promise<void>)[] = [
      async () => {
        for (const { path } of pruneBackups({ layout, configuration, now: clock.wall(), kind: "preupgrade" })) {
          emit({ type: "pruned", what: "backup", path });
        }
      },
      async () => {
        const record = readVersionRecord(layout);
        const needed = new Set(record.state === "found" ? [record.value.name] : []);
        const prune = () => pruneBinaries({ layout, configuration, needed });
        for (const path of await withLock(layout.upgradeLock, "removing old binaries", prune, { signal })) {
          emit({ type: "pruned", what: "binary", path });
        }
      },
      async () => {
        const { outcomes } = requireOutcomes(layout);
        for (const path of await pruneRolledBack(layout, outcomes)) {
          emit({ type: "pruned", what: "rolled-back home", path });
        }
      },
      async () => {
        const path = await dropReplaced(layout);
        if (path !== undefined) emit({ type: "pruned", what: "replaced home", path });
      },
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        if (signal.aborted) return;
        emit({ type: "warning", about: "what is kept of earlier upgrades", reason: reasonOf(error) });
      }
    }
  }
}
