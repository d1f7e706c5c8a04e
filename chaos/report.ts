import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { median } from "../bench/statistics.ts";
import { RECOVERY_GOAL_MS, type Tally } from "./tally.ts";
import { INVARIANTS, type Violation } from "./violation.ts";

export interface Outcome {
  seed: string;
  seconds: number;
  tally: Tally;
  /** What was left out, and why. */
  skipped: readonly string[];
  violation: { world: number; round: number; violation: Violation } | null;
}

export function render({ seed, seconds, tally, skipped, violation }: Outcome): string {
  const { recoveries } = tally;
  const rows: [string, string | number][] = [
    ["rounds", `${tally.rounds} in ${seconds.toFixed(0)} s (${(tally.rounds / seconds).toFixed(1)} a second)`],
    ["worlds", `${tally.worlds}, ${tally.worldsWithSeveralNodes} of them with 2 or 3 nodes`],
    ["runs of nymvisor", tally.runs],
    ["SIGKILL: nymvisor, daemon, both", [tally.killsOfNymvisor, tally.killsOfDaemons, tally.killsOfBoth].join(", ")],
    ["SIGKILL: nymvisor after a killed one", tally.killsOfHeirs],
    ["the journal at the kills", listed(tally.killsByJournal)],
    ["SIGKILL: add-upgrade; said again after it", [tally.killsOfAddUpgrade, tally.addedAgain].join("; ")],
    ["SIGSTOP: nymvisor, daemon", [tally.stopsOfNymvisor, tally.stopsOfDaemons].join(", ")],
    ["asked to stop in between; SIGHUP", [tally.politeStops, tally.hangUps].join("; ")],
    ["second runs refused", tally.secondRunsRefused],
    ["full disks", tally.fullDisks],
    ["runs that began on one, that ended of one", [tally.runsOnFullDisks, tally.runsEndedByFullDisk].join(", ")],
    ["bytes that a full disk had left", listed(tally.bytesLeft)],
    ["releases, added by hand", [tally.releases, tally.addedByHand].join(", ")],
    ["rollback typed, done; killed", `${tally.rollbacks}, ${tally.rollbacksDone}; ${tally.killsOfRollback}`],
    ["what became of the switches", listed(tally.outcomes)],
    ["held after two ways back, mended by hand", [tally.holdsAfterTwo, tally.mendedByHand].join(", ")],
    ["kept homes read; runs that ended with their daemon", [tally.keptHomes, tally.runsEndedByDaemon].join("; ")],
    ["mishaps of the server", listed(tally.serverMishaps)],
    ["what the logs tell of it", listed(tally.traces)],
    ["upgrades performed", tally.upgrades],
    ["backups read; moves of a home that they cover", [tally.backups, tally.moves].join("; ")],
    ["looks of onlookers, executions of current", [tally.looks, tally.executions].join(", ")],
    ["recoveries that were measured", `${recoveries.length}; over ${RECOVERY_GOAL_MS} ms: ${tally.slow.length}`],
    ["recoveries that were not", listed(tally.recoveriesLeftOut)],
    [
      "from run to the daemon: median, worst",
      `${milliseconds(median(recoveries))}, ${milliseconds(Math.max(...recoveries))}`,
    ],
    ["violations", violation === null ? 0 : 1],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return [
    `seed ${seed}`,
    ...rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`),
    ...skipped.map((what) => `SKIPPED: ${what}`),
  ].join("\n");
}

/** `cut 12, slow 3`, the most frequent first. */
function listed(counts: Readonly<Record<string, number | undefined>>): string {
  const found = Object.entries(counts).toSorted(([, a = 0], [, b = 0]) => b - a);
  return found.map(([name, count]) => `${name} ${count}`).join(", ") || "none";
}

function milliseconds(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(0)} ms` : "none";
}

/** @returns the path of the file. */
export function write({ seed, seconds, tally, skipped, violation }: Outcome, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "chaos.json");
  const { recoveries, slow, ...counts } = tally;
  const document = {
    at: new Date().toISOString(),
    seed,
    seconds,
    machine: { processor: cpus()[0]?.model, cores: cpus().length, memoryMib: Math.round(totalmem() / 2 ** 20) },
    ...counts,
    recoveries: {
      count: recoveries.length,
      medianMs: recoveries.length === 0 ? null : median(recoveries),
      worstMs: recoveries.length === 0 ? null : Math.max(...recoveries),
      slow,
    },
    skipped,
    violations:
      violation === null
        ? []
        : [
            {
              world: violation.world,
              round: violation.round,
              invariant: INVARIANTS[violation.violation.invariant],
              found: violation.violation.what,
            },
          ],
  };
  writeFileSync(path, `${JSON.stringify(document, null, 2)}\n`);
  return path;
}
