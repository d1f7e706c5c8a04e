import type { Plan, UpgradeInfo } from "../model/documents.ts";
import { sameRelease } from "../policy/incoming.ts";

/**
 * What was taken out of the plan while nymvisor watched. Upstream goes on announcing it, and asking again must not put
 * it back; an announcement that reads differently is a new one.
 */
export class Withdrawals {
  private readonly withdrawn = new Map<string, UpgradeInfo>();
  private readonly seen = new Map<string, UpgradeInfo>();

  /** The plan was read: keeps how entries read before they may go. */
  planRead(before: Plan | undefined, now: Plan): void {
    for (const info of before?.queuedUp ?? []) this.seen.set(info.name, info);
    for (const { name } of now.queuedUp) this.withdrawn.delete(name);
  }

  /** The entry of that name is gone from the plan without having been performed. */
  add(name: string): void {
    const info = this.seen.get(name);
    if (info !== undefined) this.withdrawn.set(name, info);
  }

  includes(info: UpgradeInfo): boolean {
    const before = this.withdrawn.get(info.name);
    return before !== undefined && sameRelease(before, info);
  }
}
