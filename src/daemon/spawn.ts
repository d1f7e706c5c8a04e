import { errorCode } from "../model/errors.ts";
import { sleep } from "../system/clock.ts";
import { groupMembers } from "../system/process-table.ts";

/** The whole environment of a child: what it is not given here it does not get. */
export type ChildEnvironment = Readonly<Record<string, string>>;

export interface SpawnRequest {
  /** The program (an absolute path) and its arguments. */
  command: readonly [string, ...string[]];
  environment: ChildEnvironment;
  /** "inherit": the child writes to our stdout and stderr itself, byte for byte, without us in between. */
  output: "inherit" | "pipe";
  /** Written to its stdin, which then stays open until {@link Child.endInput}, or until we end; without it there is none. */
  input?: string;
}

export interface Ending {
  exitCode: number | null;
  /** `SIGKILL`, …; null if it exited by itself. */
  signal: string | null;
}

export interface Child {
  pid: number;
  stdout: ReadableStream<Uint8Array> | null;
  stderr: ReadableStream<Uint8Array> | null;
  /** Settles when the process itself has ended and has been reaped. Never rejects. */
  exited: Promise<Ending>;
  signal(name: NodeJS.Signals): void;
  /** Ends the input of a child that was given some. */
  endInput?(): void;
  /** SIGKILL to everything in its process group; nothing there is no error. */
  killGroup(): void;
  /** Whether anything in its process group still runs. */
  groupAlive(): boolean;
}

/** A file that was just written is busy (ETXTBSY) while another thread's child still holds its descriptor: for an instant. */
const BUSY_RETRIES = 20;
const BUSY_PAUSE_MS = 10;

/**
 * The only place that starts processes. The child leads a session and a process group of its own, so that a terminal's
 * Ctrl-C does not reach it past nymvisor, and so that its whole family can be ended; its stdin is empty.
 * @throws what posix_spawn reports (ENOENT, EACCES, ENOEXEC, …).
 */
export async function spawnChild(request: SpawnRequest): Promise<Child> {
  return (provide?.() ?? spawnReally)(request);
}

/** How often a process group is looked at; the end of those who are not our children cannot be waited for otherwise. */
const GROUP_LOOK_MS = 2;

/** Kills whoever is left in the child's group. Nobody in it runs any more when it returns. */
export async function endGroup(child: Child): Promise<void> {
  while (child.groupAlive()) {
    child.killGroup();
    await sleep(GROUP_LOOK_MS);
  }
}

let provide: (() => typeof spawnChild) | undefined;

/** For simulations: from now on processes are made by what `provider` returns; undefined: by the kernel. */
export function useSpawn(provider: (() => typeof spawnChild) | undefined): void {
  provide = provider;
}

export async function spawnReally(request: SpawnRequest): Promise<Child> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return launch(request);
    } catch (error) {
      if (errorCode(error) !== "ETXTBSY" || attempt === BUSY_RETRIES) throw error;
      await Bun.sleep(BUSY_PAUSE_MS);
    }
  }
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

function launch({ command, environment, output, input }: SpawnRequest): Child {
  const child = Bun.spawn([...command], {
    env: { ...environment },
    stdin: input === undefined ? "ignore" : "pipe",
    stdout: output,
    stderr: output,
    detached: true,
  });
  const { pid, stdin } = child;
  if (input !== undefined && stdin !== undefined) {
    // A child that has ended by then reads nothing any more; its end says why.
    unlessEnded(() => stdin.write(input));
    unlessEnded(() => stdin.flush());
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
      if (stdin !== undefined) unlessEnded(() => stdin.end());
    },
    killGroup() {
      toGroup("SIGKILL");
    },
    // A dead member that its parent does not reap still takes signals.
    groupAlive: () => toGroup(0) && groupMembers(pid).length > 0,
  };
}
