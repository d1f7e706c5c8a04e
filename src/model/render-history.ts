import { type Duration, formatDuration, toMilliseconds } from "./duration.ts";
import { formatInstant, type Instant } from "./instant.ts";
import { printable } from "./names.ts";
import type { Outcome, OutcomeState } from "./outcomes.ts";
import type { OutputFormat } from "./requests.ts";
import { wrap } from "./wrap.ts";

/** One upgrade, or way back by hand, of this node. */
export interface HistoryEntry
  extends Pick<Outcome, "kind" | "name" | "version" | "fromVersion" | "why" | "byHand" | "forgiven" | "wentBack"> {
  performedAt: Instant;
  /** The build before; null: nobody knows. */
  from: string | null;
  /** "unknown": it was performed before nymvisor noted how upgrades turn out. */
  outcome: OutcomeState | "unknown";
  decidedAt: Instant | null;
  downtime: Duration | null;
  /** Where the home lies as it was before; null: it was not saved, or is there no more. */
  backup: string | null;
  /** Where the home lies as this version had left it when it was gone back from; null: nowhere. */
  kept: string | null;
}

export interface HistoryReport {
  /** The newest last. */
  upgrades: readonly HistoryEntry[];
  /** Why nobody can tell whether the backups are still there; null: they were looked for. */
  unseen: string | null;
}

/** For people, in 80 columns, or as one line of JSON with instants in RFC 3339. */
export function renderHistory(report: HistoryReport, output: OutputFormat): string {
  return output === "json" ? `${JSON.stringify(historyJson(report))}\n` : historyText(report);
}

const orNull = (instant: Instant | null) => (instant === null ? null : formatInstant(instant));

function historyJson({ upgrades, unseen }: HistoryReport) {
  return {
    upgrades: upgrades.map(({ performedAt, decidedAt, downtime, ...entry }) => ({
      ...entry,
      performedAt: formatInstant(performedAt),
      decidedAt: orNull(decidedAt),
      downtimeMs: downtime === null ? null : toMilliseconds(downtime),
    })),
    unseen,
  };
}

const WIDTH = 80;

function historyText({ upgrades, unseen }: HistoryReport): string {
  const lines = upgrades.flatMap((entry) => entryText(entry));
  if (lines.length === 0) lines.push("No upgrade was performed.");
  if (unseen !== null) {
    lines.push("", ...wrap(`Whether the backups are still there cannot be seen: ${printable(unseen, 400)}`, WIDTH));
  }
  return `${lines.join("\n")}\n`;
}

function entryText(entry: HistoryEntry): string[] {
  const { performedAt, name, version, from, fromVersion, kind, downtime, backup, kept } = entry;
  const before = from === null ? "" : `, ${kind === "rollback" ? "back " : ""}from ${build(from, fromVersion)}`;
  const facts = [
    outcomeText(entry),
    ...(downtime === null ? [] : [`down for ${formatDuration(downtime - (downtime % 1_000_000n))}`]),
    ...(backup === null ? [] : [`backup: ${backup}`]),
    ...(kept === null ? [] : [`its own data: ${kept}`]),
  ];
  const moment = formatInstant(performedAt - (performedAt % 1_000_000_000n));
  return [`${moment}  ${build(name, version)}${before}`, ...facts.flatMap((fact) => wrap(fact, WIDTH, 4))];
}

function outcomeText({ outcome, kind, byHand, decidedAt, why, forgiven, wentBack }: HistoryEntry): string {
  const when = decidedAt === null ? "" : ` at ${formatInstant(decidedAt - (decidedAt % 1_000_000_000n))}`;
  const reason = why === null ? "" : `: ${printable(why, 400)}`;
  const again = forgiven ? "; it may be tried again, as a person wants" : "";
  const data = wentBack === "without-data" ? "without its data" : "with its data";
  if (kind === "rollback") return `a person went back to it, ${data}`;
  switch (outcome) {
    case "on-probation":
      return "on probation: it has not proven itself yet";
    case "passed":
      return `passed${when}`;
    case "rolled-back":
      if (byHand) return `a person went back from it${when}, ${data}${again}`;
      return `it failed, and the node was put back${when}, ${data}${reason}${again}`;
    case "failed":
      return `it failed${when}, and stays${reason}${again}`;
    case "left":
      return "the node was moved on before there was a verdict";
    case "unknown":
      return "how it turned out was not noted";
  }
}

/** `1.1.0`, or `nym-binaries-v2026 (1.1.0)` where the name does not say the version. */
function build(name: string, version: string | null): string {
  return version === null || version === name ? printable(name) : `${printable(name)} (${printable(version)})`;
}
