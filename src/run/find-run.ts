import type { Layout } from "../model/paths.ts";
import { readHolderOf } from "../system/lock.ts";
import { isAlive } from "../system/process-table.ts";

/**
 * The process that runs this instance, or null. The lock itself is left alone, so that a nymvisor that starts in this
 * moment is not kept out; it is for telling people, and nothing is decided by it.
 */
export function findRun({ instanceLock }: Layout): number | null {
  const holder = readHolderOf(instanceLock);
  return holder !== undefined && isAlive(holder) ? holder.pid : null;
}
