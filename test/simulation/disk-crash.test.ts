import { describe, expect, test } from "bun:test";
import { constants } from "node:fs";
import fc from "fast-check";
import { type ProcessDisk, SimulatedDisk } from "../../simulation/disk.ts";
import { Random } from "../../simulation/random.ts";

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY } = constants;

const OLD = "the old contents";
const NEW = "what is new, and longer";

/** Enough that an outcome with a chance of 1 in 50 is missed once in many millions of tests. */
const CRASHES = 800;

/** A machine with two folders, and a file in one of them. */
function machine(seed: number): SimulatedDisk {
  let time = 1_000n;
  const disk = new SimulatedDisk({ random: new Random(`numbers ${seed}`), now: () => (time += 1n) });
  disk.plant("/d/file", OLD);
  disk.plant("/e");
  return disk;
}

function write(disk: ProcessDisk, path: string, text: string, flags = O_TRUNC): number {
  const file = disk.openSync(path, O_WRONLY | O_CREAT | flags);
  if (disk.writeSync(file, text) !== text.length) throw new Error("the disk took a part only");
  return file;
}

function sync(disk: ProcessDisk, path: string): void {
  const descriptor = disk.openSync(path, O_RDONLY);
  disk.fsyncSync(descriptor);
  disk.closeSync(descriptor);
}

const read = (path: string) => (disk: ProcessDisk) =>
  disk.existsSync(path) ? disk.readFileSync(path, "latin1") : undefined;

/** All that a loss of power after these calls may leave, as `look` sees it. */
function outcomes<T>(act: (disk: ProcessDisk) => void, look: (disk: ProcessDisk) => T, crashes = CRASHES): Set<T> {
  const seen = new Set<T>();
  for (let seed = 0; seed < crashes; seed += 1) {
    const disk = machine(seed);
    act(disk.forProcess({ pid: 1 }));
    disk.crash(new Random(seed));
    seen.add(look(disk.forProcess({ pid: 1 })));
  }
  return seen;
}

const isTorn = (text: string | undefined) => text !== undefined && ![OLD, NEW].includes(text) && !NEW.startsWith(text);

describe("of a new file, a loss of power leaves", () => {
  test("anything, if nothing was synced", () => {
    const left = outcomes((disk) => write(disk, "/d/new", NEW), read("/d/new"));
    for (const each of [undefined, "", NEW, NEW.slice(0, 5)]) expect(left).toContain(each);
    expect([...left].some(isTorn)).toBe(true);
  });

  test("all or nothing, if its contents were synced and its name was not", () => {
    const act = (disk: ProcessDisk) => disk.fsyncSync(write(disk, "/d/new", NEW));
    expect(outcomes(act, read("/d/new"))).toEqual(new Set([undefined, NEW]));
  });

  test("a name with anything behind it, if its name was synced and its contents were not", () => {
    const act = (disk: ProcessDisk) => {
      write(disk, "/d/new", NEW);
      sync(disk, "/d");
    };
    const left = outcomes(act, read("/d/new"));
    expect(left).not.toContain(undefined);
    for (const each of ["", NEW]) expect(left).toContain(each);
  });

  test("all of it, if both were synced", () => {
    const act = (disk: ProcessDisk) => {
      disk.fsyncSync(write(disk, "/d/new", NEW));
      sync(disk, "/d");
    };
    expect(outcomes(act, read("/d/new"))).toEqual(new Set([NEW]));
  });
});

describe("of a file that is replaced by a rename, a loss of power leaves", () => {
  const replace = ({ file, folder }: { file: boolean; folder: boolean }) =>
    outcomes((disk) => {
      const descriptor = write(disk, "/d/.tmp", NEW, O_EXCL);
      if (file) disk.fsyncSync(descriptor);
      disk.closeSync(descriptor);
      disk.renameSync("/d/.tmp", "/d/file");
      if (folder) sync(disk, "/d");
    }, read("/d/file"));

  test("an empty or a torn file, if it was not synced before", () => {
    const left = replace({ file: false, folder: true });
    expect(left).not.toContain(OLD);
    expect(left).toContain("");
    expect([...left].some(isTorn)).toBe(true);
  });

  test("the old or the new, if the folder was not synced after", () => {
    expect(replace({ file: true, folder: false })).toEqual(new Set([OLD, NEW]));
  });

  test("the new, if both were synced", () => {
    expect(replace({ file: true, folder: true })).toEqual(new Set([NEW]));
  });
});

