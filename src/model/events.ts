import type { Duration } from "./duration.ts";
import type { Instant } from "./instant.ts";

/**
 * What happens, as typed records. The log is one renderer of them (`model/render-event.ts`); no meaning lives in a log
 * line's wording.
 */
export type NymvisorEvent =
  | { type: "run.started"; instance: string; version: string; pid: number }
  | { type: "run.ended"; exitCode: number; why: string }
  | { type: "signal.received"; signal: string; meaning: "stop" | "reload" | "none"; secondsLeft?: number }
  | { type: "daemon.started"; pid: number; name: string; version: string }
  | { type: "daemon.exited"; exitCode: number | null; signal: string | null; ranFor: Duration }
  | { type: "daemon.start-failed"; reason: string }
  | { type: "daemon.stopping"; pid: number; why: string; grace: Duration }
  | { type: "daemon.killed"; pid: number; after: Duration }
  /** `most`: null: there is no end to them. */
  | { type: "daemon.restart-scheduled"; delay: Duration; failures: number; most: number | null }
  | { type: "daemon.orphan-found"; pid: number }
  | { type: "poll.failed"; source: string; reason: string }
  /** Another source answers in its place. */
  | { type: "source.unavailable"; source: string; reason: string }
  | { type: "source.warning"; source: string; reason: string }
  | { type: "sources.stale"; since: Instant }
  | { type: "poll.recovered"; source: string }
  | { type: "poll.nothing-new"; source: string; name: string; version: string }
  | { type: "release.refused"; name: string; version: string; reason: string }
  /** It is newer than what runs, and something about it keeps it from being taken, for the time being or for good. */
  | { type: "release.passed-over"; name: string; reason: string }
  /** It was taken out of the plan by a person. */
  | { type: "release.skipped"; name: string }
  /** It is no longer what is wanted, so it leaves the plan. */
  | { type: "release.dropped"; name: string; reason: string }
  | { type: "upgrade.queued"; name: string; version: string; due: Instant; replaces: boolean }
  | { type: "upgrade.scheduled"; name: string; version: string; due: Instant }
  | { type: "upgrade.withdrawn"; name: string }
  | { type: "upgrades.held"; until: Instant | null; by: "command" | "setting" }
  | { type: "upgrades.resumed" }
  | { type: "plan.unreadable"; path: string; reason: string }
  | { type: "plan.readable-again"; path: string }
  | { type: "staging.started"; name: string; version: string }
  | { type: "staging.failed"; name: string; reason: string; retryIn: Duration | null }
  | { type: "upgrade.staged"; name: string; version: string; sha256: string; origin: "downloaded" | "local" }
  | { type: "upgrade.waiting"; name: string; reason: string }
  | { type: "upgrade.started"; name: string; version: string; from: string }
  | { type: "upgrade.switched"; name: string; version: string }
  | { type: "upgrade.done"; name: string; version: string; downtime: Duration | null }
  | { type: "probation.started"; name: string; version: string; limit: Duration; checks: readonly string[] }
  /** It is not well just now; that is no verdict yet. */
  | { type: "probation.unwell"; name: string; version: string; why: string }
  | { type: "probation.passed"; name: string; version: string }
  | { type: "probation.failed"; name: string; version: string; why: string }
  /** It did not prove itself, and there is no way back from it. */
  | { type: "probation.failed-stays"; name: string; version: string; why: string }
  | { type: "way-back.started"; name: string; version: string; to: string; why: string }
  /** `name`: what the node is back on. */
  | { type: "way-back.done"; name: string; version: string; downtime: Duration | null }
  | { type: "way-back.failed"; name: string; reason: string; retryIn: Duration | null }
  /** What a person ordered cannot be done. */
  | { type: "way-back.refused"; name: string; reason: string }
  /** The documents say so, and `current` does where it moved. `kept`: where what the version had made of the home lies. */
  | { type: "node.put-back"; from: string; to: string; why: string; kept: string | null }
  | { type: "way-back.recovered"; name: string; outcome: "finished" | "undone" }
  | { type: "upgrade.failed"; name: string; reason: string; retryIn: Duration | null }
  | { type: "upgrade.aborted"; name: string; reason: string }
  | { type: "upgrade.manual"; name: string; version: string; notes: string; source: string }
  | { type: "upgrade.recovered"; name: string; outcome: "finished" | "undone" }
  /** `nymvisor backup restore` had been interrupted. */
  | { type: "restore.recovered"; home: string; outcome: "finished" | "undone" }
  | { type: "node.brought-forward"; from: string; to: string }
  /** The command that has ordered a way back waits for the nymvisor that runs. */
  | { type: "rollback.waiting"; to: string; pid: number; waited: Duration }
  | { type: "backup.skipped"; name: string }
  /** The home cannot be copied while the node runs; it is archived while it is stopped, which takes longer. */
  | { type: "backup.no-room-for-copy"; name: string; needed: number; available: number; bytes: number }
  | { type: "copy.started"; name: string; path: string }
  | { type: "copy.prepared"; name: string; bytes: number; took: Duration }
  | { type: "copy.done"; name: string; path: string; files: number; bytes: number; took: Duration }
  | { type: "archive.failed"; name: string; copy: string; reason: string; retryIn: Duration }
  /** More was kept than the settings want. */
  | { type: "pruned"; what: "backup" | "binary" | "replaced home" | "rolled-back home"; path: string }
  | { type: "backup.started"; name: string; path: string }
  | { type: "backup.done"; name: string; path: string; bytes: number; took: Duration }
  | { type: "backup.left-out"; path: string; kind: string }
  /** Something else than the daemon changed it while it was read. */
  | { type: "backup.disturbed"; path: string; how: string }
  | { type: "download.resumed"; name: string; at: number }
  | {
      type: "progress";
      task: "download" | "copy" | "backup" | "check" | "restore";
      name: string;
      done: number;
      total: number | null;
    }
  | { type: "document.set-aside"; path: string; kept: string; reason: string }
  | { type: "document.rebuilt"; path: string; from: string }
  | { type: "documents.in-order" }
  | { type: "watcher.degraded"; reason: string }
  | { type: "config.migrated"; path: string; from: number; to: number; kept: string }
  | { type: "sweep.removed"; path: string }
  | { type: "warning"; about: string; reason: string };

/** Where events go: the log, and whatever else listens. */
export type Emit = (event: NymvisorEvent) => void;
