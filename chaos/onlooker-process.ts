import { join } from "node:path";
import type { OnlookerMessage, OnlookerTask, Tally } from "./onlooker-messages.ts";
import { Violation } from "./violation.ts";

export interface OnlookerListener {
  currentSeen(target: string, digest: string): void;
  taken(name: string): void;
  violation(violation: Violation): void;
}

/** The onlooker of one world, seen from the process that starts it. */
export class OnlookerProcess {
  private readonly ready = Promise.withResolvers<void>();
  private counted = Promise.withResolvers<Tally>();
  private closing = false;
  private readonly child: Bun.Subprocess;

  constructor(
    task: OnlookerTask,
    private readonly listener: OnlookerListener,
    env: Record<string, string>,
  ) {
    this.child = Bun.spawn([process.execPath, join(import.meta.dir, "onlooker.ts"), JSON.stringify(task)], {
      env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "inherit",
      ipc: (message: OnlookerMessage) => this.hear(message),
    });
    this.child.exited.then((code) => {
      if (this.closing) return;
      const error = new Error(`the onlooker ended with ${code}`);
      this.ready.reject(error);
      this.counted.reject(error);
    });
    this.ready.promise.catch(() => {});
    this.counted.promise.catch(() => {});
  }

  /** It has looked at everything once. */
  get started(): Promise<void> {
    return this.ready.promise;
  }

  /** What it has done so far. @throws Error if it does not look any more. */
  async tally(): Promise<Tally> {
    this.child.send("tally");
    const tally = await this.counted.promise;
    this.counted = Promise.withResolvers();
    this.counted.promise.catch(() => {});
    return tally;
  }

  async close(): Promise<void> {
    this.closing = true;
    this.child.kill("SIGKILL");
    await this.child.exited;
  }

  private hear(message: OnlookerMessage): void {
    switch (message.type) {
      case "ready":
        this.ready.resolve();
        break;
      case "current-seen":
        this.listener.currentSeen(message.target, message.digest);
        break;
      case "taken":
        this.listener.taken(message.name);
        break;
      case "violation":
        this.listener.violation(new Violation(message.invariant, message.what));
        break;
      case "tally":
        this.counted.resolve({ looks: message.looks, executions: message.executions });
        break;
    }
  }
}
