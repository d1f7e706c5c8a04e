import { isAlive } from "../test/support/wait.ts";

/** What is to be undone at the end, whatever the end is: the last first. All of it works without the event loop. */
export class Undo {
  readonly #steps: { what: string; act: () => void }[] = [];

  /** @returns what undoes it now instead. */
  add(what: string, act: () => void): () => void {
    const step = { what, act };
    this.#steps.push(step);
    return () => {
      const index = this.#steps.indexOf(step);
      if (index === -1) return;
      this.#steps.splice(index, 1);
      act();
    };
  }

  run(): void {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        step.act();
      } catch (error) {
        process.stderr.write(`not undone: ${step.what}: ${error}\n`);
      }
    }
  }
}

const LOOK_AGAIN_MS = 20;

/** Asks a process of this bench to end, and ends it when it has not after so many milliseconds. */
export function endProcess(pid: number, patience: number): void {
  if (!signal(pid, "SIGTERM")) return;
  for (let waited = 0; isAlive(pid) && waited < patience; waited += LOOK_AGAIN_MS) Bun.sleepSync(LOOK_AGAIN_MS);
  if (isAlive(pid)) signal(pid, "SIGKILL");
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
