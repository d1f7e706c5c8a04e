import { z } from "zod";
import { NymvisorError } from "../../model/errors.ts";
import type { Emit } from "../../model/events.ts";
import type { Instant } from "../../model/instant.ts";
import { printable } from "../../model/names.ts";
import type { Layout } from "../../model/paths.ts";
import { typed } from "../../model/render-wishes.ts";
import { sleep, systemClock } from "../../system/clock.ts";
import { readDocument } from "../../system/documents.ts";
import { withLock } from "../../system/lock.ts";
import { requireOperator, writeOperator } from "../../upgrade/operator.ts";
import { requireOutcomes } from "../../upgrade/outcomes.ts";
import { findRun } from "../find-run.ts";
import { requireRecord, type WayBack } from "./choose.ts";

/** A way back that a nymvisor which runs is told to perform. */

const MINUTE = 60_000_000_000n;
const LONGEST = 15n * MINUTE;
const LOOK_EVERY_MS = 200;
const TELL_EVERY = 30_000_000_000n;
/** A service manager may start it again meanwhile. */
const WITHOUT_RUN = 20_000_000_000n;

/**
 * Orders the way back and waits until it is decided. Interrupted, it leaves the order, and says so.
 * @returns where the home lies now as the newer version had left it, or null.
 * @throws {NymvisorError} if the run says that it cannot be done, or is still at it after a quarter of an hour.
 */
export async function orderWayBack(
  { layout, log }: { layout: Layout; log: { emit: Emit } },
  way: WayBack,
  signal: AbortSignal,
): Promise<string | null> {
  const since = await withLock(layout.upgradeLock, "rollback", () => placeOrder(layout, way), { signal });
  const began = systemClock.monotonic();
  let toldAt: bigint | null = null;
  let seenAt = began;
  for (;;) {
    const now = systemClock.monotonic();
    const pid = findRun(layout);
    if (pid !== null) seenAt = now;
    if (pid !== null && (toldAt === null || now - toldAt >= TELL_EVERY)) {
      log.emit({ type: "rollback.waiting", to: way.to.name, pid, waited: now - began });
      toldAt = now;
    }
    const result = lookAtOrder(layout, way, since);
    if (result.state === "done") return result.kept;
    if (result.state === "gone") throw nothingCame(way, result.reason);
    if (now - seenAt >= WITHOUT_RUN)
      throw stillOrdered(way, "the nymvisor that ran has ended", "the next one goes back");
    if (now - began >= LONGEST) throw stillOrdered(way, "it takes more than a quarter of an hour", "it may still come");
    if (signal.aborted) throw stillOrdered(way, "the command was interrupted", "it is carried out all the same");
    await sleep(LOOK_EVERY_MS);
  }
}

/** Under the lock. @returns when it was ordered, which tells it apart from every other one. */
function placeOrder(layout: Layout, { from, to, saved }: WayBack): Instant {
  const { name } = requireRecord(layout);
  if (name !== from.name) {
    throw new NymvisorError({
      what: `this node has gone on to ${printable(name)} meanwhile`,
      next: "type the command again",
    });
  }
  const operator = requireOperator(layout);
  const since = systemClock.wall();
  const order = { home: layout.home, to: to.name, saved: saved?.path ?? null, since };
  writeOperator(layout, {
    ...operator,
    goBack: [...operator.goBack.filter(({ home }) => home !== layout.home), order],
  });
  return since;
}

/** Of `upgrade-status.json`, in which the run says why it does not do what it was told. */
const statusSchema = z.looseObject({ orderRefused: z.string().nullable().default(null) });

type OrderState =
  | { state: "waiting" }
  | { state: "done"; kept: string | null }
  | { state: "gone"; reason: string | null };

/** Outcome and refusal are noted before the order is removed, so that no lock is needed to see them in this order. */
function lookAtOrder(layout: Layout, { to }: WayBack, since: Instant): OrderState {
  const order = requireOperator(layout).goBack.find(({ home }) => home === layout.home);
  if (order?.since === since) return { state: "waiting" };
  const done = requireOutcomes(layout).outcomes.findLast(
    ({ home, kind, name, performedAt }) =>
      home === layout.home && kind === "rollback" && name === to.name && performedAt >= since,
  );
  if (done !== undefined) return { state: "done", kept: done.kept };
  if (order !== undefined) return { state: "gone", reason: "another order has taken its place" };
  const status = readDocument(statusSchema, layout.upgradeStatus);
  return { state: "gone", reason: status.state === "found" ? status.value.orderRefused : null };
}

function nothingCame({ to }: WayBack, reason: string | null): NymvisorError {
  return new NymvisorError({
    what: `the node does not go back to ${printable(to.name)}`,
    why: reason ?? "the order was taken back",
    next: "the log of nymvisor run says more; nymvisor history shows what this node went through",
  });
}

function stillOrdered({ from, to }: WayBack, why: string, then: string): NymvisorError {
  return new NymvisorError({
    what: `the way back to ${printable(to.name)} is ordered, and not done yet`,
    why: `${why}; ${then}`,
    next: `to take the order back: nymvisor rollback --to ${typed(from.name)}`,
  });
}

/** Takes back an order of this home that waits still. @returns what it was to go to, or null. */
export function withdrawOrder(layout: Layout): Promise<string | null> {
  return withLock(layout.upgradeLock, "rollback", () => {
    const operator = requireOperator(layout);
    const order = operator.goBack.find(({ home }) => home === layout.home);
    if (order === undefined) return null;
    writeOperator(layout, { ...operator, goBack: operator.goBack.filter((one) => one !== order) });
    return order.to;
  });
}
