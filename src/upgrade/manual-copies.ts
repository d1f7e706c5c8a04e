import { basename, join } from "node:path";
import { errorCode } from "../model/errors.ts";
import { formatStamp, type Instant } from "../model/instant.ts";
import type { Layout } from "../model/paths.ts";
import { sleep } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { makeFolderDurably } from "../system/durable.ts";
import { type Lock, tryLock } from "../system/lock.ts";

/**
 * Copies of a home that people's own backups are written from. Whoever makes one holds a lock in its folder until it is
 * removed, which the kernel gives back for whoever is killed: so one whose lock can be had is nobody's.
 */
const PREFIX = "manual-";

const lockOf = (copy: string) => join(copy, "maker.lock");

export const isManualCopy = (copy: string): boolean => basename(copy).startsWith(PREFIX);

const LOOK_AGAIN_MS = 5;

/** Makes the folder of a new copy and takes its lock. */
export async function claimManualCopy({ copies }: Layout, at: Instant): Promise<{ copy: string; lock: Lock }> {
  const copy = join(copies, `${PREFIX}${formatStamp(at)}`);
  for (;;) {
    makeFolderDurably(copies, { mode: 0o700 });
    makeFolderDurably(copy, { mode: 0o700 });
    // Until the lock is held it is nobody's, and may be removed.
    const lock = lockIn(copy, "backing the home up");
    if (lock !== undefined) return { copy, lock };
    await sleep(LOOK_AGAIN_MS);
  }
}

/**
 * Removes the copies whose makers were killed. @returns their folders.
 * @param discard removes one.
 */
export async function sweepManualCopies(
  { copies }: Layout,
  discard: (copy: string) => Promise<void>,
): Promise<string[]> {
  const swept: string[] = [];
  for (const copy of foldersIn(copies).filter(isManualCopy)) {
    const lock = lockIn(copy, "removing what is left of it");
    if (lock === undefined) continue;
    try {
      await discard(copy);
      swept.push(copy);
    } finally {
      lock.release();
    }
  }
  return swept;
}

/** Undefined: somebody has it, or the folder is gone. */
function lockIn(copy: string, purpose: string): Lock | undefined {
  try {
    return tryLock(lockOf(copy), purpose).lock ?? undefined;
  } catch (error) {
    if (!disk.existsSync(copy)) return undefined;
    throw error;
  }
}

function foldersIn(folder: string): string[] {
  try {
    return disk.readdirSync(folder).map((name) => join(folder, name));
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}
