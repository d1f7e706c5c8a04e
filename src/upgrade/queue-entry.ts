import type { UpgradeInfo } from "../model/documents.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import type { SourceRecords } from "../model/source-records.ts";
import { asBeingQueued } from "../policy/incoming.ts";
import { makeFolderDurably } from "../system/durable.ts";
import { requirePlan, writePlan, writeUpgradeInfo } from "./shared-documents.ts";
import { noteQueued } from "./source-records.ts";

/**
 * Puts what a source tells of into the plan, in place of an entry of that name. Durable when it returns; after a kill in
 * between no person seems to have had a hand in it. The caller holds `upgrade.lock`.
 * @param record where its time differs from the entry's, a person has chosen that.
 */
export function queueEntry(
  layout: Layout,
  entry: UpgradeInfo,
  record: Pick<SourceRecords["queued"][number], "source" | "by" | "upgradeTime">,
): void {
  const { name } = entry;
  const build = buildLayout(layout, name);
  makeFolderDurably(build.folder);
  const { source, by, upgradeTime } = record;
  const saved = { ...entry, upgradeTime };
  const plan = requirePlan(layout);
  noteQueued(layout, name, { name, source, by, upgradeTime, state: "entering" });
  writeUpgradeInfo(build, asBeingQueued(saved));
  writePlan(layout, { ...plan, queuedUp: [...plan.queuedUp.filter((other) => other.name !== name), entry] });
  writeUpgradeInfo(build, saved);
  noteQueued(layout, name, { name, source, by, upgradeTime, state: "queued" });
}

/** Takes what a source told of out of the plan again. Durable when it returns. The caller holds `upgrade.lock`. */
export function unqueueEntry(layout: Layout, record: SourceRecords["queued"][number]): void {
  const { name } = record;
  const plan = requirePlan(layout);
  noteQueued(layout, name, { ...record, state: "leaving" });
  if (plan.queuedUp.some((entry) => entry.name === name)) {
    writePlan(layout, { ...plan, queuedUp: plan.queuedUp.filter((entry) => entry.name !== name) });
  }
  noteQueued(layout, name, null);
}