describe("of a file that is changed in place, a loss of power leaves", () => {
  test("any mixture, if it was not synced", () => {
    const left = outcomes((disk) => write(disk, "/d/file", NEW), read("/d/file"));
    for (const each of [OLD, NEW, ""]) expect(left).toContain(each);
    expect(left).not.toContain(undefined);
  });

  test("all that was synced before the first change", () => {
    const left = outcomes((disk) => write(disk, "/d/file", NEW, O_APPEND), read("/d/file"));
    expect([...left].filter((text) => !text?.startsWith(OLD))).toEqual([]);
    for (const each of [OLD, OLD + NEW, `${OLD}what`]) expect(left).toContain(each);
  });

  test("the change, if it was synced", () => {
    expect(outcomes((disk) => disk.fsyncSync(write(disk, "/d/file", "x")), read("/d/file"))).toEqual(new Set(["x"]));
  });

  test("the old or the new, if its length stayed", () => {
    const other = "THE OLD CONTENTS";
    const left = outcomes((disk) => disk.writeSync(disk.openSync("/d/file", O_WRONLY), other), read("/d/file"));
    for (const each of [OLD, other, ""]) expect(left).toContain(each);
  });

  test("the old or the new length, if it was cut off", () => {
    const cut = (durable: boolean) => (disk: ProcessDisk) => {
      const file = disk.openSync("/d/file", O_WRONLY);
      disk.ftruncateSync(file, 3);
      if (durable) disk.fsyncSync(file);
    };
    expect(outcomes(cut(false), read("/d/file"))).toEqual(new Set([OLD, "the"]));
    expect(outcomes(cut(true), read("/d/file"))).toEqual(new Set(["the"]));
  });
});

describe("after an fsync that failed", () => {
  /** What a crash may leave of the file after `act`, whose first fsync fails. */
  const afterFailure = (act: (disk: ProcessDisk, file: number, fail: () => void) => void) => {
    const left = new Set<string | undefined>();
    for (let seed = 0; seed < CRASHES; seed += 1) {
      const disk = machine(seed);
      let broken = true;
      const onEffect = (effect: string): undefined => {
        if (effect === "fsync" && broken) throw new Error("EIO");
      };
      const process = disk.forProcess({ pid: 1, onEffect });
      const file = process.openSync("/d/file", O_WRONLY);
      act(process, file, () => {
        expect(() => process.fsyncSync(file)).toThrow("EIO");
        broken = false;
      });
      disk.crash(new Random(seed));
      left.add(read("/d/file")(disk.forProcess({ pid: 1 })));
    }
    return left;
  };

  test("a second one succeeds, and the contents are not durable", () => {
    const left = afterFailure((disk, file, fail) => {
      disk.writeSync(file, NEW);
      fail();
      disk.fsyncSync(file);
    });
    for (const each of [OLD, NEW, ""]) expect(left).toContain(each);
  });

  test("a second one makes durable what was written anew", () => {
    const left = afterFailure((disk, file, fail) => {
      disk.writeSync(file, NEW);
      fail();
      disk.ftruncateSync(file, 0);
      disk.writeSync(file, "anew", 0);
      disk.fsyncSync(file);
    });
    expect(left).toEqual(new Set(["anew"]));
  });

  test("a second one makes durable what was written since, if there was nothing to write before", () => {
    const left = afterFailure((disk, file, fail) => {
      fail();
      disk.writeSync(file, NEW);
      disk.fsyncSync(file);
    });
    expect(left).toEqual(new Set([NEW]));
  });

  test("and a crash, fsync does its work again", () => {
    const disk = machine(1);
    let broken = true;
    const onEffect = (effect: string): undefined => {
      if (effect === "fsync" && broken) throw new Error("EIO");
    };
    const before = disk.forProcess({ pid: 1, onEffect });
    const file = before.openSync("/d/file", O_WRONLY);
    before.writeSync(file, NEW);
    expect(() => before.fsyncSync(file)).toThrow("EIO");
    broken = false;
    for (let seed = 0; seed < 20; seed += 1) {
      disk.crash(new Random(seed));
      const process = disk.forProcess({ pid: 1 });
      const again = process.openSync("/d/file", O_WRONLY);
      process.writeSync(again, `turn ${seed}, ${NEW}`);
      process.fsyncSync(again);
      disk.crash(new Random(seed));
      expect(read("/d/file")(disk.forProcess({ pid: 1 }))).toStartWith(`turn ${seed}, ${NEW}`);
    }
  });
});

