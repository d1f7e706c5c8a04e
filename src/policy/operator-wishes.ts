import type { UpgradeInfo } from "../model/documents.ts";
import { printable } from "../model/names.ts";
import type { Operator } from "../model/operator.ts";

/** What people have said by command, and what it means for an entry that a source has put into the plan. */

/** Why people do not want it performed, or null. */
export function objectionToWish({ name, version }: UpgradeInfo, { skipped, pin }: Operator): string | null {
  const skip = skipped.find((one) => one.name === name);
  if (skip !== undefined) {
    const how = skip.by === "plan" ? "it was taken out of the plan before" : "it is skipped";
    return `${how} (nymvisor unskip ${printable(name)})`;
  }
  if (pin !== null && pin.release !== name && pin.release !== version) {
    return `this node is pinned to ${printable(pin.release)} (nymvisor unpin)`;
  }
  return null;
}
