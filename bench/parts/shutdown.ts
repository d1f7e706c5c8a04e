import { rmSync } from "node:fs";
import { join } from "node:path";
import { type BenchHome, OLD, usualWork, withFile } from "../home.ts";
import { bareRestart } from "../node-run.ts";
import { shell } from "../shell.ts";
import { median } from "../statistics.ts";
import { superviseUpgrade } from "../supervised.ts";
import { MOST_OVER } from "./downtime.ts";
import type { Part } from "./part.ts";
import { compareRestarts } from "./restarts.ts";

const HOME_MIB = 1024;
const FEWER_ROUNDS = 1;

/** Of the filter that a nym-node keeps. */
const FILTER_BYTES = 539_000_000;

/** A node that replaces half a gigabyte when it stops: where nym-node has its filter, and where it has none. */
function replaced(name: string, file: string, goal: { over?: number }): Part {
  const isPromised = goal.over !== undefined;
  return {
    name,
    onReflinks: isPromised,
    quick: isPromised,
    async run(setting, site, homes) {
      const home = homes.of(HOME_MIB);
      const replace = { file, bytes: FILTER_BYTES };
      await withFile(home, file, FILTER_BYTES, async () => {
        const { rounds: most } = setting.options;
        const rounds = isPromised && !site.reflinks ? most : Math.min(most, FEWER_ROUNDS);
        const comparison = { part: name, rounds, ...goal };
        await compareRestarts(setting, site, home, { atStop: { ...usualWork(home), replace } }, comparison);
      });
    },
  };
}

export const rebuildable = replaced("rebuildable", "data/replay-detection/rot-1.bloom", { over: MOST_OVER });
export const notRebuildable = replaced("not-rebuildable", "data/other/state.bin", {});

/** A node that rewrites all of its home when it stops, beside a plain copy at that time, each of its files synced. */
export const rewritten: Part = {
  name: "rewritten",
  onReflinks: false,
  quick: false,
  async run(setting, site, homes) {
    const { report, options } = setting;
    const home = homes.of(HOME_MIB);
    const work = { atStop: { version: OLD, rewriteAll: "data" } };
    const bare: number[] = [];
    const own: number[] = [];
    for (let round = 1; round <= Math.min(options.rounds, FEWER_ROUNDS); round += 1) {
      bare.push((await bareRestart(setting, home, work, { between: () => copyPlainly(home) })).downtime);
      rmSync(plainCopy(home), { recursive: true });
      const upgraded = await superviseUpgrade(setting, home, work);
      own.push(upgraded.downtime);
      report.details.push({ part: "rewritten", on: site.name, round, bare: bare.at(-1), ...upgraded });
    }
    const common = { part: "rewritten", on: site.name, unit: "ms" };
    report.add({ ...common, figure: "restart with `cp -a`, and a sync of each file", values: bare });
    const goal = { most: median(bare), text: "the same with cp -a" };
    report.add({ ...common, figure: "upgrade's downtime", values: own, goal });
  },
};

function plainCopy({ outer }: BenchHome): string {
  return join(outer, "plain");
}

async function copyPlainly(home: BenchHome): Promise<void> {
  await shell('cp -a "$1" "$2"; find "$2" -print0 | xargs -0 sync', home.path, plainCopy(home));
}
