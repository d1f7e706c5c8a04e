import { allPids, isStillAlive, type Process, readProcess, variableOf } from "./processes.ts";
import { Violation } from "./violation.ts";

/** The variable that nymvisor gives its daemons; its value is the home. */
const HOME_VARIABLE = "NYMVISOR_DAEMON_HOME";

/** A stranger is looked at again after as long as it is known by now: a child may not have become the daemon yet. */
const LONGEST_UNTIL_AGAIN_MS = 1_000;

/** Counts the daemons of each home by the process table, over and over. */
export class DaemonCensus {
  private readonly strangers = new Map<number, { since: number; again: number }>();
  private readonly daemons = new Map<string, Map<number, Process>>();

  constructor(homes: readonly string[]) {
    for (const home of homes) this.daemons.set(home, new Map());
  }

  /** @throws {Violation} if two leaders of process groups live on one home. */
  take(): void {
    const now = performance.now();
    const pids = new Set(allPids());
    for (const pid of this.strangers.keys()) if (!pids.has(pid)) this.strangers.delete(pid);
    for (const pid of pids) if (!this.isKnown(pid, now)) this.look(pid, now);
    for (const [home, daemons] of this.daemons) {
      for (const [pid, daemon] of daemons) if (!isStillAlive(daemon)) daemons.delete(pid);
      // The later one was seen before all of them were looked at again: they lived at the same time.
      if (daemons.size > 1) {
        throw new Violation("one-daemon", `the processes ${[...daemons.keys()].join(" and ")} both run on ${home}`);
      }
    }
  }

  private isKnown(pid: number, now: number): boolean {
    const stranger = this.strangers.get(pid);
    if (stranger !== undefined) return now < stranger.again;
    return [...this.daemons.values()].some((daemons) => daemons.has(pid));
  }

  private look(pid: number, now: number): void {
    const process = readProcess(pid);
    const home = process?.group === pid ? variableOf(pid, HOME_VARIABLE) : undefined;
    const daemons = home === undefined ? undefined : this.daemons.get(home);
    if (process !== undefined && daemons !== undefined) {
      daemons.set(pid, process);
      this.strangers.delete(pid);
      return;
    }
    const since = this.strangers.get(pid)?.since ?? now;
    this.strangers.set(pid, { since, again: now + Math.min(now - since, LONGEST_UNTIL_AGAIN_MS) });
  }
}
