import { constants } from "node:fs";
import { dirname } from "node:path";
import { errorCode, NymvisorError } from "../model/errors.ts";
import { monotonicMilliseconds, sleep } from "./clock.ts";
import { disk } from "./disk.ts";
import { explanation, giveToOwnerOf } from "./durable.ts";
import { self } from "./process-table.ts";

/**
 * Locks between processes: flock(2) on a file that is there only while it is held. The kernel ties the lock to the open
 * file, so a holder that is killed gives it back at once, or as soon as a child that it was just starting has become its
 * program; a holder that is stopped (SIGSTOP) keeps it, and nothing ever has to be judged stale by its age. The Rust
 * program locks `upgrade.lock` in the same way, so the two exclude each other.
 */

/** Who holds a lock: written into the file for people and error messages; the lock itself is the kernel's. */
export interface Holder {
  pid: number;
  startTime: number;
  purpose: string;
}

export interface Lock {
  path: string;
  /** Gives the lock back and removes its file, if it has one. May be called again. */
  release(): void;
}

/** @returns the lock, or who holds it (undefined: it cannot be told). */
export function tryLock(path: string, purpose: string): { lock: Lock } | { lock: null; holder: Holder | undefined } {
  for (;;) {
    const descriptor = openLockFile(path);
    if (!disk.tryExclusiveLock(descriptor)) {
      const holder = readHolder(descriptor);
      disk.closeSync(descriptor);
      return { lock: null, holder };
    }
    // The holder before us removes the file when it is done. What we locked may be that removed file; then another
    // process can lock a new one of the same name, so only the file that still has the name counts.
    const there = disk.statSync(path, { throwIfNoEntry: false });
    const ours = disk.fstatSync(descriptor);
    if (there === undefined || there.ino !== ours.ino || there.dev !== ours.dev) {
      disk.closeSync(descriptor);
      continue;
    }
    writeHolder(path, descriptor, purpose);
    return { lock: held(path, descriptor) };
  }
}

/** Locks a folder itself, which needs no room and no right to write. Only nymvisors know of such a lock. */
export function tryLockFolder(path: string): { lock: Lock } | { lock: null; holder: undefined } {
  const descriptor = disk.openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  if (disk.tryExclusiveLock(descriptor)) {
    let released = false;
    const release = () => {
      if (!released) disk.closeSync(descriptor);
      released = true;
    };
    return { lock: { path, release } };
  }
  disk.closeSync(descriptor);
  return { lock: null, holder: undefined };
}

/** For people, so a full disk is no reason to go without the lock. */
function writeHolder(path: string, descriptor: number, purpose: string): void {
  const { pid, startTime } = self();
  try {
    // Should root be killed while it holds it, the user that the service runs as must still be able to open it.
    giveToOwnerOf(dirname(path), (uid, gid) => disk.fchownSync(descriptor, uid, gid));
    disk.ftruncateSync(descriptor, 0);
    disk.writeSync(descriptor, `${JSON.stringify({ pid, startTime, purpose } satisfies Holder)}\n`, 0);
  } catch {}
}

function held(path: string, descriptor: number): Lock {
  let released = false;
  return {
    path,
    release() {
      if (released) return;
      released = true;
      try {
        disk.unlinkSync(path);
      } catch {
        // Somebody removed the folder under us, or the disk says no. The lock goes with the descriptor, and a file that
        // stays keeps nobody from taking it.
      } finally {
        disk.closeSync(descriptor);
      }
    },
  };
}

/** How often, and how many milliseconds apart, a leftover is looked at that another process is clearing away. */
const CLEARING_LOOKS = 200;
const CLEARING_PAUSE_MS = 5;

/**
 * Removes a lock's file that nobody holds: a holder that was killed could not.
 * @returns whether there was one; false too where it cannot be told, which whoever wants the lock is told then.
 */
export function sweepLock(path: string): boolean {
  if (!disk.existsSync(path)) return false;
  try {
    const { lock } = tryLock(path, "removing what is left of it");
    lock?.release();
    return lock !== null;
  } catch (error) {
    if (error instanceof NymvisorError) return false;
    throw error;
  }
}

