import { expect, test } from "bun:test";
import { constants, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { SimulatedDisk } from "../../simulation/disk.ts";
import { Random } from "../../simulation/random.ts";
import { type Disk, type FileStat, nodeDisk } from "../../src/system/disk.ts";

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;

const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;

/** What a call works with: paths lie in the folder of the test, and `descriptor` is an open one, or one that never was. */
interface Place {
  disk: Disk;
  at(path: string): string;
  descriptor: number;
}

interface Step {
  say: string;
  /** Which of the open descriptors it is about. */
  which?: number;
  kind?: "open" | "close";
  call(place: Place): unknown;
}

/** Low enough to be looked up, high enough that no process of tests has it. */
const NEVER_OPEN = 9_999;

/**
 * Paths and links of a real disk: none may lead out of the folder of the test. So a path begins with a name and goes up
 * once at most, and no link leads to that folder itself or goes up.
 */
const name = fc.constantFrom("a", "b", "c");
const path = fc
  .tuple(
    name,
    fc.array(fc.oneof({ weight: 16, arbitrary: name }, { weight: 1, arbitrary: fc.constantFrom(".", "..", "") }), {
      maxLength: 2,
    }),
    fc.constantFrom(...Array<string>(12).fill(""), "/"),
  )
  .filter(([, more]) => more.filter((part) => part === "..").length < 2)
  .map(([first, more, slash]) => [first, ...more].join("/") + slash);
/** For rm, which Bun begins with calls of its own where a path ends in anything but a name. */
const plainPath = path.filter((each) => /^[a-c](\/[a-c])*$/.test(each));
const target = fc.constantFrom("a", "b", "c", "a/b", "b/c", "c/", "ABSOLUTE/a", "nowhere");
const bytes = fc.uint8Array({ maxLength: 40 });
const position = fc.option(fc.nat(50), { nil: null });
/** Of the modes, none keeps its owner from anything: he may not be root. */
const fileMode = fc.constantFrom(0o600, 0o644, 0o666, 0o755);
const flags = fc
  .tuple(
    fc.constantFrom(O_RDONLY, O_WRONLY, O_RDWR),
    fc.subarray([O_CREAT, O_EXCL, O_NOFOLLOW, O_TRUNC, O_DIRECTORY, O_APPEND]),
  )
  .map(([access, more]) => more.reduce((all, flag) => all | flag, access))
  // What O_CREAT does to a folder differs from kernel to kernel, and O_EXCL without it means nothing.
  .filter((all) => (all & (O_CREAT | O_DIRECTORY)) !== (O_CREAT | O_DIRECTORY))
  .filter((all) => (all & O_EXCL) === 0 || (all & O_CREAT) !== 0);

const onPath = (say: string, call: (disk: Disk, path: string) => unknown, paths = path) =>
  paths.map((of): Step => ({ say: `${say} ${of}`, call: ({ disk, at }) => call(disk, at(of)) }));

const onPaths = (say: string, call: (disk: Disk, from: string, to: string) => unknown) =>
  fc
    .tuple(path, path)
    .map(([from, to]): Step => ({ say: `${say} ${from} ${to}`, call: ({ disk, at }) => call(disk, at(from), at(to)) }));

function onDescriptor<T>(
  say: string,
  argument: fc.Arbitrary<T>,
  call: (place: Place, argument: T) => unknown,
): fc.Arbitrary<Step> {
  const step = ([which, value]: [number, T]): Step => ({
    say: `${say} #${which} ${JSON.stringify(value)}`,
    which,
    call: (place) => call(place, value),
  });
  return fc.tuple(fc.nat(6), argument).map(step);
}

const nothing = fc.constant(null);

const opening = fc.tuple(path, fc.oneof(flags, fc.constant(O_RDWR | O_CREAT), fc.constant(O_RDONLY)), fileMode).map(
  ([of, how, mode]): Step => ({
    say: `open ${of} 0${how.toString(8)} 0${mode.toString(8)}`,
    kind: "open",
    call: ({ disk, at }) => disk.openSync(at(of), how, mode),
  }),
);

const onDescriptors: fc.Arbitrary<Step>[] = [
  onDescriptor("close", nothing, ({ disk, descriptor }) => disk.closeSync(descriptor)).map((step) => ({
    ...step,
    kind: "close",
  })),
  onDescriptor("write", fc.tuple(bytes, position), ({ disk, descriptor }, [data, where]) =>
    disk.writeSync(descriptor, data, 0, data.length, where),
  ),
  onDescriptor("write a part of", bytes, ({ disk, descriptor }, data) =>
    disk.writeSync(descriptor, data, data.length >> 1, data.length >> 2),
  ),
  onDescriptor("write text", fc.tuple(fc.string({ maxLength: 9 }), position), ({ disk, descriptor }, [text, where]) =>
    disk.writeSync(descriptor, text, where),
  ),
  onDescriptor("read", fc.tuple(fc.integer({ min: 1, max: 30 }), position), ({ disk, descriptor }, [length, where]) => {
    const into = new Uint8Array(40);
    return [disk.readSync(descriptor, into, 3, length, where), ...into];
  }),
  onDescriptor("ftruncate", fc.nat(60), ({ disk, descriptor }, size) => disk.ftruncateSync(descriptor, size)),
  onDescriptor("fstat", nothing, ({ disk, descriptor }) => facts(disk.fstatSync(descriptor))),
  onDescriptor("fstat, big", nothing, ({ disk, descriptor }) => disk.fstatSync(descriptor, { bigint: true }).mode),
  // A real one that succeeds takes milliseconds and tells nothing.
  onDescriptor("fsync", nothing, ({ disk }) => disk.fsyncSync(NEVER_OPEN)),
  onDescriptor("fchmod", fc.constant(0o700), ({ disk, descriptor }, mode) => disk.fchmodSync(descriptor, mode)),
  onDescriptor("fchown", nothing, ({ disk, descriptor }) => disk.fchownSync(descriptor, uid, gid)),
  onDescriptor("flock", nothing, ({ disk, descriptor }) =>
    descriptor === NEVER_OPEN ? null : disk.tryExclusiveLock(descriptor),
  ),
  onDescriptor("compare with", path, ({ disk, descriptor, at }, of) => {
    const there = disk.statSync(at(of), { throwIfNoEntry: false });
    return there?.ino === disk.fstatSync(descriptor).ino;
  }),
];

const onNames: fc.Arbitrary<Step>[] = [
  onPath("readFile", (disk, of) => [...disk.readFileSync(of)]),
  onPath("readFile, as text", (disk, of) => disk.readFileSync(of, "latin1")),
  onPath("readlink", (disk, of) => disk.readlinkSync(of)),
  onPath("realpath", (disk, of) => disk.realpathSync(of)),
  onPath("lstat", (disk, of) => facts(disk.lstatSync(of))),
  onPath("lstat, if there", (disk, of) => facts(disk.lstatSync(of, { throwIfNoEntry: false }))),
  onPath("stat", (disk, of) => facts(disk.statSync(of))),
  onPath("stat, if there", (disk, of) => facts(disk.statSync(of, { throwIfNoEntry: false }))),
  onPath("stat, big", (disk, of) => disk.statSync(of, { bigint: true }).mode),
  onPath("exists", (disk, of) => disk.existsSync(of)),
  onPath("access", (disk, of) => void disk.accessSync(of, constants.X_OK)),
  onPath("statfs", (disk, of) => disk.statfsSync(of).bsize > 0),
  onPath("readdir", (disk, of) => disk.readdirSync(of).sort()),
  onPath("readdir, with types", (disk, of) =>
    disk
      .readdirSync(of, { withFileTypes: true })
      .map((entry) => `${entry.name}: ${kindOf(entry)}`)
      .sort(),
  ),
  onPath("mkdir", (disk, of) => disk.mkdirSync(of)),
  onPath("mkdir, private", (disk, of) => disk.mkdirSync(of, { mode: 0o700 })),
  onPath("chmod", (disk, of) => disk.chmodSync(of, 0o711)),
  onPath("lchown", (disk, of) => disk.lchownSync(of, uid, gid)),
  onPath("unlink", (disk, of) => disk.unlinkSync(of)),
  onPath("rmdir", (disk, of) => disk.rmdirSync(of)),
  onPath("rm", (disk, of) => disk.rmSync(of, { force: true, recursive: true }), plainPath),
  onPaths("rename", (disk, from, to) => disk.renameSync(from, to)),
  onPaths("copy", (disk, from, to) => disk.copyFileSync(from, to)),
  onPaths("copy, only if new,", (disk, from, to) => disk.copyFileSync(from, to, constants.COPYFILE_EXCL)),
  fc.tuple(target, path).map(
    ([to, of]): Step => ({
      say: `symlink ${to} ${of}`,
      call: ({ disk, at }) => disk.symlinkSync(to.replace("ABSOLUTE/", at("")), at(of)),
    }),
  ),
];

const step = fc
  .oneof({ weight: 5, arbitrary: opening }, ...[...onDescriptors, ...onNames])
  .map((each) => ({ ...each, [fc.toStringMethod]: () => each.say }));

function kindOf(entry: Pick<FileStat, "isFile" | "isDirectory" | "isSymbolicLink">): string {
  return `${entry.isFile() ? "file" : ""}${entry.isDirectory() ? "folder" : ""}${entry.isSymbolicLink() ? "link" : ""}`;
}

function facts(stat: FileStat | undefined): unknown {
  if (stat === undefined) return undefined;
  const { mode, uid, gid } = stat;
  // How much a folder holds is the file system's own affair.
  return { kind: kindOf(stat), mode: mode.toString(8), uid, gid, size: stat.isDirectory() ? "any" : stat.size };
}

/** What a call returned or threw, with all that node:fs says of an error. */
function outcome(call: () => unknown): { returned?: unknown; code?: string | undefined } {
  try {
    return { returned: call() };
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error;
    const { name, message, code, errno, syscall, path, dest } = error as NodeJS.ErrnoException & { dest?: string };
    return { code, ...{ name, message, errno, syscall, path, dest } };
  }
}

/** Everything in a folder. */
function tree(disk: Disk, folder: string): unknown[] {
  return disk
    .readdirSync(folder)
    .sort()
    .map((entry) => {
      const path = `${folder}/${entry}`;
      const stat = disk.lstatSync(path);
      if (stat.isDirectory()) return [entry, facts(stat), tree(disk, path)];
      return [entry, facts(stat), stat.isSymbolicLink() ? disk.readlinkSync(path) : disk.readFileSync(path, "latin1")];
    });
}

/** Does the same on both disks, and compares what comes of each step and what is left at the end. */
function compare(steps: readonly Step[], root: string, seen: Set<string>): void {
  const machine = new SimulatedDisk({ random: new Random("as real"), now: () => 0n });
  machine.plant(root);
  const simulated = machine.forProcess({ pid: 1, uid, gid, umask: process.umask() });
  const at = (path: string) => `${root}/${path}`;
  const open: { real: number; simulated: number }[] = [];
  const beginning: Step[] = [
    ...["a", "a/b", "b"].map((of): Step => ({ say: "begin", call: ({ disk }) => disk.mkdirSync(at(of)) })),
    { say: "begin", call: ({ disk }) => disk.symlinkSync(at("a/b"), at("b/c")) },
    ...["c", "a/c", "a/b/a", "c"].map(
      (of): Step => ({ say: "begin", kind: "open", call: ({ disk }) => disk.openSync(at(of), O_RDWR | O_CREAT) }),
    ),
  ];
  try {
    for (const { say, which, kind, call } of [...beginning, ...steps]) {
      const pair = which === undefined ? undefined : open[which];
      const real = outcome(() => call({ disk: nodeDisk, at, descriptor: pair?.real ?? NEVER_OPEN }));
      const copy = outcome(() => call({ disk: simulated, at, descriptor: pair?.simulated ?? NEVER_OPEN }));
      if (kind === "open" && typeof real.returned === "number" && typeof copy.returned === "number") {
        open.push({ real: real.returned, simulated: copy.returned });
      } else {
        expect([say, copy]).toEqual([say, real]);
      }
      if (kind === "close" && pair !== undefined) open.splice(open.indexOf(pair), 1);
      seen.add(`${say.split(" ")[0]} ${real.code ?? "done"}`);
    }
    expect(tree(simulated, root)).toEqual(tree(nodeDisk, root));
  } finally {
    for (const { real } of open) nodeDisk.closeSync(real);
  }
}

/** A folder of a test's own, two folders deep: should a path lead out after all, nobody else's files lie there. */
function inFolder(act: (folder: string) => void): void {
  const outer = mkdtempSync(join(realpathSync(tmpdir()), "nymvisor-disk-"));
  try {
    mkdirSync(`${outer}/inner/root`, { recursive: true });
    act(`${outer}/inner/root`);
  } finally {
    rmSync(outer, { recursive: true, force: true });
  }
}

/** With it every kind of call succeeds at least once; others now and then leave one out. */
const SEEN_TO_DO_ALL = 20261121;

test("any calls have the results and errors on the simulated disk that they have on a real one", () => {
  const seen = new Set<string>();
  const property = fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: "max" }), (steps) => {
    inFolder((root) => compare(steps, root, seen));
  });
  fc.assert(property, { numRuns: 120, includeErrorInReport: true, seed: SEEN_TO_DO_ALL });
  // The steps are of no use if all of them fail.
  for (const call of ["open", "write", "rename", "unlink", "mkdir", "rm", "copy", "symlink", "readlink"]) {
    expect(seen).toContain(`${call} done`);
  }
  fc.assert(property, { numRuns: 60, includeErrorInReport: true });
});

