import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { usualWork } from "../home.ts";
import type { Setting } from "../setting.ts";
import { type Site, syncSite } from "../sites.ts";
import { median } from "../statistics.ts";
import type { Part } from "./part.ts";
import { compareRestarts, DOWNTIME } from "./restarts.ts";

const MIB = 1 << 20;

/** What an upgrade may take longer than a bare restart, in milliseconds. */
export const MOST_OVER = 100;
const MOST_OVER_WITH_REFLINKS = 20;

/** A home of 4 GiB takes two minutes each time, and a second file system is as much again. */
const FEWER_ROUNDS = 1;
const LARGE_MIB = 4096;

/** The usual load: lines appended all the time, and pages of a database rewritten at the stop. */
export function downtime(mib: number): Part {
  const part = `downtime-${sizeName(mib)}`;
  return {
    name: part,
    onReflinks: mib >= 1024,
    quick: mib < LARGE_MIB,
    async run(setting, site, homes) {
      const { report, options } = setting;
      const home = homes.of(mib);
      const work = { atStop: usualWork(home) };
      const rounds = mib >= LARGE_MIB || site.reflinks ? Math.min(options.rounds, FEWER_ROUNDS) : options.rounds;
      const comparison = { part, rounds, over: site.reflinks ? MOST_OVER_WITH_REFLINKS : MOST_OVER };
      const bytes = work.atStop.rewritePages?.bytes ?? 0;
      const floors = Array.from({ length: 5 }, () => durableWrite(home.path, bytes));
      // The archive of a large home is the same everywhere, and takes minutes.
      const archives = mib < LARGE_MIB || !site.reflinks;
      const upgrades = await compareRestarts(setting, site, home, work, {
        ...comparison,
        ...(archives && { archived: (supervised, archived) => homes.keepArchive({ home, supervised, archived }) }),
      });
      const common = { part, on: site.name };
      report.add({ ...common, figure: `floor: ${bytes / MIB} MiB written, and durable`, unit: "ms", values: floors });
      report.add({ ...common, figure: "whole upgrade", unit: "s", values: upgrades.map(({ whole }) => whole) });
      const copying = upgrades.map(({ copying }) => copying / 1000);
      report.add({ ...common, figure: "of it, the copy before the stop", unit: "s", values: copying });
      const archived = homes.archive?.home === home ? homes.archive.archived : undefined;
      const peaks = upgrades.map(({ peakMemory }) => peakMemory);
      const memory = archived === undefined ? peaks : [...peaks, archived.peakMemory];
      const goal = { most: 128, text: "128 MiB" };
      report.add({ ...common, figure: "nymvisor's peak memory", unit: "MiB", values: [Math.max(...memory)], goal });
      if (archived === undefined) return;
      if (archived.archiver !== undefined) {
        const values = [archived.archiver.peakMemory];
        report.add({ ...common, figure: "the archiver's peak memory", unit: "MiB", values, goal });
      }
      report.add({ ...common, figure: "bytes written", unit: "MiB", values: [archived.writtenMib] });
    },
  };
}

export function sizeName(mib: number): string {
  return mib < 1024 ? `${mib}m` : `${mib / 1024}g`;
}

/** Milliseconds that the disk takes for so many bytes in a file that has its place already. */
function durableWrite(folder: string, bytes: number): number {
  const path = join(folder, "floor");
  const content = crypto.getRandomValues(new Uint8Array(65_536));
  const write = (file: number) => {
    for (let at = 0; at < bytes; at += content.length) writeSync(file, content, 0, content.length, at);
    fdatasyncSync(file);
  };
  const file = openSync(path, "w");
  try {
    write(file);
    syncSite(folder);
    const before = performance.now();
    write(file);
    return performance.now() - before;
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

/** Whether the size of a home matters; once all sizes were measured. */
export function compareSizes({ report }: Setting, { name }: Site): void {
  const [small, large] = [1024, LARGE_MIB].map((mib) =>
    report.valuesOf(`downtime-${sizeName(mib)}`, name, DOWNTIME),
  ) as [readonly number[], readonly number[]];
  if (small.length === 0 || large.length === 0) return;
  report.add({
    part: "downtime",
    on: name,
    figure: "4 GiB : 1 GiB",
    unit: "times",
    values: [median(large) / median(small)],
    goal: { most: 1.5, text: "1.5 times" },
  });
}
