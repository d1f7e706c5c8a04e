import { errorCode } from "../model/errors.ts";
import { sleep } from "../system/clock.ts";
import { type ChildEnvironment, type LaunchedProcess, launch } from "./launch.ts";
import { type KeptOutput, keepOutput, type LastLines } from "./output.ts";

export type { ChildEnvironment, Ending } from "./launch.ts";

export interface SpawnRequest {
  /** The program (an absolute path) and its arguments. */
  command: readonly [string, ...string[]];
  environment: ChildEnvironment;
  /**
   * "inherit": the child writes to our stdout and stderr itself, byte for byte, without us in between. "kept": the same
   * bytes arrive there, whatever becomes of us, and the last lines of them can be read: {@link Child.output}.
   */
  output: "inherit" | "kept" | "pipe";
  /** Written to its stdin, which then stays open until {@link Child.endInput}, or until we end; without it there is none. */
  input?: string;
}

export interface Child extends Omit<LaunchedProcess, "endInput" | "unref"> {
  /** Ends the input of a child that was given some. */
  endInput?(): void;
  /** Of a child whose output is "kept". */
  output?: {
    /** As {@link LastLines} has it, now and ever after. */
    lastLines(): Promise<LastLines>;
    /** To be called when the child and its group are gone: lets its last words arrive, and keeps the last lines. */
    end(): Promise<void>;
  };
}

/** A file that was just written is busy (ETXTBSY) while another thread's child still holds its descriptor: for an instant. */
const BUSY_RETRIES = 20;
const BUSY_PAUSE_MS = 10;

/**
 * Starts a process for the rest of the program. The child leads a session and a process group of its own, so that a terminal's
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

export async function spawnReally({ command, environment, output, input }: SpawnRequest): Promise<Child> {
  const kept = output === "kept" ? keepOutput(environment) : undefined;
  const streams = kept ?? (output === "pipe" ? PIPES : INHERITED);
  const { stdout, stderr } = streams;
  const stdin = input === undefined ? "ignore" : "pipe";
  try {
    const child = await untilFree(() => launch({ command, environment, stdin, stdout, stderr, input }));
    kept?.handedOver();
    return kept === undefined ? child : { ...child, output: outputOf(child, kept) };
  } catch (error) {
    kept?.handedOver();
    await kept?.end();
    throw error;
  }
}

const PIPES = { stdout: "pipe", stderr: "pipe" } as const;
const INHERITED = { stdout: "inherit", stderr: "inherit" } as const;

const outputOf = ({ pid }: LaunchedProcess, kept: KeptOutput): NonNullable<Child["output"]> => ({
  lastLines: () => kept.lastLines(pid),
  end: () => kept.end(),
});

async function untilFree(start: () => LaunchedProcess): Promise<LaunchedProcess> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return start();
    } catch (error) {
      if (errorCode(error) !== "ETXTBSY" || attempt === BUSY_RETRIES) throw error;
      await Bun.sleep(BUSY_PAUSE_MS);
    }
  }
}
