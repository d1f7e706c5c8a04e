import { readdirSync, readFileSync } from "node:fs";
import { errorCode } from "../model/errors.ts";

/** What /proc says of processes (proc(5)), and the one thing that is done to them. */

/**
 * A process, told apart from a later one with the same pid by its start time, and from one before a reboot by the boot
 * id (absent: this boot).
 */
export interface ProcessIdentity {
  pid: number;
  /** In clock ticks since boot: field 22 of /proc/<pid>/stat. */
  startTime: number;
  bootId?: string | undefined;
}

/** The kernel's view, which a simulation can take the place of. */
export interface ProcessTable {
  /** Of this process. */
  ownPid(): number;
  /** Made anew by the kernel at each boot. */
  bootId(): string;
  pids(): number[];
  /** Undefined if there is no such process. */
  stat(pid: number): { state: string; group: number; startTime: number } | undefined;
  /** The environment at the process's start, `NAME=value` and NUL over and over; undefined where it may not be read. */
  environment(pid: number): Uint8Array | undefined;
  /** kill(2). @throws with the code ESRCH if there is no such process. */
  signal(pid: number, name: NodeJS.Signals): void;
}

let bootIdOfKernel: string | undefined;

export const kernelTable: ProcessTable = {
  ownPid: () => process.pid,
  bootId() {
    bootIdOfKernel ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return bootIdOfKernel;
  },
  pids: () =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number),
  stat(pid) {
    const text = readIfThere(`/proc/${pid}/stat`)?.toString("latin1");
    if (text === undefined) return undefined;
    // The second field is the command in parentheses and may itself hold spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "X", group: Number(fields[2]), startTime: Number(fields[19]) };
  },
  environment: (pid) => readIfThere(`/proc/${pid}/environ`),
  signal: (pid, name) => void process.kill(pid, name),
};

/** It may have ended meanwhile, or belong to another user: neither can be a daemon of ours. */
function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

let provide: (() => ProcessTable) | undefined;

/** For simulations: from now on the table is the one that `provider` returns at each call; undefined: the kernel's. */
export function useProcessTable(provider: (() => ProcessTable) | undefined): void {
  provide = provider;
}

const table = (): ProcessTable => provide?.() ?? kernelTable;

/** Whether that very process still runs; a zombie does not. */
export function isAlive({ pid, startTime, bootId: itsBoot }: ProcessIdentity): boolean {
  if (itsBoot !== undefined && itsBoot !== bootId()) return false;
  const stat = table().stat(pid);
  return stat !== undefined && stat.startTime === startTime && !isDead(stat);
}

function isDead({ state }: { state: string }): boolean {
  return state === "Z" || state === "X";
}

/** The identity of a running process, or undefined if there is none with that pid. */
export function identify(pid: number): Required<ProcessIdentity> | undefined {
  const stat = table().stat(pid);
  return stat === undefined ? undefined : { pid, startTime: stat.startTime, bootId: bootId() };
}

export function bootId(): string {
  return table().bootId();
}

export function self(): Required<ProcessIdentity> {
  const pid = table().ownPid();
  return identify(pid) ?? { pid, startTime: 0, bootId: bootId() };
}

/** The processes of this user whose environment at their start held `NAME=value`. */
export function findByEnvironment(name: string, value: string): Required<ProcessIdentity>[] {
  const entry = Buffer.from(`\0${name}=${value}\0`);
  const holds = (pid: number) => {
    const environment = table().environment(pid);
    return environment !== undefined && Buffer.concat([Buffer.of(0), environment]).includes(entry);
  };
  const own = table().ownPid();
  return table()
    .pids()
    .filter((pid) => pid !== own && holds(pid))
    .flatMap((pid) => identify(pid) ?? [])
    .filter(isAlive);
}

/** Whether the process leads a process group of its own, as every daemon that nymvisor starts does. */
export function leadsGroup(pid: number): boolean {
  return table().stat(pid)?.group === pid;
}

/** The processes of a group that still run. Looks at every process there is. */
export function groupMembers(group: number): Required<ProcessIdentity>[] {
  return table()
    .pids()
    .filter((pid) => table().stat(pid)?.group === group)
    .flatMap((pid) => identify(pid) ?? [])
    .filter(isAlive);
}

/** Sends a signal; a process that is gone needs none. */
export function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    table().signal(pid, name);
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}
