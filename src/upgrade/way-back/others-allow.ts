import type { Layout } from "../../model/paths.ts";
import { nobodyPassed } from "../../policy/bad-releases.ts";
import { readCurrent } from "../current.ts";
import { buildsOfOtherNodes } from "../other-nodes.ts";
import { requireOutcomes } from "../outcomes.ts";
import { readHistory } from "../shared-documents.ts";

/**
 * Whether `current` may go back with this node. Other nodes that share it, and that are on a build after the one it would
 * point to, would not start any more: then only this one goes, as one that is behind.
 */
export function othersAllow(layout: Layout, { from, to }: { from: { name: string }; to: string }): boolean {
  if (readCurrent(layout) !== from.name) return false;
  const history = readHistory(layout);
  const performed = history.state === "found" ? history.value.history.map(({ info }) => info.name) : [];
  // Genesis is in no history: it comes before all that is.
  const place = (name: string) => performed.lastIndexOf(name);
  // Forward again it takes the others along, as an upgrade does; without it this node would not start.
  if (place(to) > place(from.name)) return true;
  if (!nobodyPassed(requireOutcomes(layout).outcomes, from.name, layout.home)) return false;
  const others = buildsOfOtherNodes(layout);
  if (others === undefined) return false;
  return [...others].every((name) => name === to || (name !== from.name && place(name) < place(to)));
}
