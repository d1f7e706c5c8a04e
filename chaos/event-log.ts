import { existsSync, readFileSync } from "node:fs";
import type { DaemonEvent } from "./marked-daemon.ts";
import { isStillAlive, type Process, readProcess, variableOf } from "./processes.ts";

/** What the daemons of one home have written about themselves. */
export class EventLog {
  private read = 0;
  private readonly events: DaemonEvent[] = [];

  constructor(
    readonly path: string,
    private readonly home: string,
  ) {}

  /** In the order in which it was written. */
  all(): readonly DaemonEvent[] {
    if (!existsSync(this.path)) return this.events;
    const bytes = readFileSync(this.path);
    const end = bytes.lastIndexOf(0x0a) + 1;
    const fresh = bytes.subarray(this.read, end).toString("utf8").split("\n").slice(0, -1);
    this.read = end;
    for (const line of fresh) this.events.push(JSON.parse(line));
    return this.events;
  }

  /** The daemon that has started last, if it lives. */
  livingDaemon(): (Process & { version: string; startedBy: number }) | undefined {
    const started = this.all().findLast((event) => event.event === "started");
    if (started?.event !== "started") return undefined;
    const found = readProcess(started.pid);
    if (found === undefined || variableOf(found.pid, "NYMVISOR_DAEMON_HOME") !== this.home) return undefined;
    return isStillAlive(found) ? { ...found, version: started.version, startedBy: started.parent } : undefined;
  }
}
