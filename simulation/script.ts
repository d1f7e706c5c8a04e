import type { ErrorCode } from "./disk.ts";
import { FILE_KINDS, type FileKind } from "./files.ts";
import { drawHealth, drawOldHealth, type Health } from "./health.ts";
import type { Program } from "./program.ts";
import type { Random } from "./random.ts";

/** Where in the work of a process something strikes: at its so-and-so-manieth effect on files of a kind (null: any). */
export interface Aim {
  on: FileKind | null;
  skip: number;
  moment: "before" | "after";
}

export interface Release {
  name: string;
  version: string;
  program: Program;
  /** Whether what is served has the checksum that is announced. */
  honest: boolean;
  /** Seconds after the announcement, by the wall clock. */
  dueIn: number;
  describesBuild: boolean;
}

/** What is done to a world from outside, and when; `at` is in seconds. */
export type Action = { at: number } & (
  | { kind: "announce"; release: Release }
  | { kind: "add"; node: number; name: string; program: Program; dueIn: number }
  | {
      kind: "edit";
      edit: "retime" | "withdraw" | "garbage" | "rewrite";
      which: number;
      seconds: number;
      inPlace: boolean;
    }
  | { kind: "set-clock"; hours: number }
  | { kind: "power"; aim: Aim | null }
  | { kind: "kill"; node: number; aim: Aim | null }
  | { kind: "terminate"; node: number; aim: Aim | null }
  | { kind: "reload"; node: number }
  | { kind: "pause"; node: number; seconds: number; aim: Aim | null }
  | { kind: "second-run"; node: number }
  | { kind: "errors"; code: ErrorCode; seconds: number; chance: number; on: FileKind | null }
  | { kind: "network"; mode: "fails" | "stalls"; seconds: number }
  | { kind: "no-room"; seconds: number; forArchives: boolean }
  | { kind: "daemon-ends"; node: number; exitCode: number | null; signal: string | null }
  | { kind: "rival"; name: string; aim: Aim }
  | { kind: "tamper"; which: number }
  | { kind: "lose-info"; garbled: boolean }
  /** `nymvisor rollback`, typed and interrupted once the way back is ordered; `to`: null for the version before. */
  | { kind: "roll-back"; node: number; to: number | null; data: boolean }
  /** `nymvisor upgrade NAME --retry`, of what has failed. */
  | { kind: "retry"; node: number }
  /** `nymvisor hold`, and `nymvisor resume` some time later. */
  | { kind: "hold"; seconds: number }
  | { kind: "resume" }
);

/** How the nodes of a world are configured. */
interface Settings {
  restarts: boolean;
  /** Seconds that a new version is tried. */
  probation: number;
  /** How often it may die. */
  deaths: number;
  /** Homes are saved before upgrades. */
  backups: boolean;
  withoutData: boolean;
  /** A version that fails is gone back from by itself. */
  automatic: boolean;
}

/** A whole world, but for the chance within it, which follows from the seed. */
export interface Script {
  seed: string;
  nodes: number;
  /** Whether the box has room for copies of its homes, and not for their archives only. */
  roomForCopies: boolean;
  settings: Settings;
  /** Of the version that runs from the beginning. */
  oldHealth: Health;
  /** Seconds until the world calms down. */
  length: number;
  actions: readonly Action[];
}

/** Names that no upstream gives that means well; each would lead out of the folder of an upgrade. */
const HOSTILE_NAMES = ["../../nodes/n0/nymvisor", "../genesis", "..", ".hidden", "r1-1.1.0/bin", "genesis", "current"];

const ERRORS: readonly ErrorCode[] = ["ENOSPC", "EIO", "EROFS", "EACCES", "EMFILE"];

