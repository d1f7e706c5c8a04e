import { join } from "node:path";
import { NymvisorError } from "../src/model/errors.ts";
import { formatStamp } from "../src/model/instant.ts";
import { disk } from "../src/system/disk.ts";
import { makeFolderDurably, writeFileDurably } from "../src/system/durable.ts";
import type { Backup, BackupRequest, BackupRoom, BackupRoomRequest } from "../src/upgrade/backup.ts";
import type { Machine } from "./machine.ts";
import type { SimulatedProcess } from "./processes.ts";

/** What stands in a simulated backup instead of a home's files. */
export interface SavedHome {
  home: string;
  name: string;
  /** How many daemons had been started on the home until then: another start makes it another home. */
  generation: number;
}

export interface BackupListener {
  generationOf(home: string): number;
  livesOn(home: string): boolean;
  roomWasChecked(process: SimulatedProcess, name: string | undefined, enough: boolean): void;
  savedWhileAlive(home: string): void;
}

/** So that homes are archived while they are stopped: what stands in for that is simulated, and not copies. */
const NO_ROOM = { needed: 1, available: 0 };

/** Takes the place of the archive: it takes its time, fails, and leaves a small record that says which home it saved. */
export class Backups {
  roomy = true;

  constructor(
    private readonly machine: Machine,
    private readonly listener: BackupListener,
  ) {}

  readonly checkRoom = async ({ backups, name }: BackupRoomRequest): Promise<BackupRoom> => {
    const { machine } = this;
    const process = machine.requireRunning();
    await machine.pause(process.random.int(500, 20_000), "the home is measured");
    machine.requireLiving(process);
    if (name !== undefined) makeFolderDurably(join(backups, name), { mode: 0o700 });
    this.listener.roomWasChecked(process, name, this.roomy);
    return {
      files: 1,
      sourceBytes: 100,
      archiveBytes: 100,
      needed: 1000,
      available: this.roomy ? 1e9 : 10,
      forCopy: NO_ROOM,
    };
  };

  readonly backUp = async ({ home, backups, name, at, signal }: BackupRequest): Promise<Backup> => {
    const { machine, listener } = this;
    const { random } = machine.requireRunning();
    const folder = join(backups, name);
    makeFolderDurably(folder, { mode: 0o700 });
    const generation = listener.generationOf(home);
    const watch = () => {
      if (listener.livesOn(home)) listener.savedWhileAlive(home);
    };
    watch();
    await machine.pause(random.int(10_000, 3_000_000), "half of the home is saved", signal);
    watch();
    await machine.pause(random.int(10_000, 3_000_000), "all of the home is saved", signal);
    watch();
    if (random.chance(0.03)) throw new NymvisorError({ what: "something in the home cannot be read" });
    let path = join(folder, `backup-${formatStamp(at)}-preupgrade.tar.gz`);
    for (let taken = 1; disk.existsSync(path); taken += 1) {
      path = join(folder, `backup-${formatStamp(at + BigInt(taken) * 1_000_000n)}-preupgrade.tar.gz`);
    }
    const saved: SavedHome = { home, name, generation };
    writeFileDurably(path, JSON.stringify(saved), { mode: 0o600 });
    return { path, bytes: 100, files: 1, sourceBytes: 100, leftOut: [], disturbed: [] };
  };
}
