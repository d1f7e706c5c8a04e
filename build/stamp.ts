import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import packageJson from "../package.json";
import type { Target } from "./targets.ts";

/** What an executable says of how it was built. `src/system/build-stamp.ts` is where it is read. */
export interface Stamp {
  version: string;
  commitSha: string;
  /** RFC 3339 with the committer's offset, nanoseconds written out as Nym's binaries do. */
  commitTimestamp: string;
  commitBranch: string;
  /** RFC 3339, UTC. */
  buildTimestamp: string;
  profile: "release" | "debug";
}

const ROOT = resolve(import.meta.dir, "..");
const UNKNOWN = "unknown";

/**
 * The facts of this build: version from package.json, commit from git (`unknown` outside of a clone), time from
 * `SOURCE_DATE_EPOCH` (seconds; https://reproducible-builds.org/specs/source-date-epoch/) or the clock.
 * @param root the folder of package.json
 */
export function readStamp(profile: Stamp["profile"], root = ROOT, epoch = process.env.SOURCE_DATE_EPOCH): Stamp {
  const inClone = isCloneOf(root);
  const fact = (...args: string[]): string => (inClone ? (git(root, args) ?? UNKNOWN) : UNKNOWN);
  return {
    version: packageJson.version,
    commitSha: fact("rev-parse", "--verify", "HEAD"),
    commitTimestamp: fact("log", "-1", "--format=%cI").replace(/(?<=T\d\d:\d\d:\d\d)/, ".000000000"),
    commitBranch: fact("rev-parse", "--abbrev-ref", "HEAD"),
    buildTimestamp: buildTime(epoch).toISOString(),
    profile,
  };
}

/** The `--define`s of a stamp, as `src/system/build-stamp.ts` declares them. */
export function definesOf(stamp: Stamp, target: Target): Record<string, string> {
  return {
    NYMVISOR_VERSION: stamp.version,
    NYMVISOR_COMMIT_SHA: stamp.commitSha,
    NYMVISOR_COMMIT_TIMESTAMP: stamp.commitTimestamp,
    NYMVISOR_COMMIT_BRANCH: stamp.commitBranch,
    NYMVISOR_BUILD_TIMESTAMP: stamp.buildTimestamp,
    NYMVISOR_BUILD_PROFILE: stamp.profile,
    NYMVISOR_TARGET: target.triple,
  };
}

function buildTime(epoch: string | undefined): Date {
  if (epoch === undefined || epoch === "") return new Date();
  const time = new Date(Number(epoch) * 1000);
  if (!/^\d+$/.test(epoch) || Number.isNaN(time.getTime())) {
    throw new Error(`SOURCE_DATE_EPOCH is '${epoch}', which is not a number of seconds since 1970`);
  }
  return time;
}

/** Sources that were unpacked somewhere inside another repository must not be stamped with that one's commit. */
function isCloneOf(root: string): boolean {
  const top = git(root, ["rev-parse", "--show-toplevel"]);
  return top !== undefined && realpathSync(top) === realpathSync(root);
}

/** One line of git's answer; undefined where there is no git, no clone or no commit. */
function git(root: string, args: string[]): string | undefined {
  if (Bun.which("git") === null) return undefined;
  const { exitCode, stdout } = Bun.spawnSync(["git", ...args], { cwd: root, stdout: "pipe", stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : undefined;
}