describe("of the names in a folder, a loss of power leaves", () => {
  const names = (path: string) => (disk: ProcessDisk) => disk.readdirSync(path).sort().join(" ");

  test("the changes up to some moment, in their order", () => {
    const act = (disk: ProcessDisk) => {
      for (const name of ["a", "b"]) write(disk, `/d/${name}`, "");
      disk.renameSync("/d/file", "/d/c");
      disk.unlinkSync("/d/a");
    };
    expect(outcomes(act, names("/d"))).toEqual(new Set(["file", "a file", "a b file", "a b c", "b c"]));
  });

  test("all of them, if it was synced after the last", () => {
    const act = (disk: ProcessDisk) => {
      write(disk, "/d/a", "");
      disk.unlinkSync("/d/file");
      sync(disk, "/d");
    };
    expect(outcomes(act, names("/d"))).toEqual(new Set(["a"]));
  });

  test("one or the other, whatever another folder keeps", () => {
    const act = (disk: ProcessDisk) => {
      disk.unlinkSync("/d/file");
      write(disk, "/e/new", "");
    };
    const both = (disk: ProcessDisk) => `${names("/d")(disk)},${names("/e")(disk)}`;
    expect(outcomes(act, both)).toEqual(new Set(["file,", "file,new", ",", ",new"]));
  });

  test("a file that was moved to another in both or in either, and never nowhere", () => {
    const both = (disk: ProcessDisk) => `${read("/d/file")(disk)}, ${read("/e/file")(disk)}`;
    expect(outcomes((disk) => disk.renameSync("/d/file", "/e/file"), both)).toEqual(
      new Set([`${OLD}, undefined`, `undefined, ${OLD}`, `${OLD}, ${OLD}`]),
    );
  });

  test("a folder that was moved to another in one of the two places", () => {
    const act = (disk: ProcessDisk) => disk.renameSync("/d", "/e/d");
    const both = (disk: ProcessDisk) => `${read("/d/file")(disk)}, ${read("/e/d/file")(disk)}`;
    expect(outcomes(act, both)).toEqual(new Set([`${OLD}, undefined`, `undefined, ${OLD}`]));
  });

  test("a folder that was moved to another where it then is, for good", () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const disk = machine(seed);
      disk.forProcess({ pid: 1 }).renameSync("/d", "/e/d");
      disk.crash(new Random(seed));
      const process = disk.forProcess({ pid: 1 });
      if (process.existsSync("/d")) process.renameSync("/d", "/e/moved");
      const there = process.readdirSync("/e");
      disk.sync();
      disk.crash(new Random(seed));
      expect(disk.forProcess({ pid: 1 }).readdirSync("/e")).toEqual(there);
    }
  });

  test("two folders that were moved into each other no circle", () => {
    const act = (disk: ProcessDisk) => {
      disk.renameSync("/d", "/e/d");
      disk.renameSync("/e/d", "/d");
      disk.renameSync("/e", "/d/e");
    };
    const walk = (disk: ProcessDisk, path = ""): number =>
      disk
        .readdirSync(path || "/", { withFileTypes: true })
        .reduce((sum, entry) => sum + 1 + (entry.isDirectory() ? walk(disk, `${path}/${entry.name}`) : 0), 0);
    for (const entries of outcomes(act, walk)) expect(entries).toBeLessThan(4);
  });

  test("nothing of a new folder whose own name was not synced, whatever was synced in it", () => {
    const act = (disk: ProcessDisk) => {
      disk.mkdirSync("/new");
      disk.fsyncSync(write(disk, "/new/file", NEW));
      sync(disk, "/new");
    };
    expect(outcomes(act, read("/new/file"))).toEqual(new Set([undefined, NEW]));
  });

  test("a link's old target or its new one", () => {
    const target = (disk: ProcessDisk) => disk.readlinkSync("/e/current");
    const act = (durable: boolean) => (disk: ProcessDisk) => {
      disk.symlinkSync("genesis", "/e/current");
      sync(disk, "/e");
      disk.symlinkSync("upgrades/v2", "/e/.tmp");
      disk.renameSync("/e/.tmp", "/e/current");
      if (durable) sync(disk, "/e");
    };
    expect(outcomes(act(false), target)).toEqual(new Set(["genesis", "upgrades/v2"]));
    expect(outcomes(act(true), target)).toEqual(new Set(["upgrades/v2"]));
  });

  test("what was changed long ago, though nobody asked for it", () => {
    const act = (disk: ProcessDisk) => {
      for (let turn = 0; turn < 300; turn += 1) disk.closeSync(write(disk, `/d/${turn}`, ""));
    };
    const early = (disk: ProcessDisk) => `${disk.existsSync("/d/0")} ${disk.existsSync("/d/200")}`;
    expect(outcomes(act, early, 40)).toEqual(new Set(["true true", "true false"]));
  });
});

