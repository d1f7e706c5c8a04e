import type { BuildInfo } from "../model/build-info.ts";
import { encodeDocument, type Plan, type UpgradeInfo } from "../model/documents.ts";
import type { Instant } from "../model/instant.ts";
import { objectionToUpgradeName } from "../model/names.ts";
import { type Operator, operatorSchema } from "../model/operator.ts";
import type { Outcome } from "../model/outcomes.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import type { HoldLine } from "../model/render-wishes.ts";
import type { Configuration } from "../model/settings.ts";
import { isBehind, judgeAgreement } from "../policy/agreement.ts";
import { objectionToBytes, trialElsewhere, wentBackFrom } from "../policy/bad-releases.ts";
import { askFromOf, fingerprintOf, isOwnedByPerson, objectionToEntry } from "../policy/incoming.ts";
import { objectionToWish, orderOf } from "../policy/operator-wishes.ts";
import type { PlanView, QueuedUpgrade } from "../policy/run-state.ts";
import { readCurrent } from "../upgrade/current.ts";
import { bytesOfBuild, knownChecksums } from "../upgrade/known-checksums.ts";
import { requireOperator } from "../upgrade/operator.ts";
import { requireOutcomes } from "../upgrade/outcomes.ts";
import { inOrder, readHistory, readUpgradeInfo, readVersionRecord, requirePlan } from "../upgrade/shared-documents.ts";
import { readStaged } from "../upgrade/staged.ts";

export interface PlanReading {
  view: PlanView;
  plan: Plan;
  /** Differs whenever people have said something else by command. */
  wishes: string;
}

/** What a configuration says about when upgrades are performed. */
export type PlanPolicy = Pick<Configuration["policy"], "hold">;

/**
 * Reads the plan, `current`, what people have said and what became of earlier upgrades. @throws {NymvisorError} if one of them cannot be used; nothing is
 * changed.
 */
export function readPlanView(
  layout: Layout,
  runs: Pick<BuildInfo, "build_version">,
  { hold }: PlanPolicy,
  now?: Instant,
): PlanReading {
  const plan = requirePlan(layout);
  const operator = requireOperator(layout);
  const { outcomes } = requireOutcomes(layout);
  const current = readCurrent(layout) ?? plan.current.name;
  const queue = inOrder(plan.queuedUp)
    .filter(({ name }) => name !== current)
    .map((entry) => viewEntry(layout, entry, plan, { operator, outcomes }, runs));
  const currentOrdered = operator.orders.some(({ name }) => name === current);
  const view = {
    current,
    behind: isBehindCurrent(layout, current, plan),
    currentOrdered,
    queue,
    holds: holdsOf(operator, hold).map(({ until, by }) => ({ until, by })),
    ...aboutForward(layout, current, now),
    goBack: operator.goBack.find(({ home }) => home === layout.home) ?? null,
  };
  return { plan, view, wishes: encodeDocument(operatorSchema, operator) };
}

function viewEntry(
  layout: Layout,
  entry: UpgradeInfo,
  plan: Plan,
  { operator, outcomes }: { operator: Operator; outcomes: readonly Outcome[] },
  runs: Pick<BuildInfo, "build_version">,
): QueuedUpgrade {
  const { name } = entry;
  const safe = objectionToUpgradeName(name) === undefined;
  const saved = safe ? readUpgradeInfo(buildLayout(layout, name)) : undefined;
  const owned = isOwnedByPerson(entry, saved?.state === "found" ? saved.value : undefined);
  const order = orderOf(entry, operator);
  const ordered = order !== undefined;
  return {
    name,
    version: entry.version,
    due: entry.upgradeTime,
    fingerprint: fingerprintOf(entry),
    objection:
      objectionToEntry(entry, plan, runs.build_version, order?.downgrade ?? owned) ??
      objectionToBytes(outcomes, knownChecksums(layout, entry)) ??
      (ordered ? null : objectionToWish(entry, operator, owned)),
    askFrom: ordered ? 0n : askFromOf(entry),
    anyTime: owned || ordered,
    despiteHold: order?.despiteHold === true,
  };
}

/**
 * What keeps this home from following `current`: it has gone back from there, those bytes have failed on another home, where
 * they stay, or another home is still trying them.
 * @param now undefined: nobody is waited for.
 */
function aboutForward(
  layout: Layout,
  current: string,
  now: Instant | undefined,
): Pick<PlanView, "forwardObjection" | "forwardWaitsFor"> {
  const { outcomes } = requireOutcomes(layout);
  const bytes = bytesOfBuild(layout, current);
  const failed = bytes === undefined ? null : objectionToBytes(outcomes, [bytes]);
  return {
    forwardObjection: wentBackFrom(outcomes, layout.home, current) ?? failed,
    forwardWaitsFor: now === undefined ? null : trialElsewhere(outcomes, layout.home, current, now),
  };
}

/** What people and the setting hold; what has passed already is among them. */
function holdsOf({ hold }: Operator, setting: PlanPolicy["hold"]): HoldLine[] {
  const holds: HoldLine[] = [];
  if (hold !== null) holds.push({ until: hold.until, by: "command", why: hold.why ?? null });
  if (setting.held) holds.push({ until: setting.until, by: "setting", why: null });
  return holds;
}

/** What holds at that moment. */
export function holdsInForce(operator: Operator, setting: PlanPolicy["hold"], now: Instant): HoldLine[] {
  return holdsOf(operator, setting).filter(({ until }) => until === null || now < until);
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
