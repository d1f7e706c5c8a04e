import { readdirSync, readFileSync } from "node:fs";

/** What /proc says of processes (proc(5)). */

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

interface Stat {
  state: string;
  startTime: number;
}

function readStat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "X", startTime: Number(fields[19]) };
}

/** Whether that very process still runs; a zombie does not. */
export function isAlive({ pid, startTime, bootId: itsBoot }: ProcessIdentity): boolean {
  if (itsBoot !== undefined && itsBoot !== bootId()) return false;
  const stat = readStat(pid);
  return stat !== undefined && stat.startTime === startTime && stat.state !== "Z" && stat.state !== "X";
}

/** The identity of a running process, or undefined if there is none with that pid. */
export function identify(pid: number): Required<ProcessIdentity> | undefined {
  const stat = readStat(pid);
  if (stat === undefined) return undefined;
  return { pid, startTime: stat.startTime, bootId: bootId() };
}

let knownBootId: string | undefined;

/** Made anew by the kernel at each boot. */
export function bootId(): string {
  knownBootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return knownBootId;
}

let knownSelf: Required<ProcessIdentity> | undefined;

export function self(): Required<ProcessIdentity> {
  knownSelf ??= identify(process.pid) ?? { pid: process.pid, startTime: 0, bootId: bootId() };
  return knownSelf;
}

/** The processes of this user whose environment at their start held `NAME=value`. */
export function findByEnvironment(name: string, value: string): Required<ProcessIdentity>[] {
  const entry = Buffer.from(`\0${name}=${value}\0`);
  const found: Required<ProcessIdentity>[] = [];
  for (const folder of readdirSync("/proc")) {
    if (!/^\d+$/.test(folder) || Number(folder) === process.pid) continue;
    let environment: Buffer;
    try {
      environment = readFileSync(`/proc/${folder}/environ`);
    } catch {
      // It has ended meanwhile, or belongs to another user: neither can be a daemon of ours.
      continue;
    }
    if (!Buffer.concat([Buffer.of(0), environment]).includes(entry)) continue;
    const process_ = identify(Number(folder));
    if (process_ !== undefined && isAlive(process_)) found.push(process_);
  }
  return found;
}

/** The pids in a process group (field 5 of stat) that still run. */
export function groupMembers(group: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/stat`, "latin1");
        const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
        return Number(fields[2]) === group && fields[0] !== "Z" && fields[0] !== "X";
      } catch {
        return false;
      }
    });
}
