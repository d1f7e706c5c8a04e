import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { shell } from "../shell.ts";
import { syncSite } from "../sites.ts";
import type { Part } from "./part.ts";

const HOME_MIB = 1024;

/** The way back: `backup restore` of a whole home, beside tar that unpacks the same archive, and a sync. */
export const restore: Part = {
  name: "restore",
  onReflinks: true,
  quick: true,
  async run(setting, site, homes) {
    const { report, options } = setting;
    const { home, supervised, archived } = await homes.archiveOf(setting, HOME_MIB);
    const plain: number[] = [];
    const own: number[] = [];
    const folder = join(home.outer, "plain");
    for (let round = 0; round < Math.min(options.rounds, site.reflinks ? 1 : 2); round += 1) {
      syncSite(home.outer);
      mkdirSync(folder);
      plain.push((await shell('tar -C "$2" -xzf "$1"; sync --file-system "$2"', archived.path, folder)).seconds);
      rmSync(folder, { recursive: true });
      syncSite(home.outer);
      const before = performance.now();
      await supervised.command("backup", "restore", archived.path, "--yes");
      own.push((performance.now() - before) / 1000);
    }
    const common = { part: "restore", on: site.name, unit: "s" };
    report.add({ ...common, figure: "tar -xz and a sync", values: plain });
    report.add({ ...common, figure: "`backup restore`, proven and exchanged", values: own });
  },
};
