import { expect, test } from "bun:test";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../support/wait.ts";
import { prepareNode } from "./support/prepared-node.ts";

const RESTARTS = {
  DAEMON_RESTART_ON_FAILURE: "true",
  DAEMON_FAILURE_RESTART_DELAY: "1ms",
  DAEMON_MAX_STARTUP_FAILURES: "10",
};

test("a daemon that fails is not started again unless that is wanted", async () => {
  await using node = await prepareNode({ behaviour: { exitAfter: 0, exitCode: 4 } });
  await using run = await node.run();
  const { status, stderr } = await run.ended();
  expect(status).toBe(4);
  expect(stderr).toMatch(/exited with 4, and restarts are off/);
  expect(node.events.of("started")).toHaveLength(1);
});

test("a daemon that fails is started again after the delay, with the same words", async () => {
  const settings = { ...RESTARTS, DAEMON_FAILURE_RESTART_DELAY: "250ms" };
  const behaviour = { exitAfter: 30, exitCode: 3, exitTimes: 2 };
  await using node = await prepareNode({ behaviour, settings });
  await using run = await node.run(["run", "--id", "x", ""]);
  await run.waitForEvent("started", { count: 3 });
  const starts = node.events.of("started");
  const ends = node.events.of("exiting");
  for (const { args } of starts) expect(args).toEqual(["run", "--id", "x", ""]);
  expect((starts[1]?.at ?? 0) - (ends[0]?.at ?? 0)).toBeGreaterThan(250);
  expect((starts[2]?.at ?? 0) - (ends[1]?.at ?? 0)).toBeGreaterThan(250);
  await node.oneRuns();
  expect((await run.stop()).status).toBe(0);
});

test("a daemon that ends with 0 is not started again, also when restarts are on", async () => {
  await using node = await prepareNode({ behaviour: { exitAfter: 20 }, settings: RESTARTS });
  await using run = await node.run();
  expect((await run.ended()).status).toBe(0);
  expect(node.events.of("started")).toHaveLength(1);
});

test("a daemon that fails soon after each start is given up at the most failures, with its own exit code", async () => {
  const settings = { ...RESTARTS, DAEMON_MAX_STARTUP_FAILURES: "5" };
  await using node = await prepareNode({ behaviour: { exitAfter: 0, exitCode: 9 }, settings });
  await using run = await node.run();
  const { status, stderr } = await run.ended();
  expect(status).toBe(9);
  expect(node.events.of("started")).toHaveLength(5);
  const counts = [...stderr.matchAll(/failures in a row: (\d+) of at most 5/g)].map(([, count]) => Number(count));
  expect(counts).toEqual([1, 2, 3, 4, 5]);
  expect(stderr).toMatch(/nymvisor ends with 9: .*failures in a row: 5 of at most 5/);
});

test("a daemon that a signal ends each time is given up with 128 and the signal's number", async () => {
  const settings = { ...RESTARTS, DAEMON_MAX_STARTUP_FAILURES: "2" };
  await using node = await prepareNode({ behaviour: { exitAfter: 10, exitSignal: "SIGSEGV" }, settings });
  await using run = await node.run();
  expect((await run.ended()).status).toBe(139);
  expect(node.events.of("started")).toHaveLength(2);
});

test("one failure is the most when one is allowed", async () => {
  const settings = { ...RESTARTS, DAEMON_MAX_STARTUP_FAILURES: "1" };
  await using node = await prepareNode({ behaviour: { exitAfter: 0, exitCode: 2 }, settings });
  await using run = await node.run();
  expect((await run.ended()).status).toBe(2);
  expect(node.events.of("started")).toHaveLength(1);
});

test("a failure after a longer run starts the count at one, so that it never adds up", async () => {
  const settings = { ...RESTARTS, DAEMON_MAX_STARTUP_FAILURES: "2", DAEMON_STARTUP_PERIOD_DURATION: "100ms" };
  await using node = await prepareNode({ behaviour: { exitAfter: 120, exitCode: 6, exitTimes: 4 }, settings });
  await using run = await node.run();
  await run.waitForEvent("started", { count: 5 });
  await run.stop();
  const counts = [...run.stderr.matchAll(/failures in a row: (\d+) of/g)].map(([, count]) => Number(count));
  expect(counts).toEqual([1, 1, 1, 1]);
});

test("a longer run between makes the count begin anew", async () => {
  const settings = { ...RESTARTS, DAEMON_MAX_STARTUP_FAILURES: "3", DAEMON_STARTUP_PERIOD_DURATION: "400ms" };
  await using node = await prepareNode({ settings });
  // Two short runs, a longer one, then short ones only.
  const script = `#!/bin/sh
case " $* " in *" build-info "*) exec ${JSON.stringify(`${node.binaryOf("genesis")}.real`)} "$@";; esac
echo x >>"$HOME/runs"
[ "$(wc -l <"$HOME/runs")" -eq 3 ] && sleep 0.6
exit 8
`;
  renameSync(node.binaryOf("genesis"), `${node.binaryOf("genesis")}.real`);
  writeFileSync(node.binaryOf("genesis"), script, { mode: 0o755 });
  await using run = await node.run();
  const { status, stderr } = await run.ended();
  expect(status).toBe(8);
  const counts = [...stderr.matchAll(/failures in a row: (\d+) of/g)].map(([, count]) => Number(count));
  expect(counts).toEqual([1, 2, 1, 2, 3]);
});

test("a daemon that cannot even be executed any more counts as failed, and the last status is 1", async () => {
  const settings = { ...RESTARTS, DAEMON_MAX_STARTUP_FAILURES: "2", DAEMON_FAILURE_RESTART_DELAY: "800ms" };
  await using node = await prepareNode({ behaviour: { exitAfter: 0, exitCode: 7 }, settings });
  await using run = await node.run();
  await run.waitForLog(/starts again/);
  renameSync(node.binaryOf("genesis"), join(node.data, "away"));
  const { status, stderr } = await run.ended();
  expect(status).toBe(1);
  expect(stderr).toMatch(/the daemon cannot be started: current points to genesis, and there is no binary/);
  expect(node.events.of("started")).toHaveLength(1);
});

test("an upgrade that is due does not wait for a failed daemon to be started again", async () => {
  const settings = { ...RESTARTS, DAEMON_FAILURE_RESTART_DELAY: "1h" };
  await using node = await prepareNode({ behaviour: { exitAfter: 0, exitCode: 7 }, settings });
  node.release("1.1.0");
  await using run = await node.run();
  await run.waitForEvent("started", { version: "1.1.0" });
  expect(node.events.of("started", "1.0.0")).toHaveLength(1);
  expect((await run.stop()).status).toBe(0);
});

test("a daemon that fails leaves no zombie behind", async () => {
  const settings = { ...RESTARTS, DAEMON_MAX_STARTUP_FAILURES: "1000" };
  await using node = await prepareNode({ behaviour: { exitAfter: 0, exitCode: 7 }, settings });
  await using run = await node.run();
  await run.waitForEvent("started", { count: 6 });
  // The last one may not have been reaped yet at one moment; were none ever reaped, there would be more from now on.
  await waitFor("the failed daemons to be reaped", () => zombiesOf(run.pid) === 0);
});

function zombiesOf(parent: number): number {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      // State and parent follow the name, which stands in parentheses: proc(5).
      const [state, itsParent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return state === "Z" && Number(itsParent) === parent;
    } catch {
      return false;
    }
  }).length;
}