/** Draws the script of a world. */
export function writeScript(seed: string, random: Random, nodes?: number): Script {
  const count =
    nodes ??
    random.weighted([
      [5, 1],
      [4, 2],
      [2, 3],
    ]);
  const length = random.int(240, 1500);
  const actions: Action[] = [...releases(random.fork("releases"), length)];
  const faults = random.fork("faults");
  const most = faults.weighted([
    [1, 0],
    [3, 6],
    [4, 14],
    [2, 30],
  ]);
  for (let number = faults.int(0, most); number > 0; number -= 1) {
    const strike = fault(faults, count, length, number);
    actions.push(strike);
    // Recovery is where the next blow hurts.
    const blows = faults.chance(0.3) ? faults.int(1, 4) : 0;
    for (let blow = 1; blow <= blows; blow += 1) {
      const node = faults.int(0, count - 1);
      const next = faults.chance(0.5) ? ({ kind: "power" } as const) : ({ kind: "kill", node } as const);
      actions.push({ ...next, at: strike.at + faults.int(0, 30), aim: aim(faults) });
    }
  }
  const roomForCopies = random.fork("room").chance(0.8);
  const oldHealth = drawOldHealth(random.fork("old health"));
  const settings = drawSettings(random.fork("settings"));
  actions.push(...persons(random.fork("persons"), count, length));
  const inOrder = actions.toSorted((a, b) => a.at - b.at);
  return { seed, nodes: count, roomForCopies, settings, oldHealth, length, actions: inOrder };
}

function drawSettings(random: Random): Settings {
  return {
    restarts: random.chance(0.7),
    probation: random.pick([6, 20, 20, 45, 90]),
    deaths: random.int(1, 4),
    backups: random.chance(0.88),
    withoutData: random.chance(0.5),
    automatic: random.chance(0.88),
  };
}

/** What people type, other than what brings an upgrade. */
function persons(random: Random, nodes: number, length: number): Action[] {
  const count = random.weighted([
    [5, 0],
    [3, 2],
    [2, 5],
  ]);
  return Array.from({ length: count }, (): Action => {
    const at = random.int(30, length);
    const node = random.int(0, nodes - 1);
    switch (random.int(0, 5)) {
      case 0:
      case 1:
        return { at, kind: "roll-back", node, to: random.pick([null, null, 0, 1, 2]), data: random.chance(0.8) };
      case 2:
        return { at, kind: "hold", seconds: random.pick([5, 60, 300]) };
      case 3:
        return { at, kind: "resume" };
      default:
        return { at, kind: "retry", node };
    }
  });
}

/** A fault that strikes in the middle of an upgrade is worth more than ten that find a node at rest. */
export function aim(random: Random): Aim {
  const on = random.chance(0.75) ? random.pick(FILE_KINDS) : null;
  const skip = random.chance(0.5) ? random.int(0, 8) : random.int(0, 60);
  return { on, skip, moment: random.pick(["before", "after"]) };
}

