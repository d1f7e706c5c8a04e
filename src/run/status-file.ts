import { reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Layout } from "../model/paths.ts";
import type { Progress, RunState } from "../policy/run-state.ts";
import { makeFolderDurably, writeFileDurably } from "../system/durable.ts";

/**
 * `upgrade-status.json`: how far each queued upgrade is, and why one waits or was refused, for an operator to read.
 * Nothing is ever decided by it.
 */
interface Status {
  upgrades: Record<string, UpgradeStatus>;
  /** What was announced and never came into the plan, and why. */
  refused: Record<string, string>;
  /** The version that has to prove itself. */
  probation: {
    name: string;
    version: string;
    unwell: string | null;
    failed: string | null;
    noWayBack: string | null;
  } | null;
  /** The version that runs although it did not prove itself. */
  stays: { name: string; version: string; why: string } | null;
  /** Where the node was put back last. */
  wayBack: { from: string; to: string; why: string; kept: string | null } | null;
  /** Why what a person ordered was not carried out. */
  orderRefused: string | null;
}

interface UpgradeStatus {
  state: "waiting" | "staging" | "fetched" | "staged" | "failed" | "refused";
  reason: string | null;
  failures: number;
}

export class StatusFile {
  private written = "";
  private complained = false;
  private readonly refusals = new Map<string, string>();
  private last: RunState | undefined;
  private wayBack: Status["wayBack"] = null;
  private stayed: Status["stays"] = null;
  private refusedOrder: string | null = null;

  constructor(
    private readonly layout: Layout,
    private readonly emit: Emit,
  ) {}

  /** An announcement that never came into the plan. */
  refused(name: string, reason: string): void {
    this.refusals.set(name, reason);
    if (this.last !== undefined) this.update(this.last);
  }

  putBack({ from, to, why, kept }: NonNullable<Status["wayBack"]>): void {
    this.wayBack = { from, to, why, kept };
    this.stayed = null;
    if (this.last !== undefined) this.update(this.last);
  }

  /** It did not prove itself, and there is no way back from it: to be written with the next state. */
  stays({ name, version, why }: NonNullable<Status["stays"]>): void {
    this.stayed = { name, version, why };
  }

  orderRefused(reason: string): void {
    this.refusedOrder = reason;
    if (this.last !== undefined) this.update(this.last);
  }

  /** Writes the file if it would read differently. */
  update(state: RunState): void {
    this.last = state;
    if (state.probation !== null) this.stayed = null;
    const { queue } = state.plan;
    // Of a name that stands in the plan twice the entry that counts is told.
    const upgrades = [
      ...queue.filter(({ objection }) => objection !== null),
      ...queue.filter(({ objection }) => objection === null),
    ].map(({ name, objection }) => [name, describe(state.progress.get(name), objection)] as const);
    // Not through a schema, which would lose an upgrade that is called `__proto__`.
    const status: Status = {
      upgrades: Object.fromEntries(upgrades),
      refused: Object.fromEntries(this.refusals),
      probation: describeProbation(state),
      stays: this.stayed,
      wayBack: this.wayBack,
      orderRefused: this.refusedOrder,
    };
    const text = JSON.stringify(status, null, 2);
    if (text === this.written) return;
    try {
      makeFolderDurably(this.layout.instanceData);
      writeFileDurably(this.layout.upgradeStatus, text);
      this.written = text;
      this.complained = false;
    } catch (error) {
      if (!this.complained) this.emit({ type: "warning", about: this.layout.upgradeStatus, reason: reasonOf(error) });
      this.complained = true;
    }
  }
}

function describeProbation({ probation }: RunState): Status["probation"] {
  if (probation === null) return null;
  const { name, version, why: unwell, failed, noWayBack } = probation;
  return { name, version, unwell, failed, noWayBack };
}

function describe(progress: Progress | undefined, objection: string | null): UpgradeStatus {
  if (objection !== null) return { state: "refused", reason: objection, failures: 0 };
  if (progress === undefined) return { state: "waiting", reason: null, failures: 0 };
  const { staging, reason, stagingFailures, attempts } = progress;
  const states = {
    waiting: "waiting",
    running: "staging",
    fetched: "fetched",
    staged: "staged",
    failed: "failed",
  } as const;
  return { state: states[staging.state], reason, failures: stagingFailures + attempts };
}
