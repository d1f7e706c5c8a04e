import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { archive } from "./parts/archive.ts";
import { basic } from "./parts/basic.ts";
import { compareSizes, downtime } from "./parts/downtime.ts";
import { noRoom } from "./parts/no-room.ts";
import { Homes, type Part } from "./parts/part.ts";
import { restore } from "./parts/restore.ts";
import { serving } from "./parts/serving.ts";
import { notRebuildable, rebuildable, rewritten } from "./parts/shutdown.ts";
import { wayBack } from "./parts/way-back.ts";
import { loadNow, machine, Report } from "./report.ts";
import { type Options, prepareSetting, type Setting } from "./setting.ts";
import { openSite, SITES, type Site } from "./sites.ts";
import { Undo } from "./undo.ts";

/**
 * `bun run bench`: what an upgrade costs, beside a bare "SIGINT, wait, start" of the same two binaries on the same home in
 * the same run. Absolute times are this machine's; what counts is how far the figures lie above the bare ones.
 *
 * `--only downtime-1g,way-back` measures these parts, `--on here,btrfs` on these file systems; `--quick` is what takes
 * minutes, not twenty of them. Homes lie below `--folder`, which must not be in memory. The figures of everything go
 * to `results/bench.json`, those of some parts to `results/part.json`.
 */

/** In this order; a part may go on with the archive that the one before it has left. */
const PARTS: readonly Part[] = [
  basic,
  downtime(64),
  wayBack(64),
  wayBack(1024),
  downtime(1024),
  restore,
  archive,
  rebuildable,
  notRebuildable,
  rewritten,
  serving,
  downtime(4096),
  noRoom,
];

/** So many of the file systems are measured where none are named: one that shares blocks stands for the others. */
const FILE_SYSTEMS = 2;

interface Choice {
  /** Everything is measured. */
  whole: boolean;
  parts: readonly Part[];
  sites: readonly string[];
  folder: string;
  options: Options;
}

function readChoice(): Choice {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      on: { type: "string" },
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      folder: { type: "string", default: "/var/tmp" },
      "home-mib": { type: "string", default: "64" },
      "line-mib": { type: "string", default: "20" },
      "rest-seconds": { type: "string" },
    },
  });
  const { quick } = values;
  return {
    whole: values.only === undefined && values.on === undefined && !quick,
    parts:
      values.only === undefined
        ? PARTS.filter((part) => part.quick || !quick)
        : values.only.split(",").flatMap(partsOf),
    sites: values.on?.split(",") ?? SITES.slice(0, quick ? 1 : FILE_SYSTEMS),
    folder: values.folder,
    options: {
      rounds: Number(values.rounds ?? (quick ? 1 : 3)),
      homeMib: Number(values["home-mib"]),
      lineMibPerSecond: Number(values["line-mib"]),
      restSeconds: Number(values["rest-seconds"] ?? (quick ? 4 : 6)),
    },
  };
}

/** The part of that name, or all sizes of it. */
function partsOf(name: string): Part[] {
  const parts = PARTS.filter((part) => part.name === name || part.name.startsWith(`${name}-`));
  if (parts.length === 0) throw new Error(`there is no part ${name}; there are ${PARTS.map(({ name }) => name)}`);
  return parts;
}

async function measure(setting: Setting, { parts, sites }: Choice): Promise<void> {
  for (const name of sites) {
    const wanted = parts.filter(({ onReflinks }) => onReflinks || name === "here");
    const site = wanted.length === 0 ? undefined : openSite(name, setting.folder, setting.undo, setting.report);
    if (site === undefined) continue;
    const homes = new Homes(site);
    for (const part of wanted) await measurePart(setting, site, homes, part);
    compareSizes(setting, site);
    homes.removeAll();
  }
}

async function measurePart(setting: Setting, site: Site, homes: Homes, part: Part): Promise<void> {
  const [began, before] = [performance.now(), loadNow()];
  try {
    await part.run(setting, site, homes);
  } catch (error) {
    setting.report.fail(`${part.name} on ${site.name}`, error);
    homes.removeAll();
  }
  const seconds = (performance.now() - began) / 1000;
  setting.report.loads.push({ part: part.name, on: site.name, before, after: loadNow(), seconds });
  process.stderr.write(`${part.name} on ${site.name} took ${seconds.toFixed(0)} s\n`);
}

/** What was measured so far: as JSON in a file, as a table on stdout. */
function publish(report: Report, choice: Choice): void {
  const results = join(import.meta.dir, "results");
  mkdirSync(results, { recursive: true });
  const path = join(results, choice.whole ? "bench.json" : "part.json");
  const facts = { at: new Date().toISOString(), machine: machine(), options: choice.options };
  writeFileSync(path, `${JSON.stringify({ ...facts, ...report.json() }, null, 2)}\n`);
  process.stdout.write(`${report.table()}\n\n${JSON.stringify(facts)}\nwritten to ${path}\n`);
}

async function main(): Promise<void> {
  const choice = readChoice();
  const undo = new Undo();
  const report = new Report();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      undo.run();
      publish(report, choice);
      process.exit(1);
    });
  }
  const folder = mkdtempSync(join(choice.folder, "nymvisor-bench-"));
  undo.add(`the folder ${folder}`, () => rmSync(folder, { recursive: true }));
  try {
    await measure(await prepareSetting({ folder, options: choice.options, report, undo }), choice);
  } finally {
    undo.run();
  }
  publish(report, choice);
  if (report.failed.length > 0) process.exitCode = 1;
}

await main();