describe("what a file is told by", () => {
  const identity = (disk: ProcessDisk, path: string) => {
    const { ino, size, mtimeNs, ctimeNs, mode } = disk.statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs} ${mode.toString(8)}`;
  };
  /** Whether a file that was written under another name, and renamed, is after a crash what it was before. */
  const kept = (fileSynced: boolean) => {
    const seen = new Set<string>();
    for (let seed = 0; seed < CRASHES; seed += 1) {
      const disk = machine(seed);
      const before = disk.forProcess({ pid: 1 });
      const file = write(before, "/d/.tmp", NEW);
      before.fchmodSync(file, 0o755);
      if (fileSynced) before.fsyncSync(file);
      before.renameSync("/d/.tmp", "/d/new");
      sync(before, "/d");
      const noted = identity(before, "/d/new");
      disk.crash(new Random(seed));
      const after = disk.forProcess({ pid: 1 });
      seen.add(`${identity(after, "/d/new") === noted} ${read("/d/new")(after) === NEW}`);
    }
    return seen;
  };

  test("is durable with its contents and its name", () => {
    expect(kept(true)).toEqual(new Set(["true true"]));
  });

  test("may stay the same while its contents are lost, if they were not synced", () => {
    expect(kept(false)).toContain("true false");
  });

  test("is durable as the last fsync found it, though its name was synced later", () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const disk = machine(seed);
      const before = disk.forProcess({ pid: 1 });
      before.renameSync("/d/file", "/d/new");
      before.chmodSync("/d/new", 0o700);
      sync(before, "/d/new");
      sync(before, "/d");
      const noted = identity(before, "/d/new");
      disk.crash(new Random(seed));
      expect(identity(disk.forProcess({ pid: 1 }), "/d/new")).toBe(noted);
    }
  });

  test("has the old or the new mode after a chmod that was not synced", () => {
    const mode = (disk: ProcessDisk) => disk.statSync("/d/file").mode & 0o777;
    expect(outcomes((disk) => disk.chmodSync("/d/file", 0o600), mode)).toEqual(new Set([0o644, 0o600]));
  });
});

/** Calls of any kind on a few names; what cannot be done is passed over. */
const DEEDS: Record<string, (disk: ProcessDisk, a: string, b: string) => void> = {
  write: (disk, a, b) => disk.closeSync(write(disk, a, b.repeat(9))),
  append: (disk, a, b) => disk.closeSync(write(disk, a, b, O_APPEND)),
  hold: (disk, a) => disk.openSync(a, O_RDONLY),
  truncate: (disk, a) => disk.ftruncateSync(disk.openSync(a, O_WRONLY), 3),
  sync: (disk, a) => sync(disk, a),
  "sync the root": (disk) => disk.fsyncSync(disk.openSync("/", O_RDONLY | O_DIRECTORY)),
  rename: (disk, a, b) => disk.renameSync(a, b),
  unlink: (disk, a) => disk.unlinkSync(a),
  mkdir: (disk, a) => disk.mkdirSync(a),
  rm: (disk, a) => disk.rmSync(a, { force: true, recursive: true }),
  symlink: (disk, a, b) => disk.symlinkSync(b, a),
  chmod: (disk, a) => disk.chmodSync(a, 0o700),
};

function inventory(disk: ProcessDisk, folder = ""): string[] {
  const names = disk.readdirSync(folder || "/").sort();
  return names.flatMap((name) => {
    const path = `${folder}/${name}`;
    const stat = disk.lstatSync(path, { bigint: true });
    const facts = `${path} ${stat.ino} ${stat.mode} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
    if (stat.isDirectory()) return [facts, ...inventory(disk, path)];
    return [`${facts} ${stat.isFile() ? disk.readFileSync(path, "latin1") : disk.readlinkSync(path)}`];
  });
}

