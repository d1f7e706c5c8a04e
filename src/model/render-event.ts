import { formatBytes } from "./bytes.ts";
import { type Duration, formatDuration } from "./duration.ts";
import type { NymvisorEvent } from "./events.ts";
import { formatInstant } from "./instant.ts";
import { printable } from "./names.ts";

export type Level = "debug" | "info" | "warn" | "error";

export interface Rendered {
  level: Level;
  message: string;
}

type Renderers = { [T in NymvisorEvent["type"]]: (event: Extract<NymvisorEvent, { type: T }>) => Rendered };

/** An event as a line of the log. What came from outside is escaped where it stands as a name. */
export function renderEvent(event: NymvisorEvent): Rendered {
  // The table has one renderer for each type; the compiler cannot follow that from the event to its own.
  const render = renderers[event.type] as (event: NymvisorEvent) => Rendered;
  return render(event);
}

const debug = (message: string): Rendered => ({ level: "debug", message });
const info = (message: string): Rendered => ({ level: "info", message });
const warn = (message: string): Rendered => ({ level: "warn", message });
const error = (message: string): Rendered => ({ level: "error", message });

const renderers: Renderers = {
  "run.started": (e) => info(`nymvisor ${e.version} runs the instance ${printable(e.instance)} (pid ${e.pid})`),
  "run.ended": (e) => (e.exitCode === 0 ? info : error)(`nymvisor ends with ${e.exitCode}: ${e.why}`),
  "signal.received": (e) => info(`${e.signal} received: ${signalMeaning(e)}`),
  "daemon.started": (e) => info(`${build(e)} started (pid ${e.pid})`),
  "daemon.exited": (e) => (e.exitCode === 0 ? info : warn)(`the daemon ${ending(e)} after ${brief(e.ranFor)}`),
  "daemon.start-failed": (e) => error(`the daemon cannot be started: ${e.reason}`),
  "daemon.stopping": (e) => info(`stopping the daemon (pid ${e.pid}): ${e.why}; it has ${brief(e.grace)}`),
  "daemon.killed": (e) => warn(`the daemon (pid ${e.pid}) did not stop in ${brief(e.after)} and was killed`),
  "daemon.restart-scheduled": (e) =>
    warn(
      `the daemon starts again in ${brief(e.delay)}; failures in a row: ${e.failures}${e.most === null ? ", and it goes on" : ` of at most ${e.most}`}`,
    ),
  "daemon.orphan-found": (e) => warn(`a daemon that an earlier nymvisor left (pid ${e.pid}) still runs; stopping it`),

  "poll.failed": (e) => warn(`no answer about releases from ${printable(e.source)}: ${e.reason}`),
  "poll.recovered": (e) => info(`${printable(e.source)} answers again`),
  "poll.nothing-new": (e) => debug(`nothing new at ${printable(e.source)}: ${upgrade(e)} is known`),
  "source.unavailable": (e) => info(`${printable(e.source)} tells of no releases, another source does: ${e.reason}`),
  "source.warning": (e) => warn(`about the releases of ${printable(e.source)}: ${e.reason}`),
  "sources.stale": (e) =>
    warn(`what is known of releases is stale: no source has answered since ${formatInstant(e.since)}`),
  "release.skipped": (e) =>
    info(
      `${printable(e.name)} was taken out of the plan and is skipped from now on (nymvisor unskip NAME puts it back)`,
    ),
  "release.dropped": (e) => info(`${printable(e.name)} leaves the plan: ${e.reason}`),
  "release.passed-over": (e) => info(`the release ${printable(e.name)} is not taken as it is: ${e.reason}`),
  "release.refused": (e) => warn(`the release ${upgrade(e)} is refused: ${e.reason}`),

  "upgrade.queued": (e) =>
    info(`the upgrade ${upgrade(e)} is ${e.replaces ? "changed in" : "in"} the plan, due ${formatInstant(e.due)}`),
  "upgrade.scheduled": (e) => info(`the next upgrade is ${upgrade(e)}, due ${formatInstant(e.due)}`),
  "probation.started": (e) =>
    info(`${build(e)} has ${brief(e.limit)} to prove itself: it must ${["stay alive", ...e.checks].join(", ")}`),
  "probation.unwell": (e) => warn(`${build(e)} is not well: ${e.why}`),
  "probation.passed": (e) => info(`${build(e)} has proven itself`),
  "probation.failed": (e) => error(`${build(e)} did not prove itself: ${e.why}`),
  "probation.failed-stays": (e) => error(`${build(e)} stays although it did not prove itself: ${e.why}`),
  "way-back.started": (e) => warn(`going back from ${build(e)} to ${printable(e.to)}: ${e.why}`),
  "way-back.done": (e) =>
    info(`the node is back on ${build(e)}${e.downtime === null ? "" : `; it was down for ${brief(e.downtime)}`}`),
  "way-back.failed": (e) =>
    error(`the way back of ${printable(e.name)} could not be taken: ${e.reason}${retry(e.retryIn)}`),
  "way-back.refused": (e) =>
    error(`the way back to ${printable(e.name)} that was ordered cannot be taken: ${e.reason}`),
  "way-back.recovered": (e) => warn(`an interrupted way back from ${printable(e.name)} was ${e.outcome}`),
  "node.put-back": (e) =>
    warn(
      `the node was put back from ${printable(e.from)} to ${printable(e.to)}: ${e.why}${e.kept === null ? "; its data stay as they are" : `; what ${printable(e.from)} had made of the home lies in ${e.kept}`}`,
    ),
  "upgrade.withdrawn": (e) => info(`the upgrade ${printable(e.name)} is no longer in the plan`),
  "upgrades.held": (e) =>
    info(
      `upgrades are held ${e.by === "command" ? "by nymvisor hold" : "by the setting [policy] hold"}${e.until === null ? "" : ` until ${formatInstant(e.until)}`}; the node runs on as it is`,
    ),
  "upgrades.resumed": () => info("upgrades are no longer held"),
  "plan.unreadable": (e) => error(`the plan ${e.path} cannot be used, the schedule stays as it was: ${e.reason}`),
  "plan.readable-again": (e) => info(`the plan ${e.path} can be used again`),

  "staging.started": (e) => info(`staging the upgrade ${upgrade(e)}; the daemon goes on`),
  "staging.failed": (e) =>
    error(`the upgrade ${printable(e.name)} could not be staged: ${e.reason}${retry(e.retryIn)}`),
  "upgrade.staged": (e) =>
    info(
      `the upgrade ${upgrade(e)} is staged: ${e.origin === "local" ? "brought by hand" : "downloaded"}, sha256 ${e.sha256}`,
    ),
  "upgrade.waiting": (e) => info(`the upgrade ${printable(e.name)} waits: ${e.reason}`),
  "upgrade.started": (e) => info(`upgrading from ${printable(e.from)} to ${upgrade(e)}`),
  "upgrade.switched": (e) => info(`current is now ${upgrade(e)}`),
  "upgrade.done": (e) =>
    info(
      `the upgrade ${upgrade(e)} is done${e.downtime === null ? "" : `; the daemon was down for ${brief(e.downtime)}`}`,
    ),
  "upgrade.failed": (e) => error(`the upgrade ${printable(e.name)} failed: ${e.reason}${retry(e.retryIn)}`),
  "upgrade.aborted": (e) => warn(`the upgrade ${printable(e.name)} was broken off: ${e.reason}`),
  "upgrade.manual": (e) =>
    warn(
      `the upgrade ${upgrade(e)} needs a person: read ${printable(e.source)} and start the daemon yourself; its notes: ${
        e.notes === "" ? "none" : printable(e.notes, LONGEST_NOTES)
      }`,
    ),
  "upgrade.recovered": (e) =>
    warn(
      `the upgrade ${printable(e.name)}, which was interrupted, is ${
        e.outcome === "finished" ? "finished now" : "undone and will be tried again"
      }`,
    ),
  "restore.recovered": (e) => info(`the interrupted restore of ${e.home} was ${e.outcome}`),
  "rollback.waiting": (e) =>
    info(
      `waiting for the nymvisor that runs (pid ${e.pid}) to go back to ${printable(e.to)}${e.waited < SECOND ? "" : `, for ${brief(e.waited)} now`}`,
    ),
  "node.brought-forward": (e) =>
    info(`this node was behind what its box runs: brought from ${printable(e.from)} to ${printable(e.to)}`),

  "backup.skipped": (e) => warn(`no backup before the upgrade ${printable(e.name)}: unsafe_skip_backup is set`),
  "backup.started": (e) => info(`backing up before the upgrade ${printable(e.name)}, into ${e.path}`),
  "backup.done": (e) => info(`backed up into ${e.path}: ${formatBytes(e.bytes)} in ${brief(e.took)}`),
  "backup.no-room-for-copy": (e) =>
    warn(
      `there is no room to copy the home while the node runs (${formatBytes(e.needed)} needed, ${formatBytes(e.available)} free), so it stays down while ${formatBytes(e.bytes)} are archived`,
    ),
  "copy.started": (e) =>
    info(`copying the home for the upgrade ${printable(e.name)}, into ${e.path}; the node runs on`),
  "copy.prepared": (e) =>
    info(`the home is copied: ${formatBytes(e.bytes)} in ${brief(e.took)}; what changes is copied at the stop`),
  "copy.done": (e) =>
    info(
      `the copy is complete: ${formatBytes(e.bytes)} in ${e.files} files were copied at the stop, in ${brief(e.took)}`,
    ),
  pruned: (e) => info(`an old ${e.what} was removed, as the settings have it: ${printable(e.path, 1024)}`),
  "archive.failed": (e) =>
    error(
      `the copy ${e.copy} could not be archived: ${e.reason}; it is kept, and it is tried again in ${brief(e.retryIn)}`,
    ),
  "backup.disturbed": (e) =>
    warn(`a file ${e.how} while it was backed up, though the daemon had stopped: ${printable(e.path)}`),
  "backup.left-out": (e) => warn(`left out of the backup: ${e.path}, which is ${e.kind}`),

  "download.resumed": (e) => info(`the download of ${printable(e.name)} goes on at ${formatBytes(e.at)}`),
  progress: (e) => info(`${e.task} of ${printable(e.name)}: ${progressed(e.done, e.total)}`),

  "document.set-aside": (e) => error(`${e.path} cannot be used and is kept as ${e.kept}: ${e.reason}`),
  "document.rebuilt": (e) => warn(`${e.path} was made anew from ${e.from}`),
  "documents.in-order": () => info("the documents are in order again"),
  "watcher.degraded": (e) => warn(`changes of the plan are seen later than usual: ${e.reason}`),
  "config.migrated": (e) =>
    info(`${e.path} is now of scheme ${e.to} instead of ${e.from}; the original is kept as ${e.kept}`),
  "sweep.removed": (e) => debug(`removed what an interrupted write left: ${e.path}`),
  warning: (e) => warn(`${e.about}: ${e.reason}`),
};

