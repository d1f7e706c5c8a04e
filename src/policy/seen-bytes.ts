import type { Instant } from "../model/instant.ts";
import type { SeenBytes } from "../model/release-list.ts";
import type { Release } from "../model/releases.ts";

/** How many releases that are no longer listed are remembered: one that comes back with other bytes begins anew. */
const MOST_REMEMBERED = 200;

/**
 * Notes the bytes that each release has now. A release whose checksum is not known, for the time being or for good, keeps
 * what was noted of it.
 */
export function noteSeenBytes(seen: readonly SeenBytes[], releases: readonly Release[], now: Instant): SeenBytes[] {
  const before = new Map(seen.map((entry) => [entry.tag, entry]));
  const listed = releases.flatMap(({ name, binary }): SeenBytes[] => {
    const known = before.get(name);
    if ("missing" in binary || typeof binary.sha256 !== "string") return known === undefined ? [] : [known];
    const { sha256 } = binary;
    if (known === undefined) return [{ tag: name, sha256, changedAt: null }];
    return [known.sha256 === sha256 ? known : { tag: name, sha256, changedAt: now }];
  });
  const names = new Set(releases.map(({ name }) => name));
  return [...listed, ...seen.filter(({ tag }) => !names.has(tag)).slice(0, MOST_REMEMBERED)];
}