const deed = fc.tuple(
  fc.constantFrom(...Object.keys(DEEDS), "crash", "kill", "sync all"),
  fc.constantFrom("/d", "/d/file", "/d/x", "/e", "/e/x", "/e/x/y", "/d/x/y"),
  fc.constantFrom("/d", "/d/file", "/d/x", "/e", "/e/x", "/e/x/y", "/d/x/y"),
);

test("after any calls, kills and crashes the disk is sound, and a crash of what is durable changes nothing", () => {
  const property = fc.property(fc.array(deed, { maxLength: 60, size: "max" }), fc.nat(), (deeds, seed) => {
    const disk = machine(seed);
    const chance = new Random(seed);
    let process = disk.forProcess({ pid: 1 });
    for (const [name, a, b] of deeds) {
      if (name === "crash") disk.crash(chance);
      if (name === "kill") disk.kill(1);
      if (name === "sync all") disk.sync();
      if (process.dead) process = disk.forProcess({ pid: 1 });
      try {
        DEEDS[name]?.(process, a, b);
      } catch (error) {
        if (!(error instanceof Error) || !("code" in error)) throw error;
      }
    }
    disk.kill(1);
    process = disk.forProcess({ pid: 1 });
    const found = inventory(process);
    // A file that half of a move has left in two folders is one file.
    const files = new Map(found.map((line) => [line.split(" ")[1], line.split(" ")]));
    const types = new Map<string, string>();
    for (const line of found) {
      const [, number = "", ...facts] = line.split(" ");
      expect(types.get(number) ?? facts.join()).toBe(facts.join());
      types.set(number, facts.join());
    }
    const sizes = [...files.values()].map(([, , mode, size]) => ((Number(mode) & 0o170000) === 0o100000 ? size : 0));
    expect(disk.used).toBe(sizes.reduce<number>((sum, size) => sum + Number(size), 0));

    disk.sync();
    disk.crash(chance);
    expect(inventory(disk.forProcess({ pid: 1 }))).toEqual(found);
  });
  fc.assert(property, { numRuns: 400, includeErrorInReport: true });
});

test("a seed leaves the same each time, and another seed something else", () => {
  const left = (seed: number) => {
    const disk = machine(1);
    const process = disk.forProcess({ pid: 1 });
    for (let turn = 0; turn < 30; turn += 1) write(process, `/d/${turn}`, NEW);
    disk.crash(new Random(seed));
    return inventory(disk.forProcess({ pid: 1 }));
  };
  expect(left(7)).toEqual(left(7));
  expect(left(7)).not.toEqual(left(8));
});
