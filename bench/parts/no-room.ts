import { rmSync } from "node:fs";
import { makeHome, usualWork } from "../home.ts";
import { bareRestart } from "../node-run.ts";
import { shell } from "../shell.ts";
import { mountImage } from "../sites.ts";
import { superviseUpgrade } from "../supervised.ts";
import type { Part } from "./part.ts";

const HOME_MIB = 1024;

/** Room for the home, for the two binaries and the file system's own, and for an archive; not for a copy as well. */
const IMAGE_MIB = Math.ceil(HOME_MIB * 2.4) + 400;

/** A disk with no room for the copy: the home is archived while the node is down. */
export const noRoom: Part = {
  name: "no-room",
  onReflinks: false,
  quick: false,
  async run(setting) {
    const { report, undo, folder } = setting;
    const name = "small-ext4";
    const make = ["mkfs.ext4", "-q", "-m", "0"];
    const mounted = mountImage({ name, folder, mib: IMAGE_MIB, make }, undo, report);
    if (mounted === undefined) return;
    const home = makeHome({ name, folder: mounted, reflinks: false }, HOME_MIB);
    const work = { atStop: usualWork(home) };
    const plain = `${home.outer}/plain.gz`;
    const between = async () =>
      void (await shell('tar -C "$1" --exclude=./nymvisor -cf - . | gzip -1 > "$2"; sync "$2"', home.path, plain));
    const { downtime: floor } = await bareRestart(setting, home, work, { between });
    rmSync(plain);
    const upgraded = await superviseUpgrade(setting, home, work);
    if (!Number.isNaN(upgraded.saving)) throw new Error("there was room for a copy after all");
    const common = { part: "no-room", on: "ext4 in a loop mount", unit: "ms" };
    report.add({ ...common, figure: "restart with `tar \\| gzip -1`, and a sync", values: [floor] });
    const goal = { most: floor, text: "the same with tar" };
    report.add({ ...common, figure: "upgrade's downtime", values: [upgraded.downtime], goal });
    report.details.push({ part: "no-room", on: name, floor, ...upgraded });
  },
};
