import { join } from "node:path";
import { NymvisorError } from "../src/model/errors.ts";
import { formatStamp } from "../src/model/instant.ts";
import { disk } from "../src/system/disk.ts";
import { makeFolderDurably, writeFileDurably } from "../src/system/durable.ts";
import type { Backup, BackupRequest, BackupRoom, BackupRoomRequest } from "../src/upgrade/backup.ts";
import { decodeContents, encodeContents } from "./copy-log.ts";
import { fileNames, type HomeFiles } from "./homes.ts";
import type { Machine } from "./machine.ts";
import type { SimulatedProcess } from "./processes.ts";

/** What a simulated archive holds. */
interface SavedHome {
  home: string;
  /** Of the upgrade. */
  name: string;
  files: HomeFiles;
}

export function encodeArchive({ home, name, files }: SavedHome): Uint8Array {
  const encoded = [...files].map(([path, contents]) => [path, encodeContents(contents)]);
  return new TextEncoder().encode(JSON.stringify({ home, name, files: encoded }));
}

/** Undefined if it is none, or not a whole one. */
export function decodeArchive(bytes: Uint8Array): SavedHome | undefined {
  try {
    const { home, name, files } = JSON.parse(new TextDecoder().decode(bytes));
    return {
      home,
      name,
      files: new Map(files.map(([path, text]: [string, string]) => [path, decodeContents(text)])),
    };
  } catch {
    return undefined;
  }
}

export interface BackupListener {
  livesOn(home: string): boolean;
  roomWasChecked(process: SimulatedProcess, name: string | undefined, enough: boolean): void;
  savedWhileAlive(home: string): void;
}

/** Takes the place of the archive of a stopped home: it takes its time, and fails. */
export class Backups {
  roomy = true;
  roomyForCopy = true;

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
      forCopy: { needed: 1000, available: this.roomyForCopy ? 1e9 : 10 },
    };
  };

  readonly backUp = async ({ home, backups, name, at, signal }: BackupRequest): Promise<Backup> => {
    const { machine, listener } = this;
    const { random } = machine.requireRunning();
    const folder = join(backups, name);
    makeFolderDurably(folder, { mode: 0o700 });
    const files = new Map<string, Uint8Array>();
    const watch = () => {
      if (listener.livesOn(home)) listener.savedWhileAlive(home);
    };
    watch();
    const names = fileNames(disk, home);
    const half = names.length >> 1;
    for (const part of [names.slice(0, half), names.slice(half)]) {
      await machine.pause(random.int(10_000, 3_000_000), "half of the home is saved", signal);
      for (const file of part) files.set(file, disk.readFileSync(join(home, file)));
      watch();
    }
    if (random.chance(0.03)) throw new NymvisorError({ what: "something in the home cannot be read" });
    let path = join(folder, `backup-${formatStamp(at)}-preupgrade.tar.gz`);
    for (let taken = 1; disk.existsSync(path); taken += 1) {
      path = join(folder, `backup-${formatStamp(at + BigInt(taken) * 1_000_000n)}-preupgrade.tar.gz`);
    }
    writeFileDurably(path, encodeArchive({ home, name, files }), { mode: 0o600 });
    return { path, bytes: 100, files: files.size, sourceBytes: 100, leftOut: [], disturbed: [] };
  };
}
