import type { BuildInfo } from "../model/build-info.ts";
import { type Instant, parseInstant } from "../model/instant.ts";
import type { Release, RunningBuild } from "../model/releases.ts";
import { compareReleaseVersions } from "./release-order.ts";
import type { Known } from "./release-policy.ts";

/** Where in the train what runs stands. */
export interface FoundRunning {
  /** What the release is called; what the plan calls it, where no release of the list is known to be it. */
  name: string;
  by: "bytes" | "commit" | "version" | "record";
  /** What was published later is newer. */
  publishedAt: Instant;
  /** The release in the list, or null where it is none of them or only the name says so. */
  release: Release | null;
}

/** The sha256 of the release's binary, or null. */
export function bytesOf({ binary }: Release): string | null {
  return "missing" in binary || typeof binary.sha256 !== "string" ? null : binary.sha256;
}

/** What the release's binary said of itself, else what its source says of it. */
export function buildOf(release: Release, builds: Known["builds"]): BuildInfo | null {
  const bytes = bytesOf(release);
  return (bytes === null ? undefined : builds.get(bytes)) ?? release.details;
}

/** What the build script writes where it was not built from a repository. */
const NO_COMMIT = new Set(["", "unknown"]);

/**
 * Which of the releases, newest first, is what runs: by its bytes, then its commit, then its version, then nymvisor's
 * own record. Of several it is the newest. A release of the running version that was built from a later commit is not
 * what runs, so a build of the operator's own stands before the first of those.
 */
export function findRunning(
  releases: readonly Release[],
  { running, builds }: Pick<Known, "running" | "builds">,
): FoundRunning | { unknown: string } {
  // Without the bytes it may be an earlier rebuild that is found; what the record says is behind stays behind.
  const found = (release: Release, by: FoundRunning["by"]): FoundRunning => {
    const { name, publishedAt } = release;
    const recorded = by === "bytes" ? null : running.publishedAt;
    return { name, by, publishedAt: recorded !== null && recorded > publishedAt ? recorded : publishedAt, release };
  };
  const { commit_sha: commit, build_version: version } = running.build;
  const byBytes = releases.find((release) => running.sha256 !== null && bytesOf(release) === running.sha256);
  if (byBytes !== undefined) return found(byBytes, "bytes");
  const isCommit = (release: Release) => buildOf(release, builds)?.commit_sha === commit;
  const byCommit = NO_COMMIT.has(commit) ? undefined : releases.find(isCommit);
  if (byCommit !== undefined) return found(byCommit, "commit");
  const sameVersion = releases.filter((release) => {
    const build = buildOf(release, builds);
    return build !== null && compareReleaseVersions(build.build_version, version) === 0;
  });
  const byVersion = sameVersion.find((release) => !isBuiltLater(buildOf(release, builds), running.build));
  if (byVersion !== undefined) return found(byVersion, "version");
  const recorded = byRecord(releases, running);
  if (recorded !== null) return recorded;
  const first = sameVersion.at(-1);
  if (first !== undefined) {
    return { name: running.name, by: "version", publishedAt: first.publishedAt - 1n, release: null };
  }
  return {
    unknown: `what runs (${version}) has neither the bytes, the commit nor the version of a release in the list, and nymvisor has no record of its release`,
  };
}

/** The date in the record wins: a release of that name may have been published anew since. */
function byRecord(releases: readonly Release[], { name, publishedAt }: RunningBuild): FoundRunning | null {
  const named = releases.find((release) => release.name === name);
  const date = publishedAt ?? named?.publishedAt;
  return date === undefined ? null : { name, by: "record", publishedAt: date, release: named ?? null };
}

/** Whether both name the date of their commit, and `build`'s is later. */
function isBuiltLater(build: BuildInfo | null, than: BuildInfo): boolean {
  const [left, right] = [build, than].map(commitDate);
  return left != null && right != null && left > right;
}

function commitDate(build: BuildInfo | null): Instant | null {
  if (build === null) return null;
  try {
    return parseInstant(build.commit_timestamp);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return null;
  }
}
