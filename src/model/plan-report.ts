import { formatInstant, type Instant } from "./instant.ts";
import { printable } from "./names.ts";
import { relativeTo } from "./relative-time.ts";
import { describeHold, type HoldLine } from "./render-wishes.ts";
import type { OutputFormat } from "./requests.ts";
import { wrap } from "./wrap.ts";

/** How far the binary of a queued upgrade is. */
export type StagingState =
  /** Nothing is there yet. */
  | "waiting"
  /** A nymvisor that runs is at it. */
  | "staging"
  /** Downloaded and verified; nothing of it has been executed. */
  | "fetched"
  /** It could be performed at once. */
  | "staged"
  | "failed"
  /** It is not what was announced. */
  | "refused";

export interface QueuedReport {
  name: string;
  version: string;
  /** The source whose entry it is; null: a person's. */
  source: string | null;
  due: Instant;
  /** When it is performed at the earliest, as windows, holds and its age allow; null: not as things are. */
  at: Instant | null;
  staging: StagingState;
  held: boolean;
  /** A person named its time. */
  ordered: boolean;
  /** Why it is not performed, or what keeps it from being staged; null: nothing does. */
  why: string | null;
}

/** What `nymvisor plan` tells. */
export interface PlanReport {
  now: Instant;
  running: { name: string; version: string };
  /** The process that runs this instance, or null. */
  run: number | null;
  /** When a source last gave an answer, or null. */
  asOf: Instant | null;
  /** None has answered for longer than `[upstream] stale_after`. */
  stale: boolean;
  holds: readonly HoldLine[];
  pin: string | null;
  skipped: readonly string[];
  /** In order of due time. */
  queued: readonly QueuedReport[];
}

/** For people, in 80 columns, or as one line of JSON with instants in RFC 3339. */
export function renderPlan(report: PlanReport, output: OutputFormat): string {
  return output === "json" ? `${JSON.stringify(planJson(report))}\n` : planText(report);
}

const orNull = (instant: Instant | null) => (instant === null ? null : formatInstant(instant));

function planJson({ running, run, asOf, stale, holds, pin, skipped, queued }: PlanReport) {
  return {
    running,
    run,
    asOf: orNull(asOf),
    stale,
    holds: holds.map(({ by, until, why }) => ({ by, until: orNull(until), why })),
    pin,
    skipped,
    queued: queued.map((one) => ({ ...one, due: formatInstant(one.due), at: orNull(one.at) })),
  };
}

const WIDTH = 80;
const LABEL = 12;

/** `Label:      value`, the value broken below itself. */
export function labelled(label: string, value: string): string[] {
  const [first = "", ...more] = wrap(value, WIDTH, LABEL);
  return [`${`${label}:`.padEnd(LABEL)}${first.trimStart()}`, ...more];
}

function planText(report: PlanReport): string {
  const { now, running, asOf, stale, holds, pin, skipped, queued, run } = report;
  const lines = [
    ...labelled("Running", `${printable(running.name)} ${printable(running.version)}`),
    ...labelled("Answered", describeAnswer(now, asOf, stale)),
    ...holds.flatMap((hold) => labelled("Held", describeHold(hold))),
    ...(pin === null ? [] : labelled("Pinned", `to ${printable(pin)} (nymvisor unpin)`)),
    ...(skipped.length === 0
      ? []
      : labelled("Skipped", `${skipped.map((name) => printable(name)).join(", ")} (nymvisor unskip NAME)`)),
    "",
    ...(queued.length === 0 ? ["Nothing is queued."] : queued.flatMap((entry) => queuedText(entry, now))),
  ];
  if (run === null && queued.length > 0) {
    lines.push("", ...wrap("No nymvisor runs this instance: what is due waits for nymvisor run.", WIDTH));
  }
  return `${lines.join("\n")}\n`;
}

/** When a source last answered, with the word stale where that is too long ago. */
export function describeAnswer(now: Instant, asOf: Instant | null, stale: boolean): string {
  const warning = stale ? "; stale: no source of releases has answered for too long" : "";
  return `${asOf === null ? "never" : `${formatInstant(asOf)}, ${relativeTo(now, asOf)}`}${warning}`;
}

const STAGING: Readonly<Record<StagingState, string>> = {
  waiting: "not downloaded yet",
  staging: "being made ready",
  fetched: "downloaded and verified, not executed yet",
  staged: "ready",
  failed: "not ready",
  refused: "not to be used",
};

function queuedText(entry: QueuedReport, now: Instant): string[] {
  const { name, version, due, at, staging, held, ordered, why } = entry;
  const by = ordered ? ", as a person wants it" : "";
  const time = `due ${formatInstant(due)} (${relativeTo(now, due)})${by}; ${STAGING[staging]}`;
  const later =
    at !== null && at > due && at > now ? [`performed from ${formatInstant(at)} (${relativeTo(now, at)})`] : [];
  const facts = [time, ...later, ...(held ? ["held"] : []), ...(why === null ? [] : [printable(why, 400)])];
  return [`${printable(name)}  ${printable(version)}`, ...facts.flatMap((fact) => wrap(fact, WIDTH, 4))];
}
