import { describe, expect, test } from "bun:test";
import { constants } from "node:fs";
import { SimulatedDisk, systemError } from "../../simulation/disk.ts";
import { Random } from "../../simulation/random.ts";

const { O_WRONLY, O_CREAT, O_RDONLY, O_DIRECTORY } = constants;

function machine() {
  let now = 1_000n;
  const disk = new SimulatedDisk({ random: new Random("aftermath"), now: () => now });
  let fails = false;
  const process = disk.forProcess({
    pid: 2,
    onEffect(effect, path) {
      if (fails && effect === "fsync") throw systemError("EIO", effect, path);
      return undefined;
    },
  });
  disk.plant("/home/old", "old");
  const sync = (path: string, flags: number) => {
    const descriptor = process.openSync(path, flags);
    try {
      process.fsyncSync(descriptor);
    } finally {
      process.closeSync(descriptor);
    }
  };
  return {
    disk,
    process,
    write(path: string, text: string) {
      const descriptor = process.openSync(path, O_WRONLY | O_CREAT);
      process.writeSync(descriptor, text);
      process.closeSync(descriptor);
    },
    syncFile: (path: string) => sync(path, O_RDONLY),
    syncFolder: (path: string) => sync(path, O_RDONLY | O_DIRECTORY),
    failSync(path: string) {
      fails = true;
      expect(() => sync(path, O_RDONLY)).toThrow("EIO");
      fails = false;
    },
    later() {
      now += 1_000n;
    },
    text: (path: string) => new TextDecoder().decode(disk.aftermath.contents(path)),
  };
}

describe("what a loss of power would leave", () => {
  test("is known of a file once it and its name are synced, and not before", () => {
    const { disk, write, syncFile, syncFolder, text } = machine();
    write("/home/new", "new");
    expect(disk.aftermath.at("/home/new")).toEqual(["nothing", "open"]);
    syncFile("/home/new");
    expect(disk.aftermath.contents("/home/new")).toBeUndefined();
    syncFolder("/home");
    expect(text("/home/new")).toBe("new");
    write("/home/new", "newer");
    expect(disk.aftermath.at("/home/new")).toEqual(["open"]);
  });

  test("is the old file or the new one where a name was moved, until the folder is synced", () => {
    const { disk, process, write, syncFile, syncFolder, text } = machine();
    write("/home/temporary", "new");
    syncFile("/home/temporary");
    process.renameSync("/home/temporary", "/home/old");
    const contents = disk.aftermath.at("/home/old").map((each) => new TextDecoder().decode(each as Uint8Array));
    expect(contents).toEqual(["old", "new"]);
    expect(disk.aftermath.names("/home")).toEqual(["old", "temporary"]);
    syncFolder("/home");
    expect(text("/home/old")).toBe("new");
    expect(disk.aftermath.names("/home")).toEqual(["old"]);
  });

  test("is not known after a sync that failed, though a second one succeeds", () => {
    const { disk, write, syncFile, failSync } = machine();
    write("/home/old", "new");
    failSync("/home/old");
    syncFile("/home/old");
    expect(disk.aftermath.at("/home/old")).toEqual(["open"]);
  });

  test("is not known of what lies in a folder that may be gone", () => {
    const { disk, process, write, syncFile, syncFolder, text } = machine();
    process.mkdirSync("/home/folder");
    write("/home/folder/file", "text");
    syncFile("/home/folder/file");
    syncFolder("/home/folder");
    expect(disk.aftermath.at("/home/folder/file")).toEqual(["open"]);
    expect(disk.aftermath.names("/home/folder")).toEqual([]);
    syncFolder("/home");
    expect(text("/home/folder/file")).toBe("text");
  });

  test("comes true", () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const { disk, write, syncFile, syncFolder } = machine();
      const chance = new Random(seed);
      write("/home/old", "changed");
      write("/home/new", "new");
      if (chance.chance(0.5)) syncFile("/home/old");
      if (chance.chance(0.5)) syncFile("/home/new");
      if (chance.chance(0.5)) syncFolder("/home");
      const foretold = ["/home/old", "/home/new"].map((path) => disk.aftermath.contents(path)?.slice());
      disk.crash(chance);
      const found = ["/home/old", "/home/new"].map((path) => disk.aftermath.contents(path));
      for (const [index, contents] of foretold.entries()) {
        if (contents !== undefined) expect(found[index]).toEqual(contents);
      }
    }
  });
});

describe("a store through a mapping", () => {
  const at = "/home/old";

  test("moves the times of a file whose pages were clean, and is silent after that", () => {
    const { disk, process, later } = machine();
    const ctime = () => process.statSync(at, { bigint: true }).ctimeNs;
    const before = ctime();
    later();
    disk.store(at, new TextEncoder().encode("1"));
    const first = ctime();
    expect(first).toBeGreaterThan(before);
    later();
    disk.store(at, new TextEncoder().encode("2"));
    expect(ctime()).toBe(first);
    expect(process.readFileSync(at, "utf8")).toBe("2ld");
  });

  test("moves them again once the file was synced", () => {
    const { disk, process, syncFile, later } = machine();
    disk.store(at, new TextEncoder().encode("1"));
    const before = process.statSync(at, { bigint: true }).ctimeNs;
    syncFile(at);
    later();
    disk.store(at, new TextEncoder().encode("2"));
    expect(process.statSync(at, { bigint: true }).ctimeNs).toBeGreaterThan(before);
  });
});
