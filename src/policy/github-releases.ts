import { objectionToUpgradeName, printable } from "../model/names.ts";
import type { KeptRelease, ReleaseList } from "../model/release-list.ts";
import type { Release } from "../model/releases.ts";
import { checksumOf, chooseAsset, type Machine } from "./github-binary.ts";

export interface ListedReleases {
  /** Newest first; no name twice. */
  releases: Release[];
  /** What a person should be told once: what was left out, and what counts as not there though it is listed. */
  warnings: string[];
}

/** What a kept list holds for one daemon on one Linux machine. */
export function releasesOf(list: ReleaseList, machine: Machine): ListedReleases {
  const warnings = list.pages.flatMap(({ leftOut }) => leftOut);
  const releases: Release[] = [];
  for (const listed of byTag(list)) {
    const read = readRelease(listed, list, machine);
    releases.push(read.release);
    warnings.push(...read.warnings.map((warning) => `${printable(read.release.name)}: ${warning}`));
  }
  return { releases: releases.sort(newestFirst), warnings };
}

/** What is listed under each tag: one release, or several that differ. */
function byTag(list: ReleaseList): Iterable<readonly [KeptRelease, ...KeptRelease[]]> {
  const tags = new Map<string, [KeptRelease, ...KeptRelease[]]>();
  for (const release of list.pages.flatMap((page) => page.releases)) {
    const known = tags.get(release.tag);
    if (known === undefined) tags.set(release.tag, [release]);
    // One that is published while the pages are asked pushes another from the end of a page to the start of the next.
    else if (!known.some((other) => readTheSame(other, release))) known.push(release);
  }
  return tags.values();
}

function readRelease(
  [listed, ...others]: readonly [KeptRelease, ...KeptRelease[]],
  list: ReleaseList,
  machine: Machine,
): { release: Release; warnings: string[] } {
  const { tag, publishedAt, prerelease, page } = listed;
  const tagObjection = objectionToUpgradeName(tag);
  const objections = [
    ...(tagObjection === undefined ? [] : [`its name cannot be used: ${tagObjection}`]),
    ...(others.length === 0 ? [] : ["different releases are listed under its name"]),
  ];
  // What cannot be used as a name can at least be printed.
  const base = { name: tagObjection === undefined ? tag : printable(tag), publishedAt, prerelease, page };
  const choice = chooseAsset(listed, machine);
  if ("missing" in choice) {
    const release = { ...base, binary: choice, details: null, objection: objections[0] ?? null };
    return { release, warnings: listed.leftOut };
  }
  const { asset } = choice;
  const checksum = checksumOf(listed, asset, list.hashes, machine);
  const changedAt = list.seen.find((seen) => seen.tag === tag)?.changedAt ?? null;
  const release: Release = {
    ...base,
    binary: { url: asset.url, size: asset.size, createdAt: asset.createdAt, sha256: checksum.sha256, changedAt },
    details: checksum.details,
    objection: [...objections, ...choice.objections, ...checksum.objections][0] ?? null,
  };
  return { release, warnings: [...listed.leftOut, ...checksum.warnings] };
}

function newestFirst(left: Release, right: Release): number {
  return left.publishedAt < right.publishedAt ? 1 : left.publishedAt > right.publishedAt ? -1 : 0;
}

/** Both come from one schema, so that their keys are in one order. */
function readTheSame(left: KeptRelease, right: KeptRelease): boolean {
  const text = (release: KeptRelease) =>
    JSON.stringify(release, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
  return text(left) === text(right);
}
