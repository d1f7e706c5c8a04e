import { readdirSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../../test/support/wait.ts";
import { type BenchHome, NEW, usualWork } from "../home.ts";
import { BACK, bareRestart, type NodeWork } from "../node-run.ts";
import type { Setting } from "../setting.ts";
import { median } from "../statistics.ts";
import { Supervised } from "../supervised.ts";
import { MOST_OVER, sizeName } from "./downtime.ts";
import type { Part } from "./part.ts";

/** A large home is half a minute's work each time, and a second and a third file system are as much again. */
const LARGE_MIB = 1024;
const FEWER_ROUNDS = 2;

/** The line is not what is measured here. */
const LINE_MIB_PER_SECOND = 200;

const JUDGED_SOON = { NYMVISOR_HEALTH_PROBATION: "2s", NYMVISOR_HEALTH_INTERVAL: "500ms" };

interface PutBack {
  /** Milliseconds from the new process's last word to the old one's first. */
  downtime: number;
  /** Seconds from the verdict, or the order, to the stop: what is made ready while the new version runs. */
  preparing: number;
}

/** A version that runs is left for the one before, with the home as that had left it. */
export function wayBack(mib: number): Part {
  const part = `way-back-${sizeName(mib)}`;
  return {
    name: part,
    onReflinks: true,
    quick: mib < LARGE_MIB,
    async run(setting, site, homes) {
      const { report, options } = setting;
      const home = homes.of(mib);
      // The pages are rewritten by the version that is left: its home is moved away with all that waits for the disk.
      const work = { atStop: usualWork(home, NEW) };
      const isLong = mib >= LARGE_MIB;
      const rounds = site.reflinks ? 1 : isLong ? Math.min(options.rounds, FEWER_ROUNDS) : options.rounds;
      const bare: number[] = [];
      const ways = new Map<string, PutBack[]>([
        ["copy", []],
        ["archive", []],
      ]);
      for (let round = 1; round <= rounds; round += 1) {
        bare.push((await bareRestart(setting, home, work, { step: BACK })).downtime);
        for (const [from, done] of ways) {
          if (from === "archive" && isLong && round > 1) continue;
          const putBack = await (from === "copy" ? fromCopy : fromArchive)(setting, home, work);
          done.push(putBack);
          report.details.push({ part, on: site.name, round, bare: bare.at(-1), from, ...putBack });
        }
      }
      const common = { part, on: site.name, unit: "ms" };
      report.add({ ...common, figure: "bare restart, back", values: bare });
      const goal = { most: median(bare) + MOST_OVER, text: `bare + ${MOST_OVER} ms` };
      for (const [from, done] of ways) {
        const downtimes = done.map(({ downtime }) => downtime);
        report.add({ ...common, figure: `downtime of the way back from the ${from}`, values: downtimes, goal });
        const before = done.map(({ preparing }) => preparing);
        report.add({ ...common, figure: "before it, made ready while the node runs", unit: "s", values: before });
      }
    },
  };
}

/** By a verdict that comes before the archive of a large home is whole: the copy is there either way. */
async function fromCopy(setting: Setting, home: BenchHome, work: NodeWork): Promise<PutBack> {
  const node = new Supervised(setting, home, work, { ...JUDGED_SOON, NYMVISOR_HEALTH_COMMAND: "exit 1" });
  try {
    await node.start();
    node.announce(LINE_MIB_PER_SECOND);
    const judged = await node.log.wait("failed");
    if (copiesOf(home).length !== 1) throw new Error("there is no copy to go back to");
    return await putBack(node, judged.at);
  } finally {
    await node.end();
  }
}

/** By hand, once the version has proven itself and its archive is whole: the copy goes then. */
async function fromArchive(setting: Setting, home: BenchHome, work: NodeWork): Promise<PutBack> {
  const node = new Supervised(setting, home, work, { ...JUDGED_SOON, NYMVISOR_HEALTH_COMMAND: "exit 0" });
  try {
    await node.start();
    node.announce(LINE_MIB_PER_SECOND);
    await node.log.wait("passed");
    await node.archived();
    await waitFor("the copy to go", () => copiesOf(home).length === 0);
    const ordered = Date.now();
    await node.command("rollback", "--yes");
    return await putBack(node, ordered);
  } finally {
    await node.end();
  }
}

async function putBack(node: Supervised, ordered: number): Promise<PutBack> {
  const downtime = await node.putBack();
  const stop = await node.events.wait("signal", { version: NEW });
  return { downtime, preparing: (stop.at - ordered) / 1000 };
}

function copiesOf({ path }: BenchHome): string[] {
  return readdirSync(join(path, "nymvisor/copies"));
}
