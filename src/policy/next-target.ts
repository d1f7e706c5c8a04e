import { printable } from "../model/names.ts";
import type { Hold, Moment, RunState, Target } from "./run-state.ts";
import { isOpen } from "./window.ts";

/**
 * What is performed now, or null. A way back comes first; while a version is on probation nothing else is begun but what a
 * person has named the time of: perhaps that mends what is wrong with it.
 */
export function nextTarget(state: RunState, now: Moment): Target | null {
  if (state.recording !== null) return null;
  const back = nextWayBack(state, now);
  if (back !== null) return back;
  const { plan, forward, probation } = state;
  if (plan.goBack !== null) return null;
  if (probation !== null) return probation.failed === null && !plan.behind ? nextUpgrade(state, now) : null;
  if (plan.behind && plan.forwardObjection === null) {
    if (plan.forwardWaitsFor !== null) return null;
    const wanted = plan.currentOrdered || (!isOnHold(plan.holds, now) && mayStop(state, now));
    return wanted && !isHeld(forward.heldUntil, now) ? { kind: "forward", name: plan.current } : null;
  }
  return nextUpgrade(state, now);
}

/** A person's order, or what follows from a version that has failed. It waits for no window and for no hold. */
function nextWayBack({ plan, probation, back, settings }: RunState, now: Moment): Target | null {
  if (isHeld(back.heldUntil, now)) return null;
  const { goBack: order } = plan;
  if (order !== null) return { kind: "back", name: order.to, order, why: "a person ordered it" };
  if (probation === null || probation.failed === null) return null;
  if (!settings.goBackByItself || probation.noWayBack !== null) return null;
  return { kind: "back", name: probation.name, order: null, why: probation.failed };
}

/**
 * Entries go in order of due time; one whose staging is still under way is waited for, and so is one that waits for its
 * turn; one that has failed does not keep later ones waiting.
 */
function nextUpgrade(state: RunState, now: Moment): Target | null {
  for (const entry of state.plan.queue) {
    if (entry.objection !== null) continue;
    if (entry.due > now.wall) return null;
    if (isOnHold(state.plan.holds, now) && !entry.despiteHold) continue;
    if (!entry.anyTime && state.probation !== null) continue;
    if (!entry.anyTime && !isOpen(state.settings.windows, now.wall)) continue;
    const progress = state.progress.get(entry.name);
    if (progress === undefined) continue;
    if (progress.staging.state === "staged") {
      if (isHeld(progress.heldUntil, now)) {
        // One that has failed is gone past; one that waits for its turn is not overtaken.
        if (progress.attempts === 0) return null;
        continue;
      }
      return { kind: "upgrade", name: entry.name, fingerprint: entry.fingerprint, from: state.plan.current };
    }
    // One that is not old enough yet keeps nobody waiting.
    if (progress.staging.state === "fetched" && now.wall < entry.askFrom) continue;
    if (progress.staging.state !== "failed" && progress.stagingFailures === 0) return null;
  }
  return null;
}

/** A node that is down is not stopped by being moved. */
function mayStop({ settings, phase }: RunState, now: Moment): boolean {
  const resumed = phase.kind === "upgrading" ? phase.resume.kind : phase.kind;
  return resumed !== "running" || isOpen(settings.windows, now.wall);
}

/** Why the upgrade that is under way must not stop the daemon after all, or null: much may have changed since it began. */
export function objectionToStop(state: RunState, target: Target, now: Moment): string | null {
  if (target.kind === "back") return null;
  const { holds, queue, currentOrdered, goBack, forwardObjection, forwardWaitsFor } = state.plan;
  if (goBack !== null) return `a person wants this node back on ${printable(goBack.to)}`;
  // It may have begun to be tried there, or have failed there, since this was decided.
  if (target.kind === "forward" && forwardWaitsFor !== null) return `it is on probation on ${forwardWaitsFor}`;
  if (target.kind === "forward" && forwardObjection !== null) return forwardObjection;
  const held = isOnHold(holds, now) ? "upgrades are held" : null;
  const closed = mayStop(state, now) ? null : "the window has closed";
  if (target.kind === "forward") return currentOrdered ? null : (held ?? closed);
  const entry = queue.find(({ name, fingerprint }) => name === target.name && fingerprint === target.fingerprint);
  if (entry === undefined || entry.objection !== null) return `${printable(target.name)} is no longer wanted as it was`;
  if (entry.due > now.wall) return `${printable(target.name)} is not due any more`;
  return (entry.despiteHold ? null : held) ?? (entry.anyTime ? null : closed);
}

/** Whether a person keeps upgrades from being performed. */
export function isOnHold(holds: readonly Hold[], now: Pick<Moment, "wall">): boolean {
  return holds.some(({ until }) => until === null || now.wall < until);
}

function isHeld(until: bigint | null, now: Moment): boolean {
  return until !== null && now.monotonic < until;
}
