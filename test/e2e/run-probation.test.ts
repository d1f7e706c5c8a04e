import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../support/wait.ts";
import { readJson } from "./support/instance.ts";
import { startFront } from "./support/node-front.ts";
import type { RunningNymvisor } from "./support/nymvisor.ts";
import { prepareTrial, type TrialNode } from "./support/trial.ts";

interface Note {
  progress: { spent: string; proven: string; deaths: number; quits: number; failed: string | null };
}

const notePath = ({ node }: TrialNode) => join(node.instanceData, "probation.json");
const progressOf = (trial: TrialNode) => readJson<Note>(notePath(trial)).progress;

/** Of a duration below a minute, as it stands in the note. */
function seconds(duration: string): number {
  return Number(/^(?:(\d+)s)?/.exec(duration)?.[1] ?? 0);
}

/** As if the time had gone by. */
function pass(trial: TrialNode, time: { spent: string; proven: string }): void {
  const note = readJson<Note>(notePath(trial));
  writeFileSync(notePath(trial), JSON.stringify({ ...note, progress: { ...note.progress, ...time } }));
}

test("a version that is well by all that it is asked has passed: nothing but its archive is left of the trial", async () => {
  await using trial = await prepareTrial({ settings: { NYMVISOR_HEALTH_PROBATION: "3s" } });
  using front = await startFront(trial.node);
  await using run = await trial.run();
  await run.waitForEvent("started", { version: "1.0.0" });
  trial.node.release("1.1.0");
  run.signal("SIGHUP");
  expect(await run.waitForLog(/has 3s to prove itself/)).toMatch(
    /stay alive, answer http:\S+\/health, count its uptime at \S+, name its version at \S+, take connections at port \d+/,
  );
  await waitFor("its note", () => trial.isOnProbation());
  expect(trial.verdicts()).toEqual(["1.1.0 on-probation"]);
  await run.waitForLog(/1\.1\.0 has proven itself/);
  await trial.decided("1.1.0 passed");
  await waitFor("the copy to go", () => trial.copies().length === 0, { within: 45_000 });
  expect(trial.outcomes()).toMatchObject([{ name: "1.1.0", state: "passed", why: null, kept: null, wentBack: null }]);
  expect(trial.outcomes()[0]?.downtime).toMatch(/^\d+(s|ms)/);
  expect(readdirSync(join(trial.node.backups, "1.1.0"))).toHaveLength(1);
  expect(trial.rolledBack()).toEqual([]);
  expect(front.looks).toBeGreaterThan(2);
  // Nobody looks at it any more, and what it does from now on is no verdict on the release.
  front.closePages();
  const [, { pid } = { pid: 0 }] = trial.node.events.of("started");
  process.kill(pid, "SIGSEGV");
  const { status, stderr } = await run.ended();
  expect(status).toBe(139);
  expect(stderr.trimEnd()).toEndWith("nymvisor ends with 139: the daemon was ended by SIGSEGV, and restarts are off");
  expect(trial.verdicts()).toEqual(["1.1.0 passed"]);
});

