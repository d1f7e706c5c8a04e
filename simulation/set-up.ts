import { constants } from "node:fs";
import { buildLayout } from "../src/model/paths.ts";
import { makeFolderDurably } from "../src/system/durable.ts";
import { switchCurrent } from "../src/upgrade/current.ts";
import { writePlan, writeUpgradeInfo, writeVersionRecord } from "../src/upgrade/shared-documents.ts";
import { writeNote } from "../src/upgrade/staged.ts";
import { describeBuild } from "../src/upgrade/take-stock.ts";
import type { Node } from "./node.ts";
import { buildInfoOfProgram, encodeProgram, type Program, sha256 } from "./program.ts";
import type { World } from "./world.ts";

/** The box as `nymvisor init` leaves it: all nodes taken in, nothing running. */
export function setUp({ machine, nodes, guard, homes, script }: World): void {
  const program: Program = { version: "1.0.0", build: "genesis", health: script.oldHealth };
  const installer = machine.spawn({ role: "bystander", name: "installer" });
  const { layout } = nodes[0] as Node;
  const genesis = buildLayout(layout, "genesis");
  const bytes = encodeProgram(program);
  const buildInfo = buildInfoOfProgram(program);
  machine.as(installer, () => {
    for (const folder of [genesis.bin, layout.upgrades, "/simulated/operator", "/proc/self"]) makeFolderDurably(folder);
    for (const { layout: own } of nodes) {
      makeFolderDurably(own.homeNymvisor);
      makeFolderDurably(own.instanceData);
    }
    putFile(installer.ownDisk, genesis.binary, bytes);
    writeNote(genesis, { sha256: sha256(bytes), origin: "local", url: null, buildInfo, refused: null });
    const info = describeBuild("genesis", buildInfo, "");
    writeUpgradeInfo(genesis, info);
    writePlan(layout, { current: info, queuedUp: [] });
    switchCurrent(layout, genesis);
    for (const { layout: own } of nodes) {
      const record = {
        name: "genesis",
        version: program.version,
        upgradeTime: machine.wall(),
        binaryDetails: buildInfo,
      };
      writeVersionRecord(own, record);
      guard.documents.begin(own.versionRecord);
    }
  });
  for (const { layout: own } of nodes) {
    homes.plant(own.home);
    guard.beginHome(own.home);
  }
  machine.disk.plant("/proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
  machine.disk.sync();
  for (const path of [layout.plan, genesis.info, genesis.staged]) guard.documents.begin(path);
  const known = guard.upgrades.of("genesis");
  known.version = program.version;
  known.digests.add(sha256(bytes));
  machine.end(installer, 0, null);
}

interface Writable {
  openSync(path: string, flags: number, mode?: number): number;
  writeSync(descriptor: number, bytes: Uint8Array): number;
  fsyncSync(descriptor: number): void;
  closeSync(descriptor: number): void;
}

/** An executable file, as a person copies one there. */
export function putFile(disk: Writable, path: string, bytes: Uint8Array): void {
  const file = disk.openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o755);
  disk.writeSync(file, bytes);
  disk.fsyncSync(file);
  disk.closeSync(file);
}