/** Notes are for reading; beyond this they fill a screen, and the document holds them whole. */
const LONGEST_NOTES = 2000;

/** `1.1.0`, or `nym-node-2026 (1.1.0)` where the name does not say the version. */
function upgrade({ name, version }: { name: string; version: string }): string {
  return name === version ? printable(name) : `${printable(name)} (${printable(version)})`;
}

/** `nym-node 1.1.0`. */
function build({ name, version }: { name: string; version: string }): string {
  return `${printable(name)} ${printable(version)}`;
}

function ending({ exitCode, signal }: { exitCode: number | null; signal: string | null }): string {
  return signal === null ? `ended with ${exitCode}` : `was ended by ${signal}`;
}

function signalMeaning({ meaning, secondsLeft }: Extract<NymvisorEvent, { type: "signal.received" }>): string {
  if (secondsLeft !== undefined) return `the daemon is being stopped already, and has ${secondsLeft} s left`;
  switch (meaning) {
    case "stop":
      return "stopping";
    case "reload":
      return "looking at the plan and the releases anew";
    case "none":
      return "it changes nothing";
  }
}

function retry(delay: Duration | null): string {
  return delay === null ? "; not tried again before something changes" : `; trying again in ${brief(delay)}`;
}

/** `30 % (30.0 MiB of 100.0 MiB)`, or what is there of an unknown whole. */
export function progressed(done: number, total: number | null): string {
  if (total === null || total <= 0) return formatBytes(done);
  return `${percentage(done, total)} % (${formatBytes(done)} of ${formatBytes(total)})`;
}

/** Whole percents, rounded down: 100 means done. */
export function percentage(done: number, total: number): number {
  return Math.floor((Math.min(Math.max(done, 0), total) / total) * 100);
}

const MILLISECOND = 1_000_000n;
const SECOND = 1000n * MILLISECOND;

/** A duration as precise as a person wants it: whole seconds from a minute on, else whole milliseconds. */
function brief(duration: Duration): string {
  const grain = duration >= 60n * SECOND ? SECOND : MILLISECOND;
  return formatDuration(duration - (duration % grain));
}
