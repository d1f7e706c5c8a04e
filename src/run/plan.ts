import { z } from "zod";
import type { Instant } from "../model/instant.ts";
import { objectionToUpgradeName } from "../model/names.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import type { PlanReport, QueuedReport } from "../model/plan-report.ts";
import type { Configuration } from "../model/settings.ts";
import { objectionToBytes } from "../policy/bad-releases.ts";
import type { Hold, QueuedUpgrade } from "../policy/run-state.ts";
import { nextOpen } from "../policy/window.ts";
import { systemClock } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { readDocument } from "../system/documents.ts";
import type { Environment } from "../system/environment.ts";
import { readCurrent } from "../upgrade/current.ts";
import { knownChecksums } from "../upgrade/known-checksums.ts";
import { requireOperator } from "../upgrade/operator.ts";
import { requireOutcomes } from "../upgrade/outcomes.ts";
import { requirePlan } from "../upgrade/shared-documents.ts";
import { sourceRecords } from "../upgrade/source-records.ts";
import { readNote } from "../upgrade/staged.ts";
import { findRun } from "./find-run.ts";
import { keptList } from "./known-releases.ts";
import { openInstance, requireUpgradeData } from "./open-instance.ts";
import { holdsInForce, readPlanView } from "./plan-view.ts";

/**
 * `nymvisor plan`: what is queued, how far it is, and what keeps it. Reads files, and nothing else: it takes no lock, asks
 * nobody, executes nothing. @throws {NymvisorError} if the plan, or what people have said, cannot be read.
 */
export function planReport(environment: Environment): PlanReport {
  const { layout, configuration } = openInstance(environment);
  requireUpgradeData(layout);
  const now = systemClock.wall();
  const { current, queuedUp } = requirePlan(layout);
  const { outcomes } = requireOutcomes(layout);
  const { view } = readPlanView(layout, { build_version: current.version }, configuration.policy);
  const operator = requireOperator(layout);
  const holds = holdsInForce(operator, configuration.policy.hold, now);
  const records = sourceRecords(layout).queued;
  const run = findRun(layout);
  return {
    now,
    running: { name: readCurrent(layout) ?? current.name, version: current.version },
    run,
    ...freshness(layout, configuration, now),
    holds,
    pin: operator.pin?.release ?? null,
    skipped: operator.skipped.map(({ name }) => name),
    queued: view.queue.map((entry) => {
      const source = records.find(({ name }) => name === entry.name)?.source ?? null;
      const queued = describeQueued(layout, entry, source, run !== null, holds, configuration, now);
      const info = queuedUp.find(({ name }) => name === entry.name);
      const isBad = info !== undefined && objectionToBytes(outcomes, knownChecksums(layout, info)) !== null;
      return isBad ? { ...queued, staging: "refused" } : queued;
    }),
  };
}

/** When a source last answered, and whether that is too long ago. */
export function freshness(
  layout: Layout,
  configuration: Configuration,
  now: Instant,
): Pick<PlanReport, "asOf" | "stale"> {
  const { answered, since } = sourceRecords(layout);
  const listed = keptList(layout, configuration)?.answeredAt ?? null;
  const answers = [...Object.values(answered), ...(listed === null ? [] : [listed])];
  const asOf = answers.length === 0 ? null : latestOf(answers);
  const heard = asOf ?? since;
  return { asOf, stale: heard !== null && now - heard > configuration.upstream.stale_after };
}

function latestOf(moments: readonly Instant[]): Instant {
  return moments.toSorted((left, right) => (left < right ? 1 : -1))[0] ?? 0n;
}

function describeQueued(
  layout: Layout,
  entry: QueuedUpgrade,
  source: string | null,
  runs: boolean,
  holds: readonly Hold[],
  { policy }: Configuration,
  now: Instant,
): QueuedReport {
  const { name, version, due, objection, anyTime, despiteHold } = entry;
  const held = holds.length > 0 && !despiteHold;
  const { staging, why } = stagingOf(layout, name, runs);
  const endless = held && holds.some(({ until }) => until === null);
  const earliest = latestOf([now, due, entry.askFrom, ...(held ? holds.flatMap(({ until }) => until ?? []) : [])]);
  const opening = anyTime ? { start: earliest } : nextOpen(policy.window, earliest);
  const start = opening === null ? null : latestOf([earliest, opening.start]);
  const at = objection !== null || endless || staging === "refused" ? null : start;
  return { name, version, source, due, at, staging, held, ordered: anyTime, why: objection ?? why };
}

/** Of `upgrade-status.json`, in which a nymvisor that runs tells how far it is. */
const statusSchema = z.object({
  upgrades: z.record(z.string(), z.looseObject({ state: z.string(), reason: z.string().nullable() })),
});

function stagingOf(layout: Layout, name: string, runs: boolean): Pick<QueuedReport, "staging" | "why"> {
  if (objectionToUpgradeName(name) !== undefined) return { staging: "waiting", why: null };
  const found = readDocument(statusSchema, layout.upgradeStatus);
  const upgrades = found.state === "found" ? found.value.upgrades : {};
  const told = Object.hasOwn(upgrades, name) ? upgrades[name] : undefined;
  const why = told?.reason ?? null;
  const build = buildLayout(layout, name);
  const note = readNote(build);
  if (note?.refused != null) return { staging: "refused", why: note.refused };
  if (note?.buildInfo != null) return { staging: "staged", why };
  if (told?.state === "failed") return { staging: "failed", why };
  if (runs && told?.state === "staging") return { staging: "staging", why };
  return { staging: disk.existsSync(build.binary) ? "fetched" : "waiting", why };
}
