import { readdirSync, readFileSync } from "node:fs";
import { type ChildEnvironment, spawnChild } from "../../daemon/spawn.ts";
import { errorCode, NymvisorError } from "../../model/errors.ts";
import { sleep } from "../../system/clock.ts";
import { ownProgram, RESUME_CHILD } from "../../system/own-program.ts";
import { isAlive, type ProcessIdentity } from "../../system/process-table.ts";

/**
 * Holds processes by SIGSTOP while `act` runs, and lets them go on whatever becomes of it. Should this process be killed
 * meanwhile, a second one, which waits for its end, lets them go on: a node that stands still for good would be worse than
 * no backup.
 * @returns how long they were held, in milliseconds.
 * @throws {NymvisorError} if there is nothing to hold, or it may not be held; and what `act` throws.
 */
export async function whilePaused(
  processes: readonly Required<ProcessIdentity>[],
  environment: ChildEnvironment,
  act: () => Promise<unknown>,
): Promise<number> {
  if (processes.length === 0) {
    throw new NymvisorError({
      what: "the node cannot be paused",
      why: "nymvisor runs, and the node does not at this moment",
      next: "type the command again, or leave --stop out",
    });
  }
  const guard = await spawnChild({
    command: [...ownProgram(), RESUME_CHILD],
    environment,
    output: "pipe",
    input: `${JSON.stringify(processes)}\n`,
  });
  const began = performance.now();
  try {
    // It answers once it knows whom to let go on.
    await guard.stdout?.getReader().read();
    for (const process of processes) signalIfAlive(process, "SIGSTOP");
    await untilHeld(processes);
    await act();
  } finally {
    for (const process of processes) signalIfAlive(process, "SIGCONT");
    guard.endInput?.();
    await guard.exited;
  }
  return Math.round(performance.now() - began);
}

/** A thread stops on its way back from the kernel: one that waits for a disk takes as long as the disk. */
const LONGEST_HALT_MS = 5000;
const LOOK_AGAIN_MS = 1;

/** Waits until no thread of the processes can write any more. */
async function untilHeld(processes: readonly ProcessIdentity[]): Promise<void> {
  const end = performance.now() + LONGEST_HALT_MS;
  while (processes.some((process) => isAlive(process) && !isHeld(process.pid))) {
    if (performance.now() >= end) {
      throw new NymvisorError({
        what: "the node cannot be paused",
        why: `it did not stop within ${LONGEST_HALT_MS / 1000} s of SIGSTOP; its disk may hang`,
        next: "type the command again, or leave --stop out",
      });
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

/** Stopped, or dead: the field after the name in proc_pid_stat(5), of every thread. */
function isHeld(pid: number): boolean {
  const folder = `/proc/${pid}/task`;
  try {
    return readdirSync(folder).every((thread) => {
      const stat = readFileSync(`${folder}/${thread}/stat`, "latin1");
      return "TtZX".includes(stat[stat.lastIndexOf(")") + 2] ?? "R");
    });
  } catch (error) {
    // A thread, or all of them, ended while they were looked at: the next look tells.
    if (["ENOENT", "ESRCH"].includes(errorCode(error) ?? "")) return false;
    throw error;
  }
}

/** The whole life of the second process. @returns its exit status. */
export async function runResumeChild(): Promise<number> {
  let text = "";
  const decoder = new TextDecoder();
  let told = false;
  for await (const part of Bun.stdin.stream()) {
    text += decoder.decode(part, { stream: true });
    if (told || !text.includes("\n")) continue;
    told = true;
    await Bun.write(Bun.stdout, "ready\n");
  }
  if (!told) return 1;
  for (const process of JSON.parse(text) as Required<ProcessIdentity>[]) signalIfAlive(process, "SIGCONT");
  return 0;
}

function signalIfAlive(identity: ProcessIdentity, signal: "SIGSTOP" | "SIGCONT"): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return;
    throw new NymvisorError({
      what: `pid ${identity.pid} cannot be paused`,
      why: "it belongs to another user",
      next: "type the command as the user that the node runs as, or leave --stop out",
      cause: error,
    });
  }
}
