import { readdirSync, readFileSync } from "node:fs";

/** What the kernel accounts for one process (proc(5)). */

/** Clock ticks of utime and stime a second; 100 on every Linux that matters here (sysconf(3), _SC_CLK_TCK). */
const TICKS_A_SECOND = 100;

export function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kibibytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
  return { now: kibibytes("VmRSS") / 1024, peak: kibibytes("VmHWM") / 1024 };
}

/** Seconds of processor time that the process has used so far. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** Bytes that the process, and those of its children that have ended, have written to disks so far. */
export function bytesWrittenBy(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
}

/** The children that were started with this as their first word. */
export function childrenWith(word: string, pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" "))
    .filter((child) => child !== "" && commandLineOf(child)[1] === word)
    .map(Number);
}

function commandLineOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
