import type { Duration } from "./duration.ts";
import type { Instant } from "./instant.ts";

/** What a person asked for on the command line, in the program's form. */

/** How a result is printed: for people, or as one line of JSON. */
export type OutputFormat = "text" | "json";

export interface InitRequest {
  /** As it was typed: without a slash it is looked for in the current folder, then in `PATH`. */
  daemonBinary: string;
  /**
   * The settings that were given as flags: name of the flag without dashes, to its text (`"true"` for one that takes no
   * value). The text is not checked yet: where the configuration is put together, flags, variables and file are
   * judged in one go.
   */
  settings: ReadonlyMap<string, string>;
  output: OutputFormat;
}

/** When an upgrade that a person adds is due. */
export type Due = { kind: "now" } | { kind: "at"; instant: Instant } | { kind: "after"; delay: Duration };

export interface AddUpgradeRequest {
  /** As it was typed, like {@link InitRequest.daemonBinary}. */
  daemonBinary: string;
  /** Fit to become a folder (`objectionToUpgradeName`). */
  name: string;
  force: boolean;
  /** Only bring the binary of an upgrade that is known already; `due` and `publishDate` do not matter then. */
  addBinary: boolean;
  due: Due;
  /** Null: the moment of the command. */
  publishDate: Instant | null;
  output: OutputFormat;
}

/** How long nothing is performed; `ever`: until it is resumed. */
export type HoldEnd = { kind: "ever" } | { kind: "at"; instant: Instant } | { kind: "after"; delay: Duration };

export interface UpgradeRequest {
  /** What an upgrade is called, or a version; null: the newest release. */
  release: string | null;
  /** Null: at once. */
  due: Instant | null;
  allowDowngrade: boolean;
  /** Also what did not prove itself here before. */
  retry: boolean;
}
