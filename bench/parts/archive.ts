import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Shell, shell } from "../shell.ts";
import { syncSite } from "../sites.ts";
import type { Part } from "./part.ts";

const MIB = 1 << 20;
const HOME_MIB = 1024;

/** With the priority of the process that archives in the background. */
const LAST = "nice -n 19 ionice -c 3";
const TAR = `${LAST} tar -C "$1" --exclude=./nymvisor -cf - .`;

const COMPRESSORS: readonly (readonly [name: string, command: string])[] = [
  ["gzip", "gzip -1"],
  ["pigz", "pigz -1 -p 1"],
  ["zstd", "zstd -q"],
];

/** The archive of a home beside those of tar, with the same priority, and each durable at its end. */
export const archive: Part = {
  name: "archive",
  onReflinks: false,
  quick: true,
  async run(setting, site, homes) {
    const { report } = setting;
    const { home, archived } = await homes.archiveOf(setting, HOME_MIB);
    const common = { part: "archive", on: site.name };
    const rows = (figure: string, { seconds, cpu }: Shell, bytes: number) => {
      const name = `${figure} (${(bytes / MIB).toFixed(0)} MiB, ${cpu.toFixed(1)} s of processor)`;
      report.add({ ...common, figure: name, unit: "MiB/s", values: [HOME_MIB / seconds] });
    };
    const plain = new Map<string, number>();
    for (const [name, command] of COMPRESSORS) {
      if (Bun.which(name) === null) {
        report.skip(`tar | ${name}`, "it is not installed");
        continue;
      }
      syncSite(home.path);
      const path = join(home.outer, `plain.${name}`);
      const made = await shell(`${TAR} | ${LAST} ${command} > "$2"; sync --data "$2"`, home.path, path);
      rows(`tar \\| ${command}`, made, statSync(path).size);
      const compared = await shell(`${LAST} ${name} -dc "$2" | ${LAST} tar -C "$1" -df -`, home.path, path);
      plain.set(name, made.seconds);
      const both = { seconds: made.seconds + compared.seconds, cpu: made.cpu + compared.cpu };
      rows(`the same, read back and compared with tar -d`, both, statSync(path).size);
      plain.set(`${name}, compared`, both.seconds);
      rmSync(path);
    }
    const { archiver, took } = archived;
    if (archiver === undefined) throw new Error("nobody saw the process that archives");
    const bytes = statSync(archived.path).size;
    const writing = { seconds: (archiver.written - archiver.began) / 1000, cpu: archiver.cpu };
    rows("nymvisor, until its archive is written", writing, bytes);
    rows("nymvisor, read back and compared", { seconds: took, cpu: archiver.cpu }, bytes);
    for (const [which, seconds] of [
      ["gzip", writing.seconds],
      ["gzip, compared", took],
    ] as const) {
      const other = plain.get(which);
      if (other === undefined) continue;
      report.add({
        ...common,
        figure: `nymvisor's time : that of tar \\| ${which}`,
        unit: "times",
        values: [seconds / other],
        goal: { most: 1, text: "1 times" },
      });
    }
  },
};
