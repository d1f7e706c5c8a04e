import { NymvisorError } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import { typed } from "../model/render-wishes.ts";
import { systemClock } from "../system/clock.ts";
import type { Environment } from "../system/environment.ts";
import { withLock } from "../system/lock.ts";
import { readCurrent } from "../upgrade/current.ts";
import { requireOperator, writeOperator } from "../upgrade/operator.ts";
import { unqueueEntry } from "../upgrade/queue-entry.ts";
import { requirePlan } from "../upgrade/shared-documents.ts";
import { sourceRecords } from "../upgrade/source-records.ts";
import { isVersion, knownReleases, unknownRelease } from "./known-releases.ts";
import { openInstance, requireUpgradeData } from "./open-instance.ts";

export interface Skipped {
  /** It was skipped before. */
  already: boolean;
  /** It was in the plan, and is not any more. */
  dropped: boolean;
}

/**
 * `nymvisor skip`: a release is passed over by all nodes that share the upgrade data, also if a person has ordered it
 * before. Durable when it returns. @throws {NymvisorError} if no such release is known, or it runs.
 */
export async function skip(name: string, environment: Environment): Promise<Skipped> {
  const { layout, configuration } = openInstance(environment);
  requireUpgradeData(layout);
  return withLock(layout.upgradeLock, "skip", () => {
    const operator = requireOperator(layout);
    const plan = requirePlan(layout);
    const known = knownReleases(layout, configuration);
    const already = operator.skipped.some((one) => one.name === name && one.by === "command");
    if ((readCurrent(layout) ?? plan.current.name) === name) {
      throw new NymvisorError({
        what: `${printable(name)} is what runs`,
        why: "what has been performed cannot be passed over any more",
        next: "to go back: nymvisor upgrade --allow-downgrade NAME (nymvisor check -o json lists the names)",
      });
    }
    if (!already && !known.some((release) => release.name === name)) {
      const meant = known.find(({ version }) => isVersion(version, name));
      if (meant === undefined) throw unknownRelease(name, known, "nymvisor skip");
      throw new NymvisorError({
        what: `${printable(name)} is a version`,
        why: "a release is skipped by its name, as several may have one version",
        next: `nymvisor skip ${typed(meant.name)}`,
      });
    }
    const others = operator.skipped.filter((one) => one.name !== name);
    const orders = operator.orders.filter((one) => one.name !== name);
    if (!already || orders.length < operator.orders.length) {
      const skipped = [...others, { name, since: systemClock.wall(), by: "command" as const }];
      writeOperator(layout, { ...operator, skipped, orders });
    }
    const record = sourceRecords(layout).queued.find((one) => one.name === name);
    if (record !== undefined) unqueueEntry(layout, record);
    return { already, dropped: record !== undefined };
  });
}

/** `nymvisor unskip`. Durable when it returns. @returns whether it was skipped. @throws {NymvisorError} as {@link skip}. */
export async function unskip(name: string, environment: Environment): Promise<boolean> {
  const { layout, configuration } = openInstance(environment);
  requireUpgradeData(layout);
  return withLock(layout.upgradeLock, "unskip", () => {
    const operator = requireOperator(layout);
    const skipped = operator.skipped.filter((one) => one.name !== name);
    if (skipped.length < operator.skipped.length) {
      writeOperator(layout, { ...operator, skipped });
      return true;
    }
    const known = knownReleases(layout, configuration);
    if (known.some((release) => release.name === name) || requirePlan(layout).current.name === name) return false;
    const ours = skipped.map((one) => ({ name: one.name, version: null }));
    throw unknownRelease(name, ours.length > 0 ? ours : known, "nymvisor unskip");
  });
}
