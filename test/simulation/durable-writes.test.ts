import { afterEach, describe, expect, test } from "bun:test";
import { ProcessDied, type ProcessDisk, SimulatedDisk } from "../../simulation/disk.ts";
import { Random } from "../../simulation/random.ts";
import { useDisk } from "../../src/system/disk.ts";
import {
  makeFolderDurably,
  removeFileDurably,
  replaceLinkDurably,
  writeFileDurably,
} from "../../src/system/durable.ts";

const OLD = "what was there before";
const NEW = "what is there now";

const SEEDS = 30;

let giveBack: (() => void) | undefined;
afterEach(() => giveBack?.());

const look = (disk: ProcessDisk) =>
  disk.lstatSync("/d/thing", { throwIfNoEntry: false })?.isSymbolicLink()
    ? disk.readlinkSync("/d/thing")
    : disk.existsSync("/d/thing") && disk.statSync("/d/thing").isFile()
      ? disk.readFileSync("/d/thing", "utf8")
      : disk.existsSync("/d/thing");

/** What is found when the power goes before effect number `last` of `act`, or when it has returned. */
function interrupted(prepare: (disk: SimulatedDisk) => void, act: () => void, last: number, seed: number) {
  const disk = new SimulatedDisk({ random: new Random(seed), now: () => BigInt(seed) });
  disk.plant("/d");
  prepare(disk);
  let effects = 0;
  const onEffect = () => {
    if (effects === last) throw new ProcessDied(1);
    effects += 1;
    return undefined;
  };
  const process = disk.forProcess({ pid: 1, onEffect });
  giveBack = useDisk(() => process);
  try {
    act();
  } catch (error) {
    if (!process.dead) throw error;
  } finally {
    giveBack();
  }
  const returned = !process.dead;
  disk.crash(new Random(seed));
  return { found: look(disk.forProcess({ pid: 2 })), returned };
}

describe("the power may go at any effect of", () => {
  const file = (disk: SimulatedDisk) => disk.plant("/d/thing", OLD);
  const link = (disk: SimulatedDisk) => {
    disk.forProcess({ pid: 9 }).symlinkSync(OLD, "/d/thing");
    disk.sync();
  };
  test.each<[string, (disk: SimulatedDisk) => void, () => void, unknown, unknown]>([
    ["writeFileDurably: old or new", file, () => writeFileDurably("/d/thing", NEW), OLD, NEW],
    ["replaceLinkDurably: old or new", link, () => replaceLinkDurably("/d/thing", NEW), OLD, NEW],
    ["removeFileDurably: there or gone", file, () => removeFileDurably("/d/thing"), OLD, false],
    ["makeFolderDurably: gone or there", () => {}, () => makeFolderDurably("/d/thing"), false, true],
  ])("%s, and the second once it has returned", (_, prepare, act, before, after) => {
    let returned = false;
    for (let last = 0; !returned; last += 1) {
      for (let seed = 0; seed < SEEDS; seed += 1) {
        const outcome = interrupted(prepare, act, last, seed);
        returned = outcome.returned;
        expect(returned ? [after] : [before, after]).toContain(outcome.found);
      }
    }
  });
});

test("a write that leaves the fsync out is found out", () => {
  const withoutSync = () => {
    const disk = new SimulatedDisk({ random: new Random(1), now: () => 0n });
    disk.plant("/d/thing", OLD);
    const process = disk.forProcess({ pid: 1 });
    const fsync = process.fsyncSync.bind(process);
    process.fsyncSync = (descriptor) => {
      if (process.fstatSync(descriptor).isDirectory()) fsync(descriptor);
    };
    giveBack = useDisk(() => process);
    writeFileDurably("/d/thing", NEW);
    giveBack();
    return disk;
  };
  const found = Array.from({ length: SEEDS }, (_, seed) => {
    const disk = withoutSync();
    disk.crash(new Random(seed));
    return look(disk.forProcess({ pid: 2 }));
  });
  expect(found.filter((each) => each !== OLD && each !== NEW).length).toBeGreaterThan(0);
});