function openLockFile(path: string): number {
  for (let look = 1; ; look += 1) {
    try {
      return disk.openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
    } catch (error) {
      // A folder or a link of this name is some other tool's leftover: no nymvisor makes one, so none holds it.
      const leftover = errorCode(error) === "EISDIR" || errorCode(error) === "ELOOP";
      if (leftover && (clearAway(path) || look < CLEARING_LOOKS)) continue;
      throw new NymvisorError({ what: `the lock ${path} cannot be opened`, why: explanation(error), cause: error });
    }
  }
}

/**
 * Clears a folder or a link away. Another process may have done so already and hold the lock by now, which must not be
 * cleared away: so it is looked at again, under a lock of the folder that it lies in. @returns false if that is taken.
 */
function clearAway(path: string): boolean {
  const folder = disk.openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    if (!disk.tryExclusiveLock(folder)) {
      Bun.sleepSync(CLEARING_PAUSE_MS);
      return false;
    }
    const found = disk.lstatSync(path, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) disk.unlinkSync(path);
    else if (found?.isDirectory() && disk.readdirSync(path).length === 0) disk.rmdirSync(path);
    else if (found?.isDirectory()) disk.renameSync(path, `${path}.stale-${process.pid}-${process.hrtime.bigint()}`);
    return true;
  } finally {
    disk.closeSync(folder);
  }
}

function readHolder(descriptor: number): Holder | undefined {
  return readHolderOf(`/proc/self/fd/${descriptor}`);
}

/** Who wrote last that they hold the lock, or undefined. It is not touched; its holder may have been killed since. */
export function readHolderOf(path: string): Holder | undefined {
  try {
    const holder: Partial<Holder> = JSON.parse(disk.readFileSync(path, "utf8"));
    if (typeof holder.pid !== "number" || typeof holder.purpose !== "string") return undefined;
    return { pid: holder.pid, startTime: holder.startTime ?? 0, purpose: holder.purpose };
  } catch {
    return undefined;
  }
}

/** How long a living holder is waited for. It holds the lock for milliseconds, unless it is stopped or its disk hangs. */
const LOCK_WAIT_MS = 30_000;

export interface WaitOptions {
  /** Milliseconds; default {@link LOCK_WAIT_MS}. */
  limit?: number;
  signal?: AbortSignal | undefined;
}

/** Takes the lock, waiting for a living holder up to the limit. @throws {NymvisorError} that names the holder. */
export async function waitForLock(
  path: string,
  purpose: string,
  { limit = LOCK_WAIT_MS, signal }: WaitOptions = {},
): Promise<Lock> {
  const end = monotonicMilliseconds() + limit;
  for (let pause = 1; ; pause = Math.min(pause * 2, 25)) {
    signal?.throwIfAborted();
    const attempt = tryLock(path, purpose);
    if (attempt.lock !== null) return attempt.lock;
    if (monotonicMilliseconds() >= end) throw lockTimeout(path, attempt.holder, limit);
    await sleep(pause * (0.5 + Math.random()));
  }
}

/** Runs `action` with the lock held. It must be short: no download, no backup, no child process. */
export async function withLock<T>(path: string, purpose: string, action: () => T, options?: WaitOptions): Promise<T> {
  const lock = await waitForLock(path, purpose, options);
  try {
    return action();
  } finally {
    lock.release();
  }
}

/** A living holder has kept a lock for longer than anybody should. */
export class LockHeldError extends NymvisorError {
  override name = "LockHeldError";
}

function lockTimeout(path: string, holder: Holder | undefined, limit: number): LockHeldError {
  const who = holder === undefined ? "another process" : `pid ${holder.pid} (${holder.purpose})`;
  return new LockHeldError({
    what: `${path} is still held by ${who} after ${limit / 1000} s`,
    why: "it is held for milliseconds; its holder is stopped, or its disk does not answer",
    next:
      holder === undefined
        ? `see who has it: fuser -v ${path}`
        : `see what it does: ps -o pid,stat,etime,args -p ${holder.pid}`,
  });
}
