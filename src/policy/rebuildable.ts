/**
 * What a daemon makes anew if it is not there, as patterns relative to its home. nym-node rewrites its filters of packets
 * that were seen before at every stop, half a gigabyte each, starts without them, and does not start with half of one.
 */
const REBUILDABLE: ReadonlyMap<string, readonly string[]> = new Map([["nym-node", ["data/replay-detection/*"]]]);

export function rebuildableOf(daemon: string): readonly string[] {
  return REBUILDABLE.get(daemon) ?? [];
}
