import type { Instant } from "../model/instant.ts";
import type { Release, ReleaseState } from "../model/releases.ts";
import { bytesOf, type FoundRunning } from "./find-running.ts";
import { compareReleaseVersions } from "./release-order.ts";
import type { Known, ReleasePolicy } from "./release-policy.ts";

/** Which release a person may have although the policy would wait or take another one. */

/**
 * Whether it comes before what runs: by its version, or by its publication where that is known of both.
 * @param runs where what runs stands among the releases, if that is known
 */
export function isStepBack(
  release: { version: string; publishedAt: Instant | null },
  runs: Pick<FoundRunning, "publishedAt"> | null,
  runningVersion: string,
): boolean {
  const order = compareReleaseVersions(release.version, runningVersion);
  if (order !== undefined && order < 0) return true;
  return runs !== null && release.publishedAt !== null && release.publishedAt <= runs.publishedAt;
}

/** Why it cannot be performed whoever wants it, or null: what nobody can vouch for never runs. */
export function objectionToOrder(
  release: Release,
  verdict: { state: ReleaseState; why: string },
  { refused }: Pick<Known, "refused">,
  { enforceChecksum }: Pick<ReleasePolicy, "enforceChecksum">,
): string | null {
  if (release.objection !== null) return release.objection;
  if (verdict.state === "refused") return verdict.why;
  const { binary } = release;
  if ("missing" in binary) return binary.missing;
  if (typeof binary.sha256 !== "string") {
    return enforceChecksum ? `${binary.sha256.missing}, and without a checksum nothing is performed` : null;
  }
  return refused.get(bytesOf(release) ?? "") ?? null;
}
