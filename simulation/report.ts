import type { CampaignResult } from "./campaign.ts";
import { INVARIANTS } from "./invariants.ts";
import type { Script } from "./script.ts";
import type { Shrunk } from "./shrink.ts";
import type { Tally } from "./world.ts";

/** One line of where a campaign is. */
export function renderProgress(worlds: number, tally: Readonly<Tally>): string {
  return `${tally.steps} events in ${worlds} worlds, ${tally.upgrades} upgrades`;
}

export function renderSummary({ worlds, tally, digest, broken }: CampaignResult, seconds: number): string {
  const rows: [string, string | number][] = [
    ["events (scheduler steps)", tally.steps],
    ["effects on disks", tally.effects],
    ["worlds", worlds],
    ["losses of power", tally.powerLosses],
    ["kills", tally.kills],
    ["failed disk calls", tally.errors],
    ["upgrades of homes", tally.upgrades],
    ["homes saved by a copy", tally.copies],
    ["ways back", tally.waysBack],
    ["recoveries of a journal", tally.recoveries],
    ["violations", broken === undefined ? 0 : 1],
    ["digest", (digest >>> 0).toString(16).padStart(8, "0")],
    ["seconds", seconds.toFixed(1)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(26)}${value}`).join("\n");
}

/** The shortest history that was found, and how to see it again. */
export function renderViolation(seed: string, original: Script, { script, outcome, tries }: Shrunk): string {
  const { violation, trace } = outcome;
  if (violation === undefined)
    return "it does not happen again: what is simulated depends on something beside the seed";
  return [
    `VIOLATION of "${violation.invariant}": ${INVARIANTS[violation.invariant].says}`,
    `  ${violation.what}`,
    `  seed ${seed}, world ${script.seed}, ${script.nodes} node(s)`,
    "",
    `The shortest history found in ${tries} tries (${script.actions.length} of ${original.actions.length} deeds):`,
    ...script.actions.map((action) => `  ${JSON.stringify(action)}`),
    "",
    "What happened (seconds, process, call or event):",
    ...excerpt(trace).map((line) => `  ${line}`),
  ].join("\n");
}

/** Lines that are told of the beginning and of the end of a long history; in between a world waits for its limits. */
const MOST_LINES = 400;

function excerpt(trace: readonly string[]): string[] {
  const left = trace.length - 2 * MOST_LINES;
  if (left <= 0) return [...trace];
  return [...trace.slice(0, MOST_LINES), `… ${left} lines …`, ...trace.slice(-MOST_LINES)];
}
