import { expect, test } from "bun:test";
import type { DaemonEvent } from "../../chaos/marked-daemon.ts";
import type { NymvisorRun } from "../../chaos/nymvisor-run.ts";
import { recoveryTime } from "../../chaos/recovery-time.ts";

const ORPHAN = "WARN nymvisor: a daemon that an earlier nymvisor left (pid 3) still runs; stopping it";
const KILLED = "WARN nymvisor: the daemon (pid 3) did not stop in 1s 50ms and was killed";

/** A run of pid 7 that starts at 1000, and its log. */
const run = (...log: [at: number, line: string][]) =>
  ({ pid: 7, startedAtWall: 1000, log: log.map(([at, line]) => ({ at, line })) }) as unknown as NymvisorRun;

const started = (at: number, parent = 7): DaemonEvent => ({ event: "started", pid: 8, version: "1.0.0", at, parent });
const exiting = (at: number): DaemonEvent => ({ event: "exiting", pid: 3, version: "1.0.0", at });

test("a recovery lasts from the start of run to that of its own daemon", () => {
  expect(recoveryTime(run(), [started(900), started(1100, 6), started(1200), started(1900)])).toBe(200);
});

test("what an orphan took to stop is left out", () => {
  expect(recoveryTime(run([1050, ORPHAN]), [exiting(1090), started(1200)])).toBe(160);
});

test("what an orphan was given before it was killed is left out", () => {
  expect(recoveryTime(run([1050, ORPHAN], [2100, KILLED]), [started(2200)])).toBe(150);
});

test("it is not told where no daemon came, or nobody knows when the orphan ended", () => {
  expect(recoveryTime(run(), [started(1100, 6)])).toBe("it ended before");
  expect(recoveryTime(run([1050, ORPHAN]), [started(1200)])).toBe("the orphan's end is unknown");
});
