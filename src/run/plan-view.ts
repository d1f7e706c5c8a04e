import type { BuildInfo } from "../model/build-info.ts";
import type { Plan } from "../model/documents.ts";
import { objectionToUpgradeName } from "../model/names.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import { isBehind, judgeAgreement } from "../policy/agreement.ts";
import { fingerprintOf, isOwnedByPerson, objectionToEntry } from "../policy/incoming.ts";
import type { PlanView } from "../policy/run-state.ts";
import { readCurrent } from "../upgrade/current.ts";
import { inOrder, readHistory, readUpgradeInfo, readVersionRecord, requirePlan } from "../upgrade/shared-documents.ts";
import { readStaged } from "../upgrade/staged.ts";

export interface PlanReading {
  view: PlanView;
  plan: Plan;
}

/** Reads the plan and `current`. @throws {NymvisorError} if either cannot be used; nothing is changed. */
export function readPlanView(layout: Layout, runs: BuildInfo): PlanReading {
  const plan = requirePlan(layout);
  const current = readCurrent(layout) ?? plan.current.name;
  const queue = inOrder(plan.queuedUp)
    .filter(({ name }) => name !== current)
    .map((entry) => {
      const safe = objectionToUpgradeName(entry.name) === undefined;
      const saved = safe ? readUpgradeInfo(buildLayout(layout, entry.name)) : undefined;
      const owned = isOwnedByPerson(entry, saved?.state === "found" ? saved.value : undefined);
      return {
        name: entry.name,
        version: entry.version,
        due: entry.upgradeTime,
        fingerprint: fingerprintOf(entry),
        objection: objectionToEntry(entry, plan, runs.build_version, owned),
      };
    });
  return { plan, view: { current, behind: isBehindCurrent(layout, current, plan), queue } };
}

/** Whether `current` was moved on, by another node that shares it, past what this home was last run with. */
function isBehindCurrent(layout: Layout, current: string, plan: Plan): boolean {
  const record = readVersionRecord(layout);
  // A record that vanishes is no reason to stop a daemon that runs; the next start looks at it.
  if (record.state !== "found") return false;
  if (record.value.name === current || plan.current.name !== current) return false;
  const found = readHistory(layout);
  const history = found.state === "found" ? found.value.history : [];
  const staged = readStaged(buildLayout(layout, current));
  // A binary without a note is asked who it is before anything is done; until then the plan has to do.
  if (staged === undefined) return isBehind(record.value, plan.current, history);
  const sides = {
    current: { name: current, info: plan.current, build: staged.buildInfo },
    record: record.value,
    history,
  };
  return judgeAgreement(sides).state === "behind";
}
