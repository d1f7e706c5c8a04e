import { errorCode } from "../model/errors.ts";
import { groupMembers } from "../system/process-table.ts";

/** The whole environment of a child: what it is not given here it does not get. */
export type ChildEnvironment = Readonly<Record<string, string>>;

/** Where a child's stream leads: a pipe to us, where ours of that name leads, or an open file of ours by its number. */
type Stream = "pipe" | "inherit" | number;

export interface LaunchRequest {
  /** The program (an absolute path) and its arguments. */
  command: readonly [string, ...string[]];
  environment: ChildEnvironment;
  stdin: "ignore" | "pipe" | number;
  stdout: Stream;
  stderr: Stream | "ignore";
  /** Written to its stdin if that is a pipe. */
  input?: string | undefined;
}

export interface Ending {
  exitCode: number | null;
  /** `SIGKILL`, …; null if it exited by itself. */
  signal: string | null;
}

export interface LaunchedProcess {
  pid: number;
  stdout: ReadableStream<Uint8Array> | null;
  stderr: ReadableStream<Uint8Array> | null;
  /** Settles when the process itself has ended and has been reaped. Never rejects. */
  exited: Promise<Ending>;
  signal(name: NodeJS.Signals): void;
  /** Ends the input of a child that was given some. */
  endInput(): void;
  /** SIGKILL to everything in its process group; nothing there is no error. */
  killGroup(): void;
  /** Whether anything in its process group still runs. */
  groupAlive(): boolean;
  /** Lets us end before it does. */
  unref(): void;
}

/** Writes to a child, at once or by and by, whether or not it is still there to read it. */
function unlessEnded(write: () => unknown): void {
  const passOver = (error: unknown) => {
    if (errorCode(error) !== "EPIPE") throw error;
  };
  try {
    const written = write();
    if (written instanceof Promise) written.catch(passOver);
  } catch (error) {
    passOver(error);
  }
}

/**
 * The only place that starts processes; whoever is outside of this folder asks `spawnChild`. The process leads a session
 * and a process group of its own. @throws what posix_spawn reports.
 */
export function launch({ command, environment, stdin, stdout, stderr, input }: LaunchRequest): LaunchedProcess {
  const child = Bun.spawn([...command], { env: { ...environment }, stdin, stdout, stderr, detached: true });
  const { pid, stdin: sink } = child;
  const writable = typeof sink === "object" ? sink : undefined;
  if (input !== undefined && writable !== undefined) {
    // A child that has ended by then reads nothing any more; its end says why.
    unlessEnded(() => writable.write(input));
    unlessEnded(() => writable.flush());
  }
  const toGroup = (signal: NodeJS.Signals | 0): boolean => {
    try {
      process.kill(-pid, signal);
      return true;
    } catch (error) {
      if (errorCode(error) === "ESRCH") return false;
      // Only processes that changed their user are left: they are there, and out of our reach.
      if (errorCode(error) === "EPERM") return true;
      throw error;
    }
  };
  return {
    pid,
    stdout: child.stdout instanceof ReadableStream ? child.stdout : null,
    stderr: child.stderr instanceof ReadableStream ? child.stderr : null,
    exited: child.exited.then(() => ({
      exitCode: child.exitCode,
      signal: child.signalCode === null ? null : String(child.signalCode),
    })),
    signal(name) {
      child.kill(name);
    },
    endInput() {
      if (writable !== undefined) unlessEnded(() => writable.end());
    },
    killGroup() {
      toGroup("SIGKILL");
    },
    // A dead member that its parent does not reap still takes signals.
    groupAlive: () => toGroup(0) && groupMembers(pid).length > 0,
    unref: () => child.unref(),
  };
}
