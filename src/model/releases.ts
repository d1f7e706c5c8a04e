import type { BuildInfo } from "./build-info.ts";
import type { Instant } from "./instant.ts";

/**
 * One release of a train, reduced to what is decided by: for one daemon, on one kind of machine. Whatever the source's
 * own form is, it ends here.
 */
export interface Release {
  /** What it is called, by its source and in the plan: for GitHub, the tag. */
  name: string;
  publishedAt: Instant;
  prerelease: boolean;
  /** Where a person can read about it, or null. */
  page: string | null;
  /** The binary for this machine, or why there is none. */
  binary: ReleaseBinary | { missing: string };
  /** What the source itself says of the build; without it only the binary can tell its version. */
  details: BuildInfo | null;
  /** Why it cannot be taken whatever is wanted (its elements contradict each other, its name is unusable), or null. */
  objection: string | null;
}

export interface ReleaseBinary {
  url: string;
  /** Bytes. */
  size: number;
  /** Since when the source has had it. */
  createdAt: Instant;
  /** 64 lower-case hex digits, or why there is none that counts. */
  sha256: string | { missing: string };
  /** When other bytes were first seen under this name than had been seen before; null: never. */
  changedAt: Instant | null;
}

/** What runs now, as far as it can be told apart from releases. */
export interface RunningBuild {
  /** What the plan calls it. */
  name: string;
  /** 64 lower-case hex digits; null where nobody has read it yet. */
  sha256: string | null;
  build: BuildInfo;
  /** When it was published, as nymvisor's own record says, or null. */
  publishedAt: Instant | null;
}

/** Every answer to "what of this release?"; `check` prints it, and scripts may rely on the words. */
export const RELEASE_STATES = [
  /** It is what runs. */
  "running",
  /** It is not newer than what runs. */
  "older",
  /** Other name, same bytes as what runs. */
  "same-bytes",
  /** It was performed before, and something else was put in its place since. */
  "performed",
  /** It will be taken, at `at`; a moment that has passed means at once. */
  "chosen",
  /** It would be taken if a newer one were not taken instead. */
  "superseded",
  /** Its age has not passed; another one comes first. It can be taken from `at`. */
  "too-young",
  /** Nothing but the binary can tell its version, and that is not asked before `at`. */
  "unidentified",
  /** Its build is that of what runs, and what runs is not of this source; or nothing tells which release runs. */
  "not-replaced",
  "no-binary",
  "no-checksum",
  "prerelease",
  "skipped",
  "pinned-away",
  /** Its source contradicts itself, or the binary is not what was announced. */
  "refused",
] as const;

export type ReleaseState = (typeof RELEASE_STATES)[number];

/** What is decided of one release. */
export interface Verdict {
  name: string;
  /** Null where nothing has told it yet. */
  version: string | null;
  publishedAt: Instant;
  state: ReleaseState;
  /** One line for a person, without a full stop. */
  why: string;
  /** When it is taken, or could be; null where time changes nothing. */
  at: Instant | null;
}
