import { formatInstant, type Instant } from "./instant.ts";
import { printable } from "./names.ts";
import { describeAnswer, labelled } from "./plan-report.ts";
import { relativeTo } from "./relative-time.ts";
import type { Verdict } from "./releases.ts";
import { describeHold, type HoldLine } from "./render-wishes.ts";
import type { OutputFormat } from "./requests.ts";
import { wrap } from "./wrap.ts";

/** What runs, and which release it was found to be. */
export interface RunningReport {
  /** What the plan calls it. */
  name: string;
  version: string;
  release: string | null;
  by: "bytes" | "commit" | "version" | "record" | "name" | null;
  /** Why no release is known to be it; null: one is. */
  why: string | null;
}

/** What `nymvisor check` tells. */
export interface ReleaseReport {
  now: Instant;
  source: string;
  /** When the source gave the answer. */
  asOf: Instant;
  stale: boolean;
  running: RunningReport;
  holds: readonly HoldLine[];
  /** Newest first. */
  candidates: readonly (Omit<Verdict, "publishedAt"> & { publishedAt: Instant | null })[];
  /** What else a person should know; each a sentence. */
  notes: readonly string[];
}

/** Whether a release is performed by itself now or at a time that is known. */
export function willUpgrade({ candidates, holds }: ReleaseReport): boolean {
  if (holds.some(({ until }) => until === null)) return false;
  return candidates.some(({ state, at }) => state === "chosen" && at !== null);
}

/** For people, in 80 columns, or as one line of JSON with instants in RFC 3339. */
export function renderReleases(report: ReleaseReport, output: OutputFormat): string {
  return output === "json" ? `${JSON.stringify(reportJson(report))}\n` : reportText(report);
}

const orNull = (instant: Instant | null) => (instant === null ? null : formatInstant(instant));

function reportJson({ source, asOf, stale, running, holds, candidates }: ReleaseReport) {
  return {
    source,
    asOf: formatInstant(asOf),
    stale,
    running,
    holds: holds.map(({ by, until, why }) => ({ by, until: orNull(until), why })),
    candidates: candidates.map(({ name, version, publishedAt, state, why, at }) => {
      return { name, version, publishedAt: orNull(publishedAt), state, why, at: orNull(at) };
    }),
  };
}

const WIDTH = 80;

/** More of them than this are not read on a terminal. */
const MOST_SHOWN = 12;

function reportText(report: ReleaseReport): string {
  const { now, source, asOf, stale, holds, candidates, notes } = report;
  const running = candidates.findIndex(({ state }) => state === "running");
  const last = Math.min(MOST_SHOWN - 1, running === -1 ? candidates.length : running);
  // A person may have ordered one that comes before what runs.
  const shown = candidates.filter(({ state }, index) => index <= last || state === "chosen");
  const hidden = candidates.length - shown.length;
  const lines = [
    ...labelled("Running", describeRunning(report.running)),
    ...labelled("Asked", `${source}; its answer is of ${describeAnswer(now, asOf, stale)}`),
    ...holds.flatMap((hold) => labelled("Held", describeHold(hold))),
    "",
    ...(candidates.length === 0
      ? ["There is no release."]
      : shown.flatMap((candidate) => candidateText(candidate, now))),
    ...(hidden === 0 ? [] : ["", `${hidden} older ${hidden === 1 ? "one" : "ones"} (-o json shows all)`]),
    ...notes.flatMap((note) => ["", ...wrap(note, WIDTH)]),
  ];
  return `${lines.join("\n")}\n`;
}

function describeRunning({ name, version, release, by, why }: RunningReport): string {
  const what = `${printable(name)} ${printable(version)}`;
  if (release === null) return why === null ? what : `${what}; ${printable(why, 400)}`;
  return `${what}${release === name ? "" : `, which is ${printable(release)}`}, found by its ${by}`;
}

function candidateText({ name, version, state, why, at }: ReleaseReport["candidates"][number], now: Instant): string[] {
  const heading = `${printable(name)}  ${version === null ? "version not known" : printable(version)}`;
  const when = at === null ? "" : at <= now ? ", now" : `, ${formatInstant(at)} (${relativeTo(now, at)})`;
  return [heading, ...wrap(`${state}${when}: ${printable(why, 400)}`, WIDTH, 4)];
}