function releases(random: Random, length: number): Action[] {
  const actions: Action[] = [];
  let minor = 0;
  for (let number = random.int(1, 5); number > 0; number -= 1) {
    const at = random.int(1, Math.floor(length * 0.9));
    const lower = random.chance(0.08);
    const same = random.chance(0.12);
    if (!lower && !same) minor += 1;
    const version = lower ? "0.9.0" : `1.${minor}.0`;
    const name = `r${number}-${version}`;
    const release: Release = {
      name,
      version,
      program: { version, build: `upstream-${number}`, health: drawHealth(random) },
      honest: random.chance(0.88),
      dueIn: random.pick([-3600, 0, 0, 5, 20, 90, 90, 3600]),
      describesBuild: random.chance(0.4),
    };
    actions.push({ at, kind: "announce", release });
    if (random.chance(0.25)) {
      const dueIn = random.pick([-60, 0, 30, 120]);
      actions.push({ at: at + random.int(1, 240), kind: "announce", release: { ...release, dueIn, honest: true } });
    }
    if (random.chance(0.12)) {
      // The very same bytes, by another name.
      const twin = { ...release, name: `r${number}t-${version}`, honest: true };
      actions.push({ at: at + random.int(1, 400), kind: "announce", release: twin });
    }
    if (random.chance(0.1)) {
      const other = { ...release, program: { version, build: `upstream-${number}b` } };
      actions.push({ at: at + random.int(1, 240), kind: "announce", release: other });
    }
  }
  if (random.chance(0.15)) {
    const name = random.pick(HOSTILE_NAMES);
    const program = { version: "9.0.0", build: "hostile" };
    const release = { name, version: "9.0.0", program, honest: true, dueIn: 0, describesBuild: false };
    actions.push({ at: random.int(1, length), kind: "announce", release });
  }
  for (
    let number = random.weighted([
      [3, 0],
      [3, 1],
      [2, 3],
    ]);
    number > 0;
    number -= 1
  ) {
    const version = random.chance(0.15) ? "0.8.0" : `1.${random.int(1, 6)}.${number}`;
    actions.push({
      at: random.int(1, length),
      kind: "add",
      node: random.int(0, 2),
      name: `a${number}-${version}`,
      program: { version, build: `operator-${number}`, health: drawHealth(random) },
      dueIn: random.pick([0, 0, 15, 60, 900]),
    });
  }
  return actions;
}

function fault(random: Random, nodes: number, length: number, number: number): Action {
  const at = random.int(0, length);
  const node = random.int(0, nodes - 1);
  const maybeAim = () => (random.chance(0.85) ? aim(random) : null);
  const kinds = [
    [16, "kill"],
    [12, "power"],
    [5, "terminate"],
    [3, "reload"],
    [5, "pause"],
    [3, "second-run"],
    [12, "errors"],
    [4, "network"],
    [2, "no-room"],
    [6, "daemon-ends"],
    [5, "edit"],
    [4, "set-clock"],
    [4, "rival"],
    [2, "tamper"],
    [2, "lose-info"],
  ] as const;
  const kind = random.weighted(kinds);
  switch (kind) {
    case "kill":
    case "terminate":
      return { at, kind, node, aim: maybeAim() };
    case "power":
      return { at, kind, aim: maybeAim() };
    case "reload":
    case "second-run":
      return { at, kind, node };
    case "pause":
      return { at, kind, node, seconds: random.pick([1, 5, 60]), aim: maybeAim() };
    case "errors": {
      const on = random.chance(0.6) ? random.pick(FILE_KINDS) : null;
      const chance = random.pick([0.05, 0.3, 1]);
      return { at, kind, code: random.pick(ERRORS), seconds: random.pick([2, 20, 120, 400]), chance, on };
    }
    case "network":
      return { at, kind, mode: random.pick(["fails", "stalls"]), seconds: random.int(5, 200) };
    case "no-room":
      return { at, kind, seconds: random.int(5, 200), forArchives: random.chance(0.5) };
    case "daemon-ends": {
      const signal = random.chance(0.4) ? random.pick(["SIGSEGV", "SIGKILL"]) : null;
      return { at, kind, node, exitCode: signal === null ? random.pick([0, 1, 101]) : null, signal };
    }
    case "edit": {
      const edit = random.pick(["retime", "withdraw", "garbage", "rewrite"] as const);
      return { at, kind, edit, which: random.int(0, 3), seconds: random.float() * 2, inPlace: random.chance(0.5) };
    }
    case "set-clock":
      return { at, kind, hours: random.pick([-26, -3, -1, 1, 2, 5]) };
    case "rival":
      return {
        at,
        kind,
        name: `rival-${number}`,
        aim: {
          on: random.pick(["plan", "plan", "history", "current", "announcement"]),
          skip: random.int(0, 6),
          moment: random.pick(["before", "after"]),
        },
      };
    case "tamper":
      return { at, kind, which: random.int(0, 3) };
    case "lose-info":
      return { at, kind, garbled: random.chance(0.5) };
  }
}
