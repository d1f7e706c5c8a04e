import { describe, expect, test } from "bun:test";
import { constants } from "node:fs";
import {
  type Effect,
  type ErrorCode,
  ProcessDied,
  type ProcessDisk,
  type ProcessHooks,
  SimulatedDisk,
  systemError,
} from "../../simulation/disk.ts";
import { Random } from "../../simulation/random.ts";
import { nodeDisk } from "../../src/system/disk.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;

function machine(capacity?: number): SimulatedDisk {
  let time = 0n;
  const limit = capacity === undefined ? {} : { capacity };
  const disk = new SimulatedDisk({ random: new Random("numbers"), now: () => (time += 1n), ...limit });
  disk.plant("/d/plan", "old");
  return disk;
}

/** As nymvisor writes a document. */
function replace(disk: ProcessDisk, path: string, text: string): void {
  const file = disk.openSync(`${path}.tmp`, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  disk.fchownSync(file, 1, 2);
  disk.writeSync(file, text);
  disk.fsyncSync(file);
  disk.closeSync(file);
  disk.renameSync(`${path}.tmp`, path);
  const folder = disk.openSync("/d", O_RDONLY | O_DIRECTORY);
  disk.fsyncSync(folder);
  disk.closeSync(folder);
}

const EFFECTS_OF_REPLACE = [
  "open /d/plan.tmp",
  "fchown /d/plan.tmp",
  "write /d/plan.tmp",
  "fsync /d/plan.tmp",
  "rename /d/plan.tmp -> /d/plan",
  "fsync /d",
];

const text = (disk: SimulatedDisk, path: string) => disk.forProcess({ pid: 99 }).readFileSync(path, "utf8");

const words = (effect: string, path: string, destination?: string) =>
  `${effect} ${path}${destination === undefined ? "" : ` -> ${destination}`}`;

describe("a hook", () => {
  test("is told of each effect before it and after it, in order", () => {
    const disk = machine();
    const told: string[] = [];
    const process = disk.forProcess({
      pid: 1,
      onEffect: (...effect) => {
        told.push(`before ${words(...effect)}`);
      },
      afterEffect: (...effect) => told.push(`after ${words(...effect)}`),
    });
    replace(process, "/d/plan", "new");
    expect(told).toEqual(EFFECTS_OF_REPLACE.flatMap((each) => [`before ${each}`, `after ${each}`]));
  });

  const look = (disk: ProcessDisk) => disk.openSync("/d/plan", O_RDONLY);
  test.each<[string, (disk: ProcessDisk) => void, string[]]>([
    ["mkdirSync", (disk) => disk.mkdirSync("/d/x"), ["mkdir /d/x"]],
    ["rmdirSync", (disk) => disk.rmdirSync("/d/folder"), ["rmdir /d/folder"]],
    ["unlinkSync", (disk) => disk.unlinkSync("/d/plan"), ["unlink /d/plan"]],
    ["symlinkSync", (disk) => disk.symlinkSync("to", "/d/x"), ["symlink to -> /d/x"]],
    ["chmodSync", (disk) => disk.chmodSync("/d/plan", 0o600), ["chmod /d/plan"]],
    ["lchownSync", (disk) => disk.lchownSync("/d/plan", 1, 1), ["lchown /d/plan"]],
    ["fchmodSync", (disk) => disk.fchmodSync(look(disk), 0o600), ["fchmod /d/plan"]],
    ["tryExclusiveLock", (disk) => disk.tryExclusiveLock(look(disk)), ["flock /d/plan"]],
    ["ftruncateSync", (disk) => disk.ftruncateSync(disk.openSync("/d/plan", O_RDWR), 0), ["ftruncate /d/plan"]],
    ["openSync to empty", (disk) => disk.openSync("/d/plan", O_WRONLY | O_TRUNC), ["open /d/plan"]],
    ["copyFileSync", (disk) => disk.copyFileSync("/d/plan", "/d/x"), ["copyfile /d/plan -> /d/x", "write /d/x"]],
    [
      "rmSync",
      (disk) => disk.rmSync("/d", { force: true, recursive: true }),
      ["unlink /d/plan", "rmdir /d/folder", "rmdir /d"],
    ],
    [
      "calls that only look",
      (disk) => {
        disk.closeSync(look(disk));
        disk.readFileSync("/d/plan");
        disk.statSync("/d");
      },
      [],
    ],
  ])("is told of what %s does", (_, act, effects) => {
    const disk = machine();
    disk.plant("/d/folder");
    const told: string[] = [];
    act(disk.forProcess({ pid: 1, afterEffect: (...effect) => told.push(words(...effect)) }));
    expect(told).toEqual(effects);
  });

  test("is told of each look", () => {
    const disk = machine();
    disk.forProcess({ pid: 1 }).symlinkSync("plan", "/d/link");
    const told: string[] = [];
    const process = disk.forProcess({ pid: 2, onLook: (...look) => told.push(words(...look)) });
    process.readSync(process.openSync("/d/plan", O_RDONLY), new Uint8Array(1), 0, 1, 0);
    process.readFileSync("/d/plan");
    process.statSync("/d/plan");
    process.lstatSync("/d/plan");
    process.readdirSync("/d");
    process.readlinkSync("/d/link");
    process.realpathSync("/d/link");
    process.accessSync("/d/plan", constants.R_OK);
    process.existsSync("/d/plan");
    process.statfsSync("/d");
    expect(told).toEqual([
      ...["open /d/plan", "read /d/plan", "open /d/plan", "stat /d/plan", "lstat /d/plan", "scandir /d"],
      ...["readlink /d/link", "lstat /d/link", "access /d/plan", "access /d/plan", "statfs /d"],
    ]);
  });

  const failing = (code: ErrorCode, at: Effect): ProcessHooks => ({
    onEffect: (effect, path, destination) => {
      if (effect === at) throw systemError(code, effect, path, destination);
    },
  });
  test.each<[ErrorCode, Effect, string]>([
    ["EMFILE", "open", "EMFILE: too many open files, open '/d/plan.tmp'"],
    ["ENOSPC", "write", "ENOSPC: no space left on device, write"],
    ["EIO", "fsync", "EIO: i/o error, fsync"],
    ["EROFS", "rename", "EROFS: read-only file system, rename '/d/plan.tmp' -> '/d/plan'"],
  ])("that throws %s at %s makes the call fail as node:fs fails, and change nothing", (code, at, message) => {
    const disk = machine();
    const process = disk.forProcess({ pid: 1, ...failing(code, at) });
    const error = expect(() => replace(process, "/d/plan", "new"));
    error.toThrow(expect.objectContaining({ message, code, syscall: at, name: "Error" }));
    expect(text(disk, "/d/plan")).toBe("old");
    expect(process.dead).toBe(false);
  });

  test("makes a look fail, and existsSync say no", () => {
    const onLook = (look: string, path: string) => {
      throw systemError("EACCES", look, path);
    };
    const process = machine().forProcess({ pid: 1, onLook });
    expect(() => process.readFileSync("/d/plan")).toThrow("EACCES: permission denied, open '/d/plan'");
    expect(process.existsSync("/d/plan")).toBe(false);
  });

  test("cuts a write short", () => {
    const disk = machine();
    const process = disk.forProcess({ pid: 1, onEffect: (effect) => (effect === "write" ? 2 : undefined) });
    const file = process.openSync("/d/plan", O_WRONLY | O_TRUNC);
    expect(process.writeSync(file, "12345")).toBe(2);
    expect(process.writeSync(file, "345")).toBe(2);
    expect(text(disk, "/d/plan")).toBe("1234");
  });

  test("may let other processes act meanwhile, and the call finds what they have left", () => {
    const disk = machine();
    const other = disk.forProcess({ pid: 2 });
    const onEffect = (effect: Effect): undefined => {
      if (effect === "unlink") replace(other, "/d/plan", "by another");
      if (effect === "mkdir") other.mkdirSync("/d/folder");
    };
    const process = disk.forProcess({ pid: 1, onEffect });
    process.unlinkSync("/d/plan");
    expect(other.existsSync("/d/plan")).toBe(false);
    expect(() => process.mkdirSync("/d/folder")).toThrow("EEXIST");
  });
});

describe("a process that dies", () => {
  test.each(EFFECTS_OF_REPLACE.flatMap((_, index) => [[index, "before"] as const, [index, "after"] as const]))(
    "at effect %i, %s it, leaves what it has done until then",
    (index, moment) => {
      const disk = machine();
      let effects = 0;
      const done: string[] = [];
      const die = (which: "before" | "after", ...effect: [string, string, string?]): undefined => {
        if (which === "after") done.push(words(...effect));
        if (effects === index && which === moment) throw new ProcessDied(1);
        if (which === "after") effects += 1;
      };
      const process = disk.forProcess({
        pid: 1,
        onEffect: (...effect) => die("before", ...effect),
        afterEffect: (...effect) => die("after", ...effect),
      });
      expect(() => replace(process, "/d/plan", "new")).toThrow(ProcessDied);
      expect(process.dead).toBe(true);
      expect(done).toEqual(EFFECTS_OF_REPLACE.slice(0, moment === "before" ? index : index + 1));
      expect(text(disk, "/d/plan")).toBe(done.some((each) => each.startsWith("rename")) ? "new" : "old");
    },
  );

  const calls: Record<keyof typeof nodeDisk, (disk: ProcessDisk) => unknown> = {
    accessSync: (disk) => disk.accessSync("/d/plan", constants.R_OK),
    chmodSync: (disk) => disk.chmodSync("/d/plan", 0o600),
    closeSync: (disk) => disk.closeSync(3),
    copyFileSync: (disk) => disk.copyFileSync("/d/plan", "/d/x"),
    existsSync: (disk) => disk.existsSync("/d/plan"),
    fchmodSync: (disk) => disk.fchmodSync(3, 0o600),
    fchownSync: (disk) => disk.fchownSync(3, 0, 0),
    fstatSync: (disk) => disk.fstatSync(3),
    fsyncSync: (disk) => disk.fsyncSync(3),
    ftruncateSync: (disk) => disk.ftruncateSync(3, 0),
    lchownSync: (disk) => disk.lchownSync("/d/plan", 0, 0),
    lstatSync: (disk) => disk.lstatSync("/d/plan", { throwIfNoEntry: false }),
    mkdirSync: (disk) => disk.mkdirSync("/d/x"),
    openSync: (disk) => disk.openSync("/d/plan", O_RDONLY),
    readdirSync: (disk) => disk.readdirSync("/d"),
    readFileSync: (disk) => disk.readFileSync("/d/plan"),
    readlinkSync: (disk) => disk.readlinkSync("/d/plan"),
    readSync: (disk) => disk.readSync(3, new Uint8Array(1), 0, 1, 0),
    realpathSync: (disk) => disk.realpathSync("/d/plan"),
    renameSync: (disk) => disk.renameSync("/d/plan", "/d/x"),
    rmdirSync: (disk) => disk.rmdirSync("/d"),
    rmSync: (disk) => disk.rmSync("/d/none", { force: true }),
    statfsSync: (disk) => disk.statfsSync("/d"),
    statSync: (disk) => disk.statSync("/d/none", { throwIfNoEntry: false }),
    symlinkSync: (disk) => disk.symlinkSync("x", "/d/x"),
    tryExclusiveLock: (disk) => disk.tryExclusiveLock(3),
    unlinkSync: (disk) => disk.unlinkSync("/d/plan"),
    writeSync: (disk) => disk.writeSync(3, "x"),
  };
  test.each(Object.keys(nodeDisk) as (keyof typeof nodeDisk)[])("can no longer call %s", (name) => {
    const disk = machine();
    const process = disk.forProcess({ pid: 1 });
    process.openSync("/d/plan", O_RDWR);
    disk.kill(1);
    expect(() => calls[name](process)).toThrow(ProcessDied);
    expect(text(disk, "/d/plan")).toBe("old");
    expect(disk.forProcess({ pid: 1 }).readdirSync("/d")).toEqual(["plan"]);
  });

  test("keeps what it wrote in the cache for the others, until the power goes", () => {
    const disk = machine();
    const process = disk.forProcess({ pid: 1 });
    process.writeSync(process.openSync("/d/plan", O_WRONLY | O_TRUNC), "unsynced");
    disk.kill(1);
    expect(text(disk, "/d/plan")).toBe("unsynced");
  });

  test("dies with the machine, also in the middle of a call", () => {
    const disk = machine();
    const other = disk.forProcess({ pid: 2 });
    const process = disk.forProcess({
      pid: 1,
      onEffect: () => {
        disk.crash(new Random(1));
      },
    });
    expect(() => process.unlinkSync("/d/plan")).toThrow(ProcessDied);
    expect([process.dead, other.dead]).toEqual([true, true]);
    expect(text(disk, "/d/plan")).toBe("old");
  });

  test("makes way for another with its pid, and not before", () => {
    const disk = machine();
    disk.forProcess({ pid: 1 });
    expect(() => disk.forProcess({ pid: 1 })).toThrow("process 1 is alive");
    disk.kill(1);
    expect(disk.forProcess({ pid: 1 }).dead).toBe(false);
    disk.kill(1234);
  });
});

describe("a lock", () => {
  const locked = () => {
    const disk = machine();
    const [one, two] = [disk.forProcess({ pid: 1 }), disk.forProcess({ pid: 2 })];
    const [first, second] = [one.openSync("/d/plan", O_RDWR), two.openSync("/d/plan", O_RDWR)];
    expect(one.tryExclusiveLock(first)).toBe(true);
    expect(two.tryExclusiveLock(second)).toBe(false);
    return { disk, one, two, first, second };
  };

  test("is held until its descriptor is closed", () => {
    const { one, two, first, second } = locked();
    expect(one.tryExclusiveLock(first)).toBe(true);
    one.closeSync(first);
    expect(two.tryExclusiveLock(second)).toBe(true);
  });

  test("is given back by the death of its process, and by nothing that the others do", () => {
    const { disk, two, second } = locked();
    two.closeSync(second);
    const again = two.openSync("/d/plan", O_RDWR);
    expect(two.tryExclusiveLock(again)).toBe(false);
    disk.kill(1);
    expect(two.tryExclusiveLock(again)).toBe(true);
  });

  test("belongs to the open file: a second one of the same process does not have it", () => {
    const { one } = locked();
    expect(one.tryExclusiveLock(one.openSync("/d/plan", O_RDWR))).toBe(false);
  });

  test("is that of a file, not of a name", () => {
    const { one, two } = locked();
    one.unlinkSync("/d/plan");
    expect(two.tryExclusiveLock(two.openSync("/d/plan", O_RDWR | O_CREAT))).toBe(true);
  });

  test("does not outlive the power", () => {
    const { disk } = locked();
    disk.crash(new Random(1));
    const process = disk.forProcess({ pid: 3 });
    expect(process.tryExclusiveLock(process.openSync("/d/plan", O_RDONLY))).toBe(true);
  });
});

describe("a descriptor", () => {
  test("is the lowest that is free, and its own file under /proc", () => {
    const process = machine().forProcess({ pid: 1 });
    const open = () => process.openSync("/d/plan", O_RDWR);
    expect([open(), open(), open()]).toEqual([3, 4, 5]);
    process.closeSync(4);
    expect([open(), open()]).toEqual([4, 6]);
    process.unlinkSync("/d/plan");
    expect(process.readFileSync("/proc/self/fd/4", "utf8")).toBe("old");
    expect(() => process.readFileSync("/proc/self/fd/7")).toThrow();
    expect(() => process.readFileSync("/proc/1/stat")).toThrow("ENOENT: no such file or directory, open");
    expect(process.openPaths).toEqual(Array(4).fill("/d/plan"));
  });

  test("keeps the file that it was opened for, whatever happens to the name", () => {
    const process = machine().forProcess({ pid: 1 });
    const file = process.openSync("/d/plan", O_RDONLY);
    replace(process, "/d/plan", "new");
    const into = new Uint8Array(3);
    expect(process.readSync(file, into, 0, 3, 0)).toBe(3);
    expect(Buffer.from(into).toString()).toBe("old");
    expect(process.fstatSync(file).ino).not.toBe(process.statSync("/d/plan").ino);
  });
});

describe("a disk that is full", () => {
  test("takes a part, then nothing, and goes on when there is room", () => {
    const disk = machine(10);
    const process = disk.forProcess({ pid: 1 });
    const file = process.openSync("/d/new", O_WRONLY | O_CREAT);
    expect(process.writeSync(file, "123456789")).toBe(7);
    expect(disk.used).toBe(10);
    expect(() => process.writeSync(file, "89")).toThrow("ENOSPC: no space left on device, write");
    disk.capacity = 12;
    expect(process.writeSync(file, "89")).toBe(2);
    expect(text(disk, "/d/new")).toBe("123456789");
    expect(process.writeSync(file, "12", 0)).toBe(2);
  });

  test("has room again when the last name and the last descriptor of a file are gone", () => {
    const disk = machine(3);
    const process = disk.forProcess({ pid: 1 });
    process.openSync("/d/plan", O_RDONLY);
    process.unlinkSync("/d/plan");
    expect(disk.used).toBe(3);
    disk.kill(1);
    expect(disk.used).toBe(0);
  });

  test("leaves a part of a copy", () => {
    const disk = machine(5);
    const process = disk.forProcess({ pid: 1 });
    expect(() => process.copyFileSync("/d/plan", "/d/x")).toThrow(
      "ENOSPC: no space left on device, copyfile '/d/plan' -> '/d/x'",
    );
    expect(text(disk, "/d/x")).toBe("ol");
  });

  test("says what is free", () => {
    const disk = machine(1_000_003);
    const { bavail, bsize } = disk.forProcess({ pid: 1 }).statfsSync("/");
    expect(bavail * bsize).toBe(Math.floor(1_000_000 / bsize) * bsize);
    disk.capacity = 1;
    expect(disk.forProcess({ pid: 2 }).statfsSync("/").bavail).toBe(0);
  });
});

describe("what stat tells", () => {
  test.each<[string, (disk: ProcessDisk) => void, string]>([
    ["a write", (disk) => disk.writeSync(disk.openSync("/d/plan", O_WRONLY), "x"), "mtime ctime"],
    ["a write of nothing", (disk) => disk.writeSync(disk.openSync("/d/plan", O_WRONLY), ""), ""],
    ["emptying it", (disk) => disk.openSync("/d/plan", O_WRONLY | O_TRUNC), "mtime ctime size"],
    ["a chmod", (disk) => disk.chmodSync("/d/plan", 0o600), "ctime"],
    ["a chown", (disk) => disk.lchownSync("/d/plan", 1, 1), "ctime"],
    [
      "a rename",
      (disk) => {
        disk.renameSync("/d/plan", "/d/x");
        disk.renameSync("/d/x", "/d/plan");
      },
      "ctime",
    ],
    ["a replacement", (disk) => replace(disk, "/d/plan", "x"), "ino mtime ctime size"],
    ["a look", (disk) => disk.readFileSync("/d/plan"), ""],
    ["an fsync", (disk) => disk.fsyncSync(disk.openSync("/d/plan", O_RDONLY)), ""],
  ])("is changed by %s as on a real disk", (_, act, changed) => {
    const disk = machine();
    const process = disk.forProcess({ pid: 1 });
    const stat = () => {
      const { ino, mtimeNs: mtime, ctimeNs: ctime, size } = process.statSync("/d/plan", { bigint: true });
      return { ino, mtime, ctime, size };
    };
    const file = process.openSync("/d/plan", O_WRONLY);
    process.writeSync(file, "longer than what is written");
    const before = stat();
    act(process);
    const after = stat();
    const differing = (Object.keys(before) as (keyof typeof before)[]).filter((name) => before[name] !== after[name]);
    expect(differing.join(" ")).toBe(changed);
  });

  test("comes from the clock that the disk was given", () => {
    const disk = new SimulatedDisk({ random: new Random(1), now: () => 1_700_000_000_123_456_789n });
    disk.plant("/file", "");
    const { mtimeNs, ctimeNs } = disk.forProcess({ pid: 1 }).lstatSync("/file", { bigint: true });
    expect([mtimeNs, ctimeNs]).toEqual(Array(2).fill(1_700_000_000_123_456_789n));
  });

  test("may give the number of a file that is gone to a new one", () => {
    const process = machine().forProcess({ pid: 1 });
    const numbers = Array.from({ length: 100 }, () => {
      replace(process, "/d/plan", "new");
      return process.statSync("/d/plan").ino;
    });
    expect(new Set(numbers).size).toBeLessThan(90);
    expect(numbers.filter((number, index) => number === numbers[index - 1])).toEqual([]);
  });

  test("names the owner and the umask of the process", () => {
    const process = machine().forProcess({ pid: 1, uid: 7, gid: 8, umask: 0o077 });
    process.closeSync(process.openSync("/d/new", O_WRONLY | O_CREAT));
    const { uid, gid, mode } = process.statSync("/d/new");
    expect([uid, gid, mode.toString(8)]).toEqual([7, 8, "100600"]);
  });
});

test("a path that is not absolute is a mistake of the simulation", () => {
  expect(() => machine().forProcess({ pid: 1 }).existsSync("d/plan")).toThrow("absolute paths only");
});

test("many documents are written in little time", () => {
  const disk = machine();
  const process = disk.forProcess({ pid: 1, onEffect: () => undefined, afterEffect: () => undefined });
  const begin = performance.now();
  for (let turn = 0; turn < 20_000; turn += 1) replace(process, "/d/plan", "new");
  // Some 5 µs each; the limit leaves room for a machine that does ten other things.
  expect((performance.now() - begin) / 20_000).toBeLessThan(0.2);
});
