import type { Release } from "../model/releases.ts";
import { compareVersions } from "../model/version.ts";

/** The order of a train: by publication, and by name where that is the same, so that no list's order matters. */
export function compareReleases(left: Release, right: Release): number {
  if (left.publishedAt !== right.publishedAt) return left.publishedAt < right.publishedAt ? -1 : 1;
  if (left.name === right.name) return 0;
  return left.name < right.name ? -1 : 1;
}

/** A patch level: `1.1.9-1` came after 1.1.9, where semver sees a prerelease of it. */
const PATCHED = /^(v?\d+(?:\.\d+){0,2})-(\d+)(?:\+.*)?$/;

/**
 * Negative, 0 or positive as `left` ranks below, with or above `right`; undefined if either is no version. As
 * {@link compareVersions}, but that a whole number after the hyphen is a patch level above the bare version: Nym's
 * `v2024.12-aero` carries nym-node 1.1.9, and `v2024.12.1-aero` 1.1.9-1.
 */
export function compareReleaseVersions(left: string, right: string): number | undefined {
  const [a, b] = [split(left), split(right)];
  const order = compareVersions(a.version, b.version);
  if (order !== 0 || a.patch === b.patch) return order;
  return a.patch < b.patch ? -1 : 1;
}

export function isVersion(text: string): boolean {
  return compareReleaseVersions(text, "0.0.0") !== undefined;
}

function split(text: string): { version: string; patch: bigint } {
  const [, version, patch] = PATCHED.exec(text.trim()) ?? [];
  return version === undefined || patch === undefined
    ? { version: text, patch: -1n }
    : { version, patch: BigInt(patch) };
}
