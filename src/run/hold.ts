import { UsageError } from "../model/errors.ts";
import { formatInstant, type Instant } from "../model/instant.ts";
import type { HoldLine } from "../model/render-wishes.ts";
import type { HoldEnd } from "../model/requests.ts";
import { systemClock } from "../system/clock.ts";
import type { Environment } from "../system/environment.ts";
import { withLock } from "../system/lock.ts";
import { requireOperator, writeOperator } from "../upgrade/operator.ts";
import { openInstance, requireUpgradeData } from "./open-instance.ts";
import { holdsInForce } from "./plan-view.ts";

export interface Held {
  until: Instant | null;
  before: HoldLine | null;
  upgradeData: string;
}

/**
 * `nymvisor hold`: from now on nothing is performed by any node that shares the upgrade data. Durable when it returns; a
 * nymvisor that runs sees it at once. @throws {UsageError} if the end has passed.
 */
export async function hold(end: HoldEnd, environment: Environment): Promise<Held> {
  const { layout } = openInstance(environment);
  requireUpgradeData(layout);
  const now = systemClock.wall();
  const until = end.kind === "after" ? now + end.delay : end.kind === "at" ? end.instant : null;
  if (until !== null && until <= now) {
    throw new UsageError({
      what: `upgrades cannot be held until ${formatInstant(until)}`,
      why: `that has passed: it is ${formatInstant(now)}`,
      next: "nymvisor hold --for 1day, or nymvisor hold until you type nymvisor resume",
    });
  }
  return withLock(layout.upgradeLock, "hold", () => {
    const operator = requireOperator(layout);
    const [before = null] = holdsInForce(operator, { held: false }, now);
    if (before === null || before.until !== until) {
      writeOperator(layout, { ...operator, hold: { since: now, until } });
    }
    return { until, before, upgradeData: layout.upgradeData };
  });
}

export interface Resumed {
  was: HoldLine | null;
  /** What still holds: the setting. */
  left: readonly HoldLine[];
}

/** `nymvisor resume`: ends what `hold` began. Durable when it returns. */
export async function resume(environment: Environment): Promise<Resumed> {
  const { layout, configuration } = openInstance(environment);
  requireUpgradeData(layout);
  const now = systemClock.wall();
  return withLock(layout.upgradeLock, "resume", () => {
    const operator = requireOperator(layout);
    const [was = null] = holdsInForce(operator, { held: false }, now);
    if (operator.hold !== null) writeOperator(layout, { ...operator, hold: null });
    return { was, left: holdsInForce({ ...operator, hold: null }, configuration.policy.hold, now) };
  });
}
