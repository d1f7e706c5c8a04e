import { readdirSync, readFileSync } from "node:fs";

/** What the process table says (proc(5)); read here once more, so that nymvisor is not judged by its own reading. */

export interface Process {
  pid: number;
  parent: number;
  group: number;
  /** In clock ticks since boot: with the pid it tells a process from every other one. */
  startTime: number;
}

/** The process of that pid, if it lives; a zombie does not. */
export function readProcess(pid: number): Process | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The name stands in parentheses and may hold some itself.
  const [state, parent, group, ...others] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  return { pid, parent: Number(parent), group: Number(group), startTime: Number(others[16]) };
}

export function isStillAlive({ pid, startTime }: Process): boolean {
  return readProcess(pid)?.startTime === startTime;
}

/** The value that a variable had when the process was started; undefined without one, and once it has ended. */
export function variableOf(pid: number, name: string): string | undefined {
  let environment: string;
  try {
    environment = readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return undefined;
  }
  const prefix = `${name}=`;
  return environment
    .split("\0")
    .find((entry) => entry.startsWith(prefix))
    ?.slice(prefix.length);
}

export function allPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The processes that were started with that variable. */
export function processesWith(name: string, value: string): Process[] {
  return allPids()
    .filter((pid) => variableOf(pid, name) === value)
    .map(readProcess)
    .filter((process) => process !== undefined);
}

/** Sends a signal to that very process, if it lives. @returns whether it did. */
export function signalProcess(target: Process, signal: NodeJS.Signals): boolean {
  if (!isStillAlive(target)) return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch {
    // It has ended between the two.
    return false;
  }
}
