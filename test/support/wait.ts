import { readFileSync, watch } from "node:fs";
import { dirname } from "node:path";

export interface WaitOptions {
  /** Milliseconds until the wait fails. */
  within?: number;
  /** A file (it may not exist yet): each change in its folder is a reason to look again at once. */
  file?: string;
}

/** Long enough for a machine that runs the whole suite on two cores; nobody waits so long when all is well. */
const WITHIN = 15_000;

/** Between looks, for what no event tells of: a process that is gone, a folder that did not exist when the wait began. */
const LOOK_AGAIN = 20;

/**
 * Waits until `look` gives something other than undefined or false, and returns that.
 * @param what is awaited, for the message of the failure
 * @throws Error after `within` milliseconds; what `look` throws is thrown at once.
 */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { within = WITHIN, file }: WaitOptions = {},
): Promise<T> {
  const deadline = performance.now() + within;
  using changes = new Changes(file);
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    const left = deadline - performance.now();
    if (left <= 0) throw new Error(`waited ${within} ms in vain for ${what}`);
    await changes.next(Math.min(left, LOOK_AGAIN));
  }
}

/** The changes in a file's folder, as something to await. */
class Changes implements Disposable {
  readonly #watcher: ReturnType<typeof watch> | undefined;
  #wake: () => void = () => {};
  #missed = false;

  constructor(file: string | undefined) {
    if (file === undefined) return;
    try {
      this.#watcher = watch(dirname(file), () => {
        this.#missed = true;
        this.#wake();
      });
    } catch {
      // No such folder yet: looking again every few milliseconds has to do.
    }
  }

  /** Resolves at the next change, at once when one came since the last call, or after `timeout` milliseconds. */
  async next(timeout: number): Promise<void> {
    if (!this.#missed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, timeout);
      await promise;
      clearTimeout(timer);
    }
    this.#missed = false;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }
}

/** Whether a process with this id runs. A zombie does not: when it is reaped is its parent's affair. */
export function isAlive(pid: number): boolean {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return false;
  }
  // The state follows the name, which stands in parentheses and may hold some itself: proc(5).
  const state = stat[stat.lastIndexOf(")") + 2];
  return state !== "Z" && state !== "X";
}

/** Waits until no process with this id runs. */
export async function waitForEnd(pid: number, within = WITHIN): Promise<void> {
  await waitFor(`process ${pid} to end`, () => !isAlive(pid), { within });
}
