import { objectionToUpgradeName } from "../model/names.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import { binariesToPrune, type KeptBinary } from "../policy/prune-binaries.ts";
import { disk } from "../system/disk.ts";
import { removeFileDurably } from "../system/durable.ts";
import { readCurrent } from "./current.ts";
import { requireOperator } from "./operator.ts";
import { buildsOfOtherNodes } from "./other-nodes.ts";
import { readProbation } from "./probation-note.ts";
import { readHistory, requirePlan } from "./shared-documents.ts";

export interface PruneBinariesRequest {
  layout: Layout;
  configuration: Configuration;
  /** Names of builds that this home, or a way back, needs. */
  needed: ReadonlySet<string>;
}

/**
 * Removes the binaries of earlier upgrades that `[upgrade] keep_binaries` lets go, durably, and returns their names. What
 * is known of the upgrades stays, and so do those that other nodes may need. The caller holds `upgrade.lock`.
 * @throws {NymvisorError} if the plan, which names those that are to come, or what people have said cannot be read; nothing
 *   is removed then.
 */
export function pruneBinaries({ layout, configuration, needed }: PruneBinariesRequest): string[] {
  const plan = requirePlan(layout);
  const current = readCurrent(layout);
  const named = new Set([...needed, plan.current.name, ...plan.queuedUp.map(({ name }) => name)]);
  // Where nothing tells what runs, whatever lies there may.
  if (current === undefined) return [];
  named.add(current);
  for (const name of wayBackBuilds(layout)) named.add(name);
  const others = buildsOfOtherNodes(layout);
  if (others === undefined) return [];
  for (const name of others) named.add(name);
  const prunable = binariesToPrune(keptBinaries(layout), configuration.upgrade.keep_binaries, named);
  for (const { name } of prunable) {
    const build = buildLayout(layout, name);
    // The note goes first: it says that a verified binary lies beside it.
    removeFileDurably(build.staged);
    removeFileDurably(build.binary);
  }
  return prunable.map(({ name }) => name);
}

/** What this home would be put back on if what it tries fails, and what people have ordered to go back to. */
function wayBackBuilds(layout: Layout): string[] {
  const probation = readProbation(layout);
  const ordered = requireOperator(layout).goBack.map(({ to }) => to);
  return probation.state === "found" ? [probation.value.from, ...ordered] : ordered;
}

function keptBinaries(layout: Layout): KeptBinary[] {
  if (!disk.existsSync(layout.upgrades)) return [];
  const performed = new Map<string, bigint>();
  const history = readHistory(layout);
  for (const { info, performedAt } of history.state === "found" ? history.value.history : []) {
    performed.set(info.name, performedAt);
  }
  return disk.readdirSync(layout.upgrades).flatMap((name) => {
    if (objectionToUpgradeName(name) !== undefined) return [];
    const stat = disk.lstatSync(buildLayout(layout, name).binary, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return [];
    return [{ name, since: performed.get(name) ?? stat.mtimeNs }];
  });
}