describe("a version that was being tried when nymvisor ended", () => {
  const ends: [string, (run: RunningNymvisor) => Promise<unknown>][] = [
    ["was stopped", (run) => run.stop()],
    [
      "was killed",
      async (run) => {
        run.signal("SIGKILL");
        await run.exited;
      },
    ],
  ];

  test.each(ends)("goes on with what it had proven: nymvisor %s", async (_, end) => {
    await using trial = await prepareTrial({ settings: { NYMVISOR_HEALTH_PROBATION: "59s" } });
    await using run = await trial.run();
    trial.node.release("1.1.0");
    await run.waitForEvent("started", { version: "1.1.0" });
    await waitFor("its first seconds", () => trial.isOnProbation() && seconds(progressOf(trial).spent) >= 2);
    await end(run);
    const { spent, proven } = progressOf(trial);
    expect([seconds(spent) >= 2, seconds(proven) >= 1]).toEqual([true, true]);
    pass(trial, { spent: "58s", proven: "58s" });
    await using next = await trial.run();
    await next.waitForEvent("started", { version: "1.1.0", count: 2 });
    await next.waitForLog(/1\.1\.0 has proven itself/, { within: 15_000 });
    await trial.decided("1.1.0 passed");
    expect(trial.node.events.of("started")).toHaveLength(2 + trial.node.events.of("started", "1.0.0").length);
    await trial.node.oneRuns();
    expect((await next.stop()).status).toBe(0);
  });

  test("is gone back from as before, if it fails then", async () => {
    const settings = { NYMVISOR_HEALTH_PROBATION: "1h", DAEMON_MAX_STARTUP_FAILURES: "2", ...RESTARTS };
    await using trial = await prepareTrial({ settings });
    await using run = await trial.run();
    await run.waitForEvent("started", { version: "1.0.0" });
    const before = trial.contents();
    trial.node.release("1.1.0", { behaviour: { exitAfter: 300, exitCode: 1, migrations: ["1"] } });
    run.signal("SIGHUP");
    await run.waitForLog(/the daemon ended with 1/);
    await run.stop();
    expect(progressOf(trial)).toMatchObject({ deaths: 1 });
    await using next = await trial.run();
    await next.waitForLog(/the node is back on genesis/);
    await next.waitForEvent("started", { version: "1.0.0", count: 2 });
    // One death in either run.
    expect(trial.node.events.of("started", "1.1.0").length).toBeWithin(2, 4);
    expect(trial.contents()).toEqual(before);
    expect((await next.stop()).status).toBe(0);
  });
});

const RESTARTS = { DAEMON_RESTART_ON_FAILURE: "true", DAEMON_FAILURE_RESTART_DELAY: "1s" };

test("a version that keeps ending with 0 ends each run with 0, and is gone back from at a later start", async () => {
  const settings = { NYMVISOR_HEALTH_PROBATION: "1h", DAEMON_MAX_STARTUP_FAILURES: "2" };
  await using trial = await prepareTrial({ settings });
  await using run = await trial.run();
  await run.waitForEvent("started", { version: "1.0.0" });
  const before = trial.contents();
  trial.node.release("1.1.0", { behaviour: { exitAfter: 50, migrations: ["1"] } });
  run.signal("SIGHUP");
  const first = await run.ended();
  await using again = await trial.run();
  const second = await again.ended();
  for (const { status, stderr } of [first, second]) {
    expect(status).toBe(0);
    expect(stderr.trimEnd()).toEndWith("nymvisor ends with 0: the daemon ended by itself");
  }
  expect(progressOf(trial)).toMatchObject({ quits: 2, failed: "the daemon ended by itself with 0, 2 times" });
  expect(existsSync(trial.at("nymvisor/rolled-back"))).toBe(false);
  await using last = await trial.run();
  await last.waitForEvent("started", { version: "1.0.0", count: 2 });
  await last.waitForLog(/the node is back on genesis/);
  expect(trial.node.events.of("started", "1.1.0")).toHaveLength(2);
  expect(trial.contents()).toEqual(before);
  expect((await last.stop()).status).toBe(0);
});

test("a version that a person may want to look at stays where going back by itself is off", async () => {
  await using trial = await prepareTrial({ settings: { NYMVISOR_ROLLBACK_AUTOMATIC: "false" } });
  await using run = await trial.run();
  trial.node.release("1.1.0", { behaviour: { exitAfter: 50, exitCode: 6 } });
  const { status, stderr } = await run.ended();
  expect(status).toBe(6);
  expect(stderr).toMatch(/1\.1\.0 stays although it did not prove itself: \[rollback\] automatic is off/);
  expect(stderr.trimEnd()).toEndWith("nymvisor ends with 6: the daemon exited with 6, and restarts are off");
  expect(trial.verdicts()).toEqual(["1.1.0 failed"]);
  expect(trial.node.current()).toBe("upgrades/1.1.0");
});
