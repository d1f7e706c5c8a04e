import { platformSchema, type UpgradeInfo } from "../model/documents.ts";
import { printable } from "../model/names.ts";
import type { Operator, Order } from "../model/operator.ts";

/** What people have said by command, and what it means for an entry that a source has put into the plan. */

/** The checksums that an entry's binaries were announced with, in an order that is always the same. */
export function checksumsOf({ platforms }: UpgradeInfo): string[] {
  return Object.values(platforms)
    .flatMap((platform) => {
      const { data } = platformSchema.safeParse(platform);
      return data?.checksum == null ? [] : [data.checksum.toLowerCase()];
    })
    .toSorted();
}

/** Where an entry's binaries are announced to be. */
export function urlsOf({ platforms }: UpgradeInfo): string[] {
  return Object.values(platforms).flatMap((platform) => platformSchema.safeParse(platform).data?.url ?? []);
}

/** A person's order to perform the entry, or undefined. One of a release whose bytes have changed since is none. */
export function orderOf(entry: UpgradeInfo, { orders }: Operator): Order | undefined {
  const order = orders.find(({ name }) => name === entry.name);
  if (order === undefined || order.checksums === null) return order;
  return order.checksums.join(" ") === checksumsOf(entry).join(" ") ? order : undefined;
}

/**
 * Why people do not want it performed, or null.
 * @param owned a person wrote the entry or its time: then only what was said about this very release counts.
 */
export function objectionToWish(
  { name, version }: UpgradeInfo,
  { skipped, pin }: Operator,
  owned = false,
): string | null {
  const skip = skipped.find((one) => one.name === name && (!owned || one.by === "command"));
  if (skip !== undefined) {
    const how = skip.by === "plan" ? "it was taken out of the plan before" : "it is skipped";
    return `${how} (nymvisor unskip ${printable(name)})`;
  }
  if (!owned && pin !== null && pin.release !== name && pin.release !== version) {
    return `this node is pinned to ${printable(pin.release)} (nymvisor unpin)`;
  }
  return null;
}
