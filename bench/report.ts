import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { median } from "./statistics.ts";

const MIB = 1 << 20;

export interface Goal {
  /** The median may be this much. */
  most: number;
  /** How it is put: `bare + 100 ms`. */
  text: string;
}

export interface Row {
  part: string;
  /** The file system, where it is one part among several. */
  on: string;
  figure: string;
  unit: string;
  values: readonly number[];
  goal?: Goal;
}

/** What was measured, and what was not. */
export class Report {
  readonly rows: Row[] = [];
  readonly skipped: { what: string; why: string }[] = [];
  readonly failed: { what: string; why: string }[] = [];
  /** Of each round: what else is known of it, for whoever wonders about a figure. */
  readonly details: { part: string; on: string; [detail: string]: unknown }[] = [];
  readonly loads: { part: string; on: string; before: number; after: number; seconds: number }[] = [];

  add(row: Row): void {
    this.rows.push(row);
  }

  skip(what: string, why: string): void {
    this.skipped.push({ what, why });
    process.stderr.write(`SKIPPED: ${what}: ${why}\n`);
  }

  fail(what: string, error: unknown): void {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.failed.push({ what, why });
    process.stderr.write(`FAILED: ${what}: ${why}\n`);
  }

  valuesOf(part: string, on: string, figure: string): readonly number[] {
    return this.rows.find((row) => row.part === part && row.on === on && row.figure === figure)?.values ?? [];
  }

  table(): string {
    const lines = this.rows.map((row) => `| ${[row.part, row.on, row.figure, ...cellsOf(row)].join(" | ")} |`);
    const missing = [
      ...this.skipped.map(({ what, why }) => `SKIPPED: ${what}: ${why}`),
      ...this.failed.map(({ what, why }) => `FAILED: ${what}: ${why.split("\n")[0]}`),
    ];
    const head = ["| part | on | figure | median | range | goal | |", "|---|---|---|---|---|---|---|"];
    return [...head, ...lines, ...(missing.length === 0 ? [] : ["", ...missing])].join("\n");
  }

  json() {
    const rows = this.rows.map((row) => ({ ...row, median: median(row.values), missedBy: missedBy(row) }));
    return { rows, skipped: this.skipped, failed: this.failed, loads: this.loads, details: this.details };
  }
}

/** By how much the goal is missed; null: reached, or there is none. */
function missedBy({ goal, values }: Row): number | null {
  if (goal === undefined) return null;
  const over = median(values) - goal.most;
  return over <= 0 ? null : over;
}

function cellsOf(row: Row): string[] {
  const { values, unit, goal } = row;
  const over = missedBy(row);
  const verdict = goal === undefined ? "" : over === null ? "reached" : `missed by ${format(over)} ${unit}`;
  const range = values.length < 2 ? "" : `${format(Math.min(...values))} to ${format(Math.max(...values))}`;
  return [`${format(median(values))} ${unit}`, range, goal === undefined ? "" : `≤ ${goal.text}`, verdict];
}

function format(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0);
}

/** Processes that want a processor, on average of the last minute. */
export function loadNow(): number {
  return Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]);
}

export function machine() {
  return {
    processor: cpus()[0]?.model,
    cores: cpus().length,
    memoryMib: Math.round(totalmem() / MIB),
    kernel: release(),
  };
}
