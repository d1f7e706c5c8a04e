import { closeSync } from "node:fs";
import { openPipe } from "../system/descriptors.ts";
import { type Ending, launch } from "./launch.ts";

/** A tee(1) between a pipe and an open file of ours. */
export interface Relay {
  /** The end of the pipe that is written to; the caller closes it. */
  write: number;
  /** Settles when nobody has the writing end any more and all has arrived, or there is nobody to read it. Never rejects. */
  ended: Promise<Ending>;
}

/** The most that a file may grow to in which a relay keeps what it passes on; then it goes on without. */
export const MOST_KEPT_BYTES = 32 * 1024 * 1024;

/** The unit of `ulimit -f`: POSIX. */
const BLOCK_BYTES = 512;

/**
 * Whoever stops nymvisor may signal everything that it has started; tee ends when its input does, not before the daemon.
 * SIGPIPE ends it: that nobody reads the output must reach the daemon as it always does. The file takes the place of its
 * stderr, since what it might complain of has no place in the daemon's output. It is opened anew, for appending, so that
 * it can be emptied meanwhile.
 */
const BECOME_TEE = `trap '' HUP INT QUIT TERM USR1 USR2 XFSZ
exec 3>&2 2>/dev/null
ulimit -S -f ${MOST_KEPT_BYTES / BLOCK_BYTES}
exec "$0" -a /proc/self/fd/3`;

/** Somebody who kills every tee on the machine may do so again; one that cannot live is not started for ever. */
const MOST_RESTARTS = 5;

/**
 * @param tee the program.
 * @param output where its input is written to, byte for byte.
 * @param file what it is appended to as well, now and whenever another tee takes over: "ignore" once it has been closed.
 * @throws if there are no descriptors left, or it cannot be started.
 */
export function startRelay(tee: string, output: number, file: () => number | "ignore"): Relay {
  const { read, write } = openPipe();
  const start = () => {
    const process = launch({
      command: ["/bin/sh", "-c", BECOME_TEE, tee],
      environment: {},
      stdin: read,
      stdout: output,
      stderr: file(),
    });
    // It lives as long as anybody has its pipe, be it a process that the daemon leaves behind.
    process.unref();
    return process.exited;
  };
  try {
    return { write, ended: attend(start(), start).finally(() => closeSync(read)) };
  } catch (error) {
    closeSync(read);
    closeSync(write);
    throw error;
  }
}

/**
 * A tee that is killed must not take the daemon with it, as a pipe without a reader would. The reading end is open here,
 * too, so that the next one goes on where it ended.
 */
async function attend(first: Promise<Ending>, start: () => Promise<Ending>): Promise<Ending> {
  let ending = await first;
  for (let restarts = 0; ending.signal !== null && ending.signal !== "SIGPIPE"; restarts += 1) {
    if (restarts === MOST_RESTARTS) break;
    try {
      ending = await start();
    } catch {
      // This machine starts no process now. To close the pipe is all that is left, so that nobody waits for a reader.
      break;
    }
  }
  return ending;
}
