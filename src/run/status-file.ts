import { z } from "zod";
import { reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Layout } from "../model/paths.ts";
import type { Progress, RunState } from "../policy/run-state.ts";
import { writeDocument } from "../system/documents.ts";
import { makeFolderDurably } from "../system/durable.ts";

/**
 * `upgrade-status.json`: how far each queued upgrade is, and why one waits or was refused, for an operator to read.
 * Nothing is ever decided by it.
 */
const statusSchema = z.object({
  upgrades: z.record(
    z.string(),
    z.object({
      state: z.enum(["waiting", "staging", "staged", "failed", "refused"]),
      reason: z.string().nullable(),
      failures: z.number(),
    }),
  ),
  refused: z.record(z.string(), z.string()),
});

type Status = z.infer<typeof statusSchema>;

export class StatusFile {
  private written = "";
  private complained = false;
  private readonly refusals = new Map<string, string>();
  private last: RunState | undefined;

  constructor(
    private readonly layout: Layout,
    private readonly emit: Emit,
  ) {}

  /** An announcement that never came into the plan. */
  refused(name: string, reason: string): void {
    this.refusals.set(name, reason);
    if (this.last !== undefined) this.update(this.last);
  }

  /** Writes the file if it would read differently. */
  update(state: RunState): void {
    this.last = state;
    const upgrades = state.plan.queue.map(({ name, objection }) => {
      const progress = state.progress.get(name);
      return [
        name,
        objection === null ? describe(progress) : { state: "refused", reason: objection, failures: 0 },
      ] as const;
    });
    const status = { upgrades: Object.fromEntries(upgrades), refused: Object.fromEntries(this.refusals) } as Status;
    const text = JSON.stringify(status);
    if (text === this.written) return;
    try {
      makeFolderDurably(this.layout.instanceData);
      writeDocument(statusSchema, this.layout.upgradeStatus, status);
      this.written = text;
      this.complained = false;
    } catch (error) {
      if (!this.complained) this.emit({ type: "warning", about: this.layout.upgradeStatus, reason: reasonOf(error) });
      this.complained = true;
    }
  }
}

function describe(progress: Progress | undefined): Status["upgrades"][string] {
  if (progress === undefined) return { state: "waiting", reason: null, failures: 0 };
  const { staging, reason, stagingFailures, attempts } = progress;
  const states = { waiting: "waiting", running: "staging", staged: "staged", failed: "failed" } as const;
  return { state: states[staging.state], reason, failures: stagingFailures + attempts };
}
