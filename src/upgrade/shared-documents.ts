import {
  type History,
  historySchema,
  type Plan,
  planSchema,
  type UpgradeInfo,
  upgradeInfoSchema,
  type VersionRecord,
  versionRecordSchema,
} from "../model/documents.ts";
import { NymvisorError } from "../model/errors.ts";
import type { BuildLayout, Layout } from "../model/paths.ts";
import { sameRelease } from "../policy/incoming.ts";
import { type Found, readDocument, requireUsable, writeDocument } from "../system/documents.ts";
import { setAside } from "../system/durable.ts";
import { readLastGood } from "./last-good.ts";

/**
 * The documents that nodes of one daemon share, read and written. Whoever writes one of those beside the plan holds
 * `upgrade.lock`, and has read it under that lock.
 */

export const readPlan = (layout: Layout): Found<Plan> => readDocument(planSchema, layout.plan);

export const readUpgradeInfo = (build: BuildLayout): Found<UpgradeInfo> => readDocument(upgradeInfoSchema, build.info);

export const readHistory = (layout: Layout): Found<History> => readDocument(historySchema, layout.history);

/** The record of this home; the Rust program's name is looked at only where ours is not there. */
export function readVersionRecord(layout: Layout): Found<VersionRecord> {
  const ours = readDocument(versionRecordSchema, layout.versionRecord);
  return ours.state === "missing" ? readDocument(versionRecordSchema, layout.rustVersionRecord) : ours;
}

/** How a person gets an unusable document out of the way without losing it. */
function moveAway(path: string): string {
  return `look at it; to go on without it: mv ${path} ${path}.bad, then run nymvisor again`;
}

/** The plan. @throws {NymvisorError} if there is none, or none that can be used; nothing is changed. */
export function requirePlan(layout: Layout): Plan {
  const plan = requireUsable(readPlan(layout), layout.plan, moveAway(layout.plan));
  if (plan === undefined) {
    throw new NymvisorError({
      what: `there is no plan at ${layout.plan}`,
      why: "the instance was not set up, or its upgrade data was moved",
      next: "nymvisor init --daemon-home DIR <DAEMON_BINARY>",
    });
  }
  return plan;
}

/** A build's information, or undefined where there is none. @throws {NymvisorError} if it cannot be used. */
export function requireUpgradeInfo(build: BuildLayout): UpgradeInfo | undefined {
  return requireUsable(readUpgradeInfo(build), build.info, moveAway(build.info));
}

export function writePlan(layout: Layout, plan: Plan): void {
  writeDocument(planSchema, layout.plan, { ...plan, queuedUp: inOrder(plan.queuedUp) });
}

/** In order of due time; entries of the same time keep their order. */
export function inOrder(queue: readonly UpgradeInfo[]): UpgradeInfo[] {
  return queue.toSorted((a, b) => (a.upgradeTime < b.upgradeTime ? -1 : a.upgradeTime > b.upgradeTime ? 1 : 0));
}

export function writeUpgradeInfo(build: BuildLayout, info: UpgradeInfo): void {
  writeDocument(upgradeInfoSchema, build.info, info);
}

export function writeVersionRecord(layout: Layout, record: VersionRecord): void {
  writeDocument(versionRecordSchema, layout.versionRecord, record);
}

export function writeHistory(layout: Layout, history: History): void {
  writeDocument(historySchema, layout.history, history);
}

/**
 * Adds an upgrade to the history; a second time for the same moment changes nothing. A history that cannot be used is
 * kept under another name, which is returned, and goes on from its last good copy: what is to be noted has happened.
 */
export function appendHistory(layout: Layout, entry: History["history"][number], stamp: string): string | undefined {
  const found = readHistory(layout);
  const kept = found.state === "unusable" ? setAside(layout.history, stamp) : undefined;
  const usable = kept === undefined ? found : readLastGood(layout, layout.history, historySchema).found;
  const before: History = usable.state === "found" ? usable.value : { history: [] };
  const known = before.history.some(
    ({ performedAt, info }) => performedAt === entry.performedAt && info.name === entry.info.name,
  );
  if (!known) writeHistory(layout, { ...before, history: [...before.history, entry] });
  return kept;
}

/**
 * Adds an upgrade that could not be noted while later ones were performed: before those that came after it, as far as the
 * clock can be trusted. Nothing is changed where another node has noted it, at whatever moment.
 */
export function insertHistory(layout: Layout, entry: History["history"][number]): void {
  const found = readHistory(layout);
  const before: History = found.state === "found" ? found.value : { history: [] };
  if (before.history.some(({ info }) => sameRelease(info, entry.info))) return;
  const later = before.history.findIndex(({ performedAt }) => performedAt > entry.performedAt);
  const history = before.history.toSpliced(later === -1 ? before.history.length : later, 0, entry);
  writeHistory(layout, { ...before, history });
}
