import { writeSync } from "node:fs";
import { errorCode } from "../model/errors.ts";
import { waitWritable } from "./libc.ts";

/** Where log lines go, whole and in order. */
export interface Sink {
  /** Never throws. @returns false if the text was lost, because nobody takes it. */
  write(text: string): boolean;
  /** Width of the terminal, in columns. */
  columns(): number;
}

/** How long a full pipe is waited for: long enough for a busy reader, short enough for a supervisor to stand still. */
const PATIENCE_MS = 100;

/** What a pipe that has room takes without holding its writer up: PIPE_BUF of pipe(7). */
const PIECE_BYTES = 4096;

/** Where the terminal does not know. */
const USUAL_COLUMNS = 80;

/**
 * Standard error by write(2) itself. Not by `process.stderr`: on a pipe the runtime makes that non-blocking, for every
 * process that shares the pipe, and the daemon's own writes would then fail with EAGAIN. As it blocks, poll(2) is asked
 * before each write: a supervisor that is held up by its log's reader hears no signal. Nothing that can happen to the
 * other end (closed, full, a disk without space, a terminal that hung up) may end or hold up the supervisor.
 */
export function openStderr(descriptor = 2): Sink {
  /** The rest of a line that was begun: what comes next must not be glued to it. */
  let rest: Uint8Array = new Uint8Array();
  let full = false;

  /** @returns what could not be written; all of it, if the other end is gone. */
  const push = (bytes: Uint8Array): Uint8Array => {
    let left = bytes;
    // While the reader stands still it is waited for once, not for every line.
    const deadline = performance.now() + (full ? 0 : PATIENCE_MS);
    while (left.length > 0) {
      full = !waitWritable(descriptor, deadline - performance.now());
      if (full) return left;
      try {
        left = left.subarray(writeSync(descriptor, left.subarray(0, PIECE_BYTES)));
      } catch (error) {
        full = errorCode(error) === "EAGAIN" && performance.now() >= deadline;
        if (full || (errorCode(error) !== "EINTR" && errorCode(error) !== "EAGAIN")) return left;
      }
    }
    return left;
  };

  return {
    write(text) {
      rest = push(rest);
      if (rest.length > 0) return false;
      const bytes = new TextEncoder().encode(text);
      const left = push(bytes);
      if (left.length === bytes.length) return bytes.length === 0;
      rest = left;
      return true;
    },
    columns: () => process.stderr.columns || USUAL_COLUMNS,
  };
}
