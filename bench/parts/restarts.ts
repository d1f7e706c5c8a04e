import type { BenchHome } from "../home.ts";
import { bareRestart, type NodeWork } from "../node-run.ts";
import type { Setting } from "../setting.ts";
import type { Site } from "../sites.ts";
import { median } from "../statistics.ts";
import { type Archived, type Supervised, superviseArchived, superviseUpgrade, type Upgraded } from "../supervised.ts";

export interface Comparison {
  part: string;
  rounds: number;
  /** How much longer than bare an upgrade may take, in milliseconds; undefined: nobody promised anything. */
  over?: number;
  /** What is done with the last round's archive; without it none is waited for. */
  archived?: (supervised: Supervised, archived: Archived) => void;
}

/** Bare restarts and upgrades of the same home, in turn. */
export async function compareRestarts(
  setting: Setting,
  site: Site,
  home: BenchHome,
  work: NodeWork,
  { part, rounds, over, archived }: Comparison,
): Promise<Upgraded[]> {
  const { report } = setting;
  const bare: number[] = [];
  const upgraded: (Upgraded & { archived?: Archived })[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    bare.push((await bareRestart(setting, home, work)).downtime);
    const withArchive = archived !== undefined && round === rounds;
    const outcome = withArchive
      ? await superviseArchived(setting, home, work, archived)
      : await superviseUpgrade(setting, home, work);
    upgraded.push(outcome);
    report.details.push({ part, on: site.name, round, bare: bare.at(-1), ...outcome });
  }
  const common = { part, on: site.name, unit: "ms" };
  const downtimes = upgraded.map(({ downtime }) => downtime);
  report.add({ ...common, figure: "bare restart", values: bare });
  report.add({ ...common, figure: DOWNTIME, values: downtimes });
  const excess = downtimes.map((downtime) => downtime - median(bare));
  const goal = over === undefined ? {} : { goal: { most: over, text: `${over} ms` } };
  report.add({ ...common, figure: "over the bare restart", values: excess, ...goal });
  report.add({ ...common, figure: "of it, saving the home", values: upgraded.map(({ saving }) => saving) });
  return upgraded;
}

/** From the old process's end to the new one's start. */
export const DOWNTIME = "upgrade's downtime";
