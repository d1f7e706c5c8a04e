import { readFileSync, statSync } from "node:fs";
import { errorCode } from "../../model/errors.ts";
import { deviceNumber } from "../../system/file-stat.ts";

/** `start-end rights offset major:minor inode path`, as proc(5) has it. */
const LINE = /^\S+ .w.s \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)\s*(.*)$/;

/** What /proc says of a process that has ended, or that belongs to somebody else. */
const NOT_TOLD: ReadonlySet<string> = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"]);

/**
 * `dev:ino` of each file that one of the processes has mapped so that stores reach it, for a `finish` soon after. The
 * copy does not depend on it: it is a second look at what the times of files already tell. So a process that has ended
 * meanwhile, or that may not be looked at, adds nothing.
 */
export function mappedShared(pids: readonly number[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const pid of pids) {
    for (const line of mapsOf(pid).split("\n")) {
      const [, major, minor, ino, path = ""] = LINE.exec(line) ?? [];
      if (major === undefined || minor === undefined || ino === undefined || ino === "0") continue;
      found.add(`${deviceNumber(BigInt(`0x${major}`), BigInt(`0x${minor}`))}:${ino}`);
      const identity = identityAt(path, BigInt(ino));
      if (identity !== undefined) found.add(identity);
    }
  }
  return found;
}

function mapsOf(pid: number): string {
  try {
    // The kernel has bytes there; a path is only used if it leads to the right inode.
    return readFileSync(`/proc/${pid}/maps`, "utf8");
  } catch (error) {
    if (NOT_TOLD.has(errorCode(error) ?? "")) return "";
    throw error;
  }
}

/** Btrfs tells stat(2) another device, that of the subvolume, than it tells here. */
function identityAt(path: string, ino: bigint): string | undefined {
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat?.ino === ino ? `${stat.dev}:${ino}` : undefined;
  } catch (error) {
    if (["EACCES", "EPERM", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "ENOENT"].includes(errorCode(error) ?? ""))
      return undefined;
    throw error;
  }
}
