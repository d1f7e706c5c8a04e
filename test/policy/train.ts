import type { BuildInfo } from "../../src/model/build-info.ts";
import { type Instant, parseInstant } from "../../src/model/instant.ts";
import type { Release, RunningBuild, Verdict } from "../../src/model/releases.ts";
import {
  decideReleases,
  type Known,
  type ReleaseDecision,
  type ReleasePolicy,
} from "../../src/policy/decide-releases.ts";

/** Releases of a train, and what is decided of them, with as little to write as can be. */

export const HOUR = 3_600_000_000_000n;
export const DAY = 24n * HOUR;
/** The first day of the train. */
export const START: Instant = parseInstant("2026-03-02T00:00:00Z");

/** A day of the train, the first being 0. */
export function day(of: number): Instant {
  return START + BigInt(Math.round(of * 24 * 60)) * (HOUR / 60n);
}

/** 64 hex digits that stand for the bytes which are called so. */
export function bytes(of: string): string {
  return new Bun.CryptoHasher("sha256").update(of).digest("hex");
}

export function build(version: string, more: Partial<BuildInfo> = {}): BuildInfo {
  return {
    binary_name: "nym-node",
    build_timestamp: "2026-01-01T00:00:00Z",
    build_version: version,
    commit_sha: `commit of ${version}`,
    commit_timestamp: "2026-01-01T00:00:00Z",
    commit_branch: "HEAD",
    rustc_version: "1.90.0",
    rustc_channel: "stable",
    cargo_profile: "release",
    cargo_triple: "x86_64-unknown-linux-gnu",
    ...more,
  };
}

export interface Sketch {
  /** Of the train; the binary is uploaded at once. */
  on: number;
  version?: string | null;
  /** What its bytes are called; null: there is no checksum. */
  bytes?: string | null;
  uploadedOn?: number;
  changedOn?: number;
  details?: BuildInfo | null;
  prerelease?: boolean;
  objection?: string;
  /** Why there is no binary. */
  noBinary?: string;
}

/** A release that may be taken, but for what the sketch says. Its bytes are called like itself. */
export function release(name: string, sketch: Sketch): Release {
  const { on, version = name, uploadedOn = on, changedOn, noBinary } = sketch;
  const called = sketch.bytes === undefined ? name : sketch.bytes;
  const details = version === null ? null : build(version, { commit_sha: `commit of ${name}` });
  return {
    name,
    publishedAt: day(on),
    prerelease: sketch.prerelease ?? false,
    page: null,
    binary:
      noBinary === undefined
        ? {
            url: `https://example.org/${name}/nym-node`,
            size: 1,
            createdAt: day(uploadedOn),
            sha256: called === null ? { missing: "there is neither a digest nor a hashes.json" } : bytes(called),
            changedAt: changedOn === undefined ? null : day(changedOn),
          }
        : { missing: noBinary },
    details: sketch.details === undefined ? details : sketch.details,
    objection: sketch.objection ?? null,
  };
}

export function running(name: string, more: Partial<RunningBuild> = {}): RunningBuild {
  const own = build(name, { commit_sha: `commit of ${name}` });
  return { name, sha256: bytes(name), build: own, publishedAt: null, ...more };
}

export function known(runs: RunningBuild, more: Partial<Known> = {}): Known {
  return {
    running: runs,
    performed: new Map([[runs.name, runs.sha256]]),
    refused: new Map(),
    builds: new Map(),
    ...more,
  };
}

const POLICY: ReleasePolicy = {
  minimumAge: DAY,
  spread: 0n,
  windows: [],
  prereleases: false,
  enforceChecksum: true,
  skipped: new Set(),
  pin: null,
  fraction: () => 0.5,
};

/** What is decided on a day of the train, by the usual policy but for what is given. */
export function decide(
  on: number,
  releases: readonly Release[],
  what: Known,
  policy: Partial<ReleasePolicy> = {},
): ReleaseDecision {
  return decideReleases(releases, what, { ...POLICY, ...policy }, day(on));
}

export function verdictOn(decision: ReleaseDecision, name: string): Verdict {
  const verdict = decision.verdicts.find((one) => one.name === name);
  if (verdict === undefined) throw new Error(`there is no verdict on ${name}`);
  return verdict;
}

export function states(decision: ReleaseDecision): Record<string, string> {
  return Object.fromEntries(decision.verdicts.map(({ name, state }) => [name, state]));
}
