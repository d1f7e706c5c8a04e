import { usualWork } from "../home.ts";
import { bareRestart } from "../node-run.ts";
import { cpuSecondsOf, memoryOf } from "../process-figures.ts";
import { median } from "../statistics.ts";
import { Supervised } from "../supervised.ts";
import type { Part } from "./part.ts";

/** Before what is measured at rest. */
const CALM_DOWN_MS = 2_000;

/** Starting, standing still, and the peak of an upgrade. */
export const basic: Part = {
  name: "basic",
  onReflinks: false,
  quick: true,
  async run(setting, site, homes) {
    const { report, options } = setting;
    const home = homes.of(options.homeMib);
    const work = { atStop: usualWork(home) };
    const own: number[] = [];
    const starts: number[] = [];
    const wholes: number[] = [];
    const peaks: number[] = [];
    const memory: number[] = [];
    const cpu: number[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      own.push((await bareRestart(setting, home, work)).start);
      const supervised = new Supervised(setting, home, work);
      try {
        starts.push(await supervised.start());
        supervised.announce();
        const { whole } = await supervised.upgraded();
        wholes.push(whole);
        peaks.push((await supervised.archived()).peakMemory);
        await supervised.end();
        starts.push(await supervised.startAgain());
        await Bun.sleep(CALM_DOWN_MS);
        const used = cpuSecondsOf(supervised.pid);
        await Bun.sleep(options.restSeconds * 1000);
        cpu.push(((cpuSecondsOf(supervised.pid) - used) / options.restSeconds) * 100);
        memory.push(memoryOf(supervised.pid).now);
      } finally {
        await supervised.end();
      }
    }
    const common = { part: "basic", on: site.name };
    report.add({ ...common, figure: "the node's own start", unit: "ms", values: own });
    const most = median(own) + 60;
    const text = "own + 60 ms";
    report.add({
      ...common,
      figure: "`nymvisor run` to the node's start",
      unit: "ms",
      values: starts,
      goal: { most, text },
    });
    report.add({ ...common, figure: "whole upgrade, from announcement", unit: "s", values: wholes });
    report.add({
      ...common,
      figure: "memory at rest",
      unit: "MiB",
      values: memory,
      goal: { most: 60, text: "60 MiB" },
    });
    report.add({ ...common, figure: "memory at its peak", unit: "MiB", values: peaks });
    report.add({
      ...common,
      figure: "processor at rest",
      unit: "% of a core",
      values: cpu,
      goal: { most: 0.5, text: "0.5 %" },
    });
  },
};
