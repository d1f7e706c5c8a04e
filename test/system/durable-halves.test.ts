import { afterEach, expect, test } from "bun:test";
import { constants } from "node:fs";
import { type ProcessDisk, SimulatedDisk } from "../../simulation/disk.ts";
import { Random } from "../../simulation/random.ts";
import { useDisk } from "../../src/system/disk.ts";
import { makeExecutableDurably, makeFolderDurably, writeFileDurably } from "../../src/system/durable.ts";

/** What one process was killed in the middle of, another one finishes: seen on disks that lose power right after it. */

let giveBack = () => {};
afterEach(() => giveBack());

const DISKS = 60;

/** A disk on which a process has done something and was killed, seen by the process that comes next. */
function afterKilled(number: number, action: (disk: ProcessDisk) => void): { disk: SimulatedDisk; random: Random } {
  const random = new Random(`disk ${number}`);
  const disk = new SimulatedDisk({ random, now: () => 0n });
  disk.plant("/data/binary", "a binary");
  action(disk.forProcess({ pid: 7 }));
  disk.kill(7);
  const next = disk.forProcess({ pid: 8 });
  giveBack = useDisk(() => next);
  return { disk, random };
}

test("a folder that was made and not synced is durable for whoever writes into it next", () => {
  for (let number = 0; number < DISKS; number += 1) {
    const { disk, random } = afterKilled(number, (killed) => killed.mkdirSync("/data/folder"));
    makeFolderDurably("/data/folder");
    writeFileDurably("/data/folder/document", "{}");
    disk.crash(random);
    expect(disk.forProcess({ pid: 9 }).readFileSync("/data/folder/document", "utf8")).toBe("{}");
  }
});

test("a file that was made executable and not synced stays so once it was asked for again", () => {
  for (let number = 0; number < DISKS; number += 1) {
    const { disk, random } = afterKilled(number, (killed) => killed.chmodSync("/data/binary", 0o755));
    makeExecutableDurably("/data/binary");
    disk.crash(random);
    disk.forProcess({ pid: 9 }).accessSync("/data/binary", constants.X_OK);
  }
});