/** `#0` is open on `c`. */
const CORNERS: Record<string, readonly ((place: Place) => unknown)[]> = {
  "a gap after what was cut off": [
    ({ disk, descriptor }) => disk.writeSync(descriptor, "0123456789"),
    ({ disk, descriptor }) => disk.ftruncateSync(descriptor, 3),
    ({ disk, descriptor }) => disk.writeSync(descriptor, "x", 6),
    ({ disk, descriptor }) => disk.ftruncateSync(descriptor, 4),
    ({ disk, descriptor }) => disk.ftruncateSync(descriptor, 9),
  ],
  "the position after a truncation": [
    ({ disk, descriptor }) => disk.writeSync(descriptor, "0123456789"),
    ({ disk, descriptor }) => disk.ftruncateSync(descriptor, 0),
    ({ disk, descriptor }) => disk.writeSync(descriptor, "x"),
  ],
  "a folder that was moved": [
    ({ disk, at }) => disk.renameSync(at("a/b"), at("b/moved")),
    ({ disk, at }) => disk.realpathSync(at("b/moved/a")),
    ({ disk, at }) => disk.readdirSync(at("b/moved/..")).sort(),
    ({ disk, at }) => disk.renameSync(at("b"), at("b/moved/b")),
    ({ disk, at }) => disk.renameSync(at("a"), at("b/moved/x")),
    ({ disk, at }) => disk.readdirSync(at("b/moved/x")),
  ],
  "a move onto what it lies in": [
    ({ disk, at }) => disk.renameSync(at("a/c"), at("a")),
    ({ disk, at }) => disk.renameSync(at("a/b"), at("a")),
    ({ disk, at }) => disk.renameSync(at("a"), at("a")),
    ({ disk, at }) => disk.renameSync(at("c"), at("a")),
    ({ disk, at }) => disk.renameSync(at("a"), at("c")),
  ],
  "as many links as may be followed, and one more": [
    ({ disk, at }) => disk.symlinkSync("c", at("link 1")),
    ...Array.from({ length: 40 }, (_, index) => ({ disk, at }: Place) => {
      disk.symlinkSync(`link ${index + 1}`, at(`link ${index + 2}`));
    }),
    ({ disk, at }) => disk.readFileSync(at("link 40"), "utf8"),
    ({ disk, at }) => disk.readFileSync(at("link 41"), "utf8"),
  ],
  "names and paths that are too long": [
    ({ disk, at }) => disk.existsSync(at("n".repeat(256))),
    ({ disk, at }) => disk.mkdirSync(at("n".repeat(256))),
    ({ disk, at }) => disk.mkdirSync(at("ü".repeat(128))),
    ({ disk, at }) => disk.mkdirSync(at("ü".repeat(127))),
  ],
  "a link that is exchanged between two looks": [
    ({ disk, at }) => disk.symlinkSync("a", at("current")),
    ({ disk, at }) => disk.existsSync(at("current/b/a")),
    ({ disk, at }) => disk.symlinkSync("b", at("next")),
    ({ disk, at }) => disk.renameSync(at("next"), at("current")),
    ({ disk, at }) => disk.existsSync(at("current/b/a")),
    ({ disk, at }) => disk.unlinkSync(at("current")),
    ({ disk, at }) => disk.existsSync(at("current/c")),
  ],
};

test.each(Object.entries(CORNERS))("%s: as on a real disk", (say, calls) => {
  inFolder((root) =>
    compare(
      calls.map((call) => ({ say, which: 0, call })),
      root,
      new Set(),
    ),
  );
});
