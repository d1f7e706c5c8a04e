import { systemClock } from "../system/clock.ts";
import type { Environment } from "../system/environment.ts";
import { withLock } from "../system/lock.ts";
import { requireOperator, writeOperator } from "../upgrade/operator.ts";
import { requirePlan } from "../upgrade/shared-documents.ts";
import { findKnown, knownReleases, unknownRelease } from "./known-releases.ts";
import { openInstance, requireUpgradeData } from "./open-instance.ts";

export interface Pinned {
  /** The name of the release that is meant. */
  meant: string;
  before: string | null;
}

/**
 * `nymvisor pin`: no other release is performed by the nodes that share the upgrade data.
 * @param release a name, or a version, which means the newest release of it. Durable when it returns.
 * @throws {NymvisorError} if no such release is known.
 */
export async function pin(release: string, environment: Environment): Promise<Pinned> {
  const { layout, configuration } = openInstance(environment);
  requireUpgradeData(layout);
  return withLock(layout.upgradeLock, "pin", () => {
    const operator = requireOperator(layout);
    const before = operator.pin?.release ?? null;
    const { current } = requirePlan(layout);
    const known = knownReleases(layout, configuration);
    // What runs stands last: a release of the list that has its version is the newest of that.
    const found = findKnown(release, [...known, current]);
    if (found === undefined && before !== release) throw unknownRelease(release, known, "nymvisor pin");
    if (before !== release) writeOperator(layout, { ...operator, pin: { release, since: systemClock.wall() } });
    return { meant: found?.name ?? release, before };
  });
}

/** `nymvisor unpin`. Durable when it returns. @returns what was pinned. */
export async function unpin(environment: Environment): Promise<string | null> {
  const { layout } = openInstance(environment);
  requireUpgradeData(layout);
  return withLock(layout.upgradeLock, "unpin", () => {
    const operator = requireOperator(layout);
    if (operator.pin === null) return null;
    writeOperator(layout, { ...operator, pin: null });
    return operator.pin.release;
  });
}
