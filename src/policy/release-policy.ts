import type { BuildInfo } from "../model/build-info.ts";
import type { Duration } from "../model/duration.ts";
import type { RunningBuild } from "../model/releases.ts";
import type { Window } from "../model/window.ts";

/** What an operator wants of releases. */
export interface ReleasePolicy {
  minimumAge: Duration;
  spread: Duration;
  windows: readonly Window[];
  prereleases: boolean;
  enforceChecksum: boolean;
  /** Names. */
  skipped: ReadonlySet<string>;
  /** The name or the version that alone may be taken; null: every one. */
  pin: string | null;
  /** Where this instance stands in the spread of a release, by its name; see `fractionOf`. */
  fraction: (name: string) => number;
}

/** What nymvisor knows beside the release list. */
export interface Known {
  running: RunningBuild;
  /** Releases performed before, by name: the sha256 of what was performed, null if it is not known. */
  performed: ReadonlyMap<string, string | null>;
  /** Bytes that must not run, by sha256, each with the reason. */
  refused: ReadonlyMap<string, string>;
  /** What binaries themselves said of their build, by sha256. They are asked only after their release's age. */
  builds: ReadonlyMap<string, BuildInfo>;
}
