import { formatBytes } from "./bytes.ts";
import { type Duration, formatDuration } from "./duration.ts";
import { formatInstant, type Instant } from "./instant.ts";
import { printable } from "./names.ts";
import { labelled } from "./plan-report.ts";
import { typed } from "./render-wishes.ts";
import type { OutputFormat } from "./requests.ts";
import { wrap } from "./wrap.ts";

interface Build {
  name: string;
  version: string;
}

/** What a way back would do: told before anything is changed. */
export interface RollbackPlan {
  now: Instant;
  from: Build;
  to: Build;
  /** The process that performs it; null: the command does. */
  run: number | null;
  /** What the home is put back from; null: it stays as it is. */
  data: {
    kind: "copy" | "archive" | "kept";
    path: string;
    /** The home is as it was then. */
    at: Instant;
    /** Contents of its files; of an archive its size. Null: nobody knows. */
    bytes: number | null;
    /** Contents of the home as it is now; null: not all of it can be looked at. */
    homeBytes: number | null;
  } | null;
  /** Each a sentence. */
  notes: readonly string[];
  /** Where homes are put that were gone back from. */
  rolledBack: string;
}

export type RollbackReport =
  /** `--dry-run`. */
  | { state: "planned"; plan: RollbackPlan }
  /** `kept`: where the home lies now as the newer version had left it; null: it stayed in its place. */
  | { state: "done"; plan: RollbackPlan; kept: string | null }
  /** One that was interrupted before is done now; it led where this one was to lead. */
  | { state: "finished"; to: string; kept: string | null }
  /** An order that waited was taken back. */
  | { state: "withdrawn"; to: string };

const WIDTH = 80;

const orNull = (instant: Instant | null) => (instant === null ? null : formatInstant(instant));

/** What came of it, for people or as one line of JSON. */
export function renderRollback(report: RollbackReport, output: OutputFormat): string {
  if (output === "json") return `${JSON.stringify(reportJson(report))}\n`;
  if (report.state === "withdrawn") return `The order to go back to ${printable(report.to)} is taken back.\n`;
  if (report.state === "finished") {
    const aside = report.kept === null ? "" : ` What was there lies in ${report.kept}.`;
    const text = `The way back that was interrupted is finished: the node is back on ${printable(report.to)}. nymvisor run starts it.${aside}`;
    return `${wrap(text, WIDTH).join("\n")}\n`;
  }
  return report.state === "planned" ? renderRollbackPlan(report.plan) : doneText(report.plan, report.kept);
}

function reportJson(report: RollbackReport) {
  if (report.state === "withdrawn" || report.state === "finished") return report;
  const { state, plan } = report;
  const { from, to, data, notes, run } = plan;
  return {
    state,
    from,
    to,
    run,
    data: data === null ? null : { ...data, at: formatInstant(data.at) },
    lostSince: orNull(data?.at ?? null),
    kept: state === "done" ? report.kept : null,
    notes,
    undo: undoing(plan),
  };
}

/** What will be lost, what stays, and how to undo it. */
export function renderRollbackPlan(plan: RollbackPlan): string {
  const { from, to, run, data, notes, rolledBack } = plan;
  const lines = [
    `Back from ${build(from)} to ${build(to)}`,
    "",
    ...labelled("Lost", data === null ? "nothing: the home stays as it is" : lossText(plan, data)),
    ...labelled("Stays", staysText(data !== null, rolledBack)),
    ...labelled("After it", `upgrades are pinned to ${printable(to.name)}: nothing newer is performed by itself`),
    ...(data === null
      ? labelled("Beware", `${printable(to.name)} may not be able to read what ${printable(from.name)} has written`)
      : []),
    ...labelled("Downtime", run === null ? "no nymvisor runs this instance" : "that of a restart"),
    ...notes.flatMap((note) => labelled("Note", note)),
    ...labelled("To undo", undoing(plan)),
  ];
  return `${lines.join("\n")}\n`;
}

function lossText({ now }: RollbackPlan, { kind, at, bytes, homeBytes }: NonNullable<RollbackPlan["data"]>): string {
  const span = now > at ? ` (${roughly(now - at)})` : "";
  const is = homeBytes === null ? "" : `, ${formatBytes(homeBytes)} by now,`;
  const size =
    bytes === null ? "" : kind === "archive" ? `: an archive of ${formatBytes(bytes)}` : `: ${formatBytes(bytes)}`;
  return `everything that was written since ${formatInstant(at - (at % SECOND))}${span}: the home${is} is put back as it was then${size}`;
}

function staysText(withData: boolean, rolledBack: string): string {
  const always = "backups, binaries, the plan";
  if (!withData) return always;
  return `${always}; the home as it is now is put aside in ${rolledBack}, until the second good upgrade after this, or nymvisor backup prune`;
}

function doneText(plan: RollbackPlan, kept: string | null): string {
  const { from, to, run } = plan;
  const starts = run === null ? "nymvisor run starts it." : `The nymvisor that runs (pid ${run}) starts it.`;
  const aside = kept === null ? "" : ` The home as ${printable(from.name)} left it lies in ${kept}.`;
  const pinned = ` Upgrades are pinned to ${printable(to.name)} until nymvisor unpin.`;
  const text = `The node is back on ${build(to)}. ${starts}${aside}${pinned}`;
  return `${[...wrap(text, WIDTH), `To undo: ${undoing(plan)}`].join("\n")}\n`;
}

function undoing({ from, data }: RollbackPlan): string {
  return `nymvisor rollback --to ${typed(from.name)}${data === null ? " --no-data" : ""} && nymvisor unpin`;
}

function build({ name, version }: Build): string {
  return name === version ? printable(name) : `${printable(name)} (${printable(version)})`;
}

const SECOND = 1_000_000_000n;

/** In its two largest units. */
function roughly(duration: Duration): string {
  return formatDuration(duration - (duration % SECOND))
    .split(" ")
    .slice(0, 2)
    .join(" ");
}
