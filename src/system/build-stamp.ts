import type { BuildInfo } from "../model/build-info.ts";

/** What `build.ts` stamps into the executable (`--define`). None of it is there when nymvisor runs from its sources. */
declare const NYMVISOR_VERSION: string | undefined;
declare const NYMVISOR_COMMIT_SHA: string | undefined;
declare const NYMVISOR_COMMIT_TIMESTAMP: string | undefined;
declare const NYMVISOR_COMMIT_BRANCH: string | undefined;
declare const NYMVISOR_BUILD_TIMESTAMP: string | undefined;
declare const NYMVISOR_BUILD_PROFILE: "release" | "debug" | undefined;
declare const NYMVISOR_TARGET: string | undefined;

const UNKNOWN = "unknown";

/** Nymvisor's own version; `0.0.0-dev` when it runs from its sources. */
export const VERSION: string = typeof NYMVISOR_VERSION === "string" ? NYMVISOR_VERSION : "0.0.0-dev";

const COMMIT_SHA = typeof NYMVISOR_COMMIT_SHA === "string" ? NYMVISOR_COMMIT_SHA : UNKNOWN;
const COMMIT_TIMESTAMP = typeof NYMVISOR_COMMIT_TIMESTAMP === "string" ? NYMVISOR_COMMIT_TIMESTAMP : UNKNOWN;
const COMMIT_BRANCH = typeof NYMVISOR_COMMIT_BRANCH === "string" ? NYMVISOR_COMMIT_BRANCH : UNKNOWN;
const BUILD_TIMESTAMP = typeof NYMVISOR_BUILD_TIMESTAMP === "string" ? NYMVISOR_BUILD_TIMESTAMP : UNKNOWN;
const PROFILE = typeof NYMVISOR_BUILD_PROFILE === "string" ? NYMVISOR_BUILD_PROFILE : "debug";
const TARGET = typeof NYMVISOR_TARGET === "string" ? NYMVISOR_TARGET : targetOfThisMachine();

/** The ten fields that every Nym binary answers, and what runs this one. */
export type OwnBuildInfo = BuildInfo & { runtime: string; runtime_version: string };

/**
 * How this nymvisor was built, in the order in which every Nym binary answers. The fields that only a Rust build has say what is true of
 * this one, so that Nym's own tools can read the answer.
 */
export function buildInformation(): OwnBuildInfo {
  return {
    binary_name: "nymvisor",
    build_timestamp: BUILD_TIMESTAMP,
    build_version: VERSION,
    commit_sha: COMMIT_SHA,
    commit_timestamp: COMMIT_TIMESTAMP,
    commit_branch: COMMIT_BRANCH,
    rustc_version: `n/a (bun ${Bun.version})`,
    rustc_channel: "n/a",
    cargo_profile: PROFILE,
    cargo_triple: TARGET,
    runtime: "bun",
    runtime_version: Bun.version,
  };
}

/** The triple that Rust has for this machine: sources run where they are. */
function targetOfThisMachine(): string {
  const architecture = { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch;
  return `${architecture}-unknown-linux-gnu`;
}
