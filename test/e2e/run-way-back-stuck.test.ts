import { describe, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { writeSampleDaemon } from "../support/sample-daemon.ts";
import { waitFor } from "../support/wait.ts";
import { hasSmallDisks } from "./support/small-disk.ts";
import { backupsElsewhere, prepareTrial } from "./support/trial.ts";

/** So long that a test decides when the version fails. */
const LONG = { NYMVISOR_HEALTH_PROBATION: "1h" };

test("an old version that does not start either is started ever more slowly, and nothing is removed meanwhile", async () => {
  await using trial = await prepareTrial({ settings: { ...LONG, DAEMON_FAILURE_RESTART_DELAY: "20ms" } });
  const { node } = trial;
  await using run = await trial.run();
  await run.waitForEvent("started", { version: "1.0.0" });
  const before = trial.contents();
  node.release("1.1.0");
  run.signal("SIGHUP");
  const { pid } = await run.waitForEvent("started", { version: "1.1.0" });
  await run.waitForLog(/has 1h to prove itself/);
  const genesis = { path: node.binaryOf("genesis"), options: { version: "1.0.0" } };
  writeSampleDaemon(genesis.path, genesis.options, { exitAfter: 0, exitCode: 9 });
  process.kill(pid, "SIGKILL");
  const delays = () => [...run.stderr.matchAll(/starts again in (\S+); .*, and it goes on/g)].map(([, delay]) => delay);
  await waitFor("more than one start", () => delays().length >= 2);
  expect(delays().slice(0, 2)).toEqual(["1s", "2s"]);
  await trial.decided("1.1.0 rolled-back");
  const [kept = ""] = trial.rolledBack();
  expect(trial.status().wayBack).toEqual({
    from: "1.1.0",
    to: "genesis",
    why: "the daemon was ended by SIGKILL",
    kept,
  });
  expect(existsSync(`${kept}/home/key.pem`)).toBe(true);
  expect(existsSync(node.binaryOf("1.1.0"))).toBe(true);
  expect(trial.contents()).toEqual(before);
  // Whatever was wrong with it is mended.
  writeSampleDaemon(genesis.path, genesis.options);
  await waitFor("the daemon", () => node.running().length === 1);
  expect((await run.stop()).status).toBe(0);
});

describe("a version stays that there is no way back from", () => {
  test("because the version before is gone", async () => {
    await using trial = await prepareTrial({ settings: { ...LONG, DAEMON_FAILURE_RESTART_DELAY: "20ms" } });
    await using run = await trial.run();
    trial.node.release("1.1.0");
    const { pid } = await run.waitForEvent("started", { version: "1.1.0" });
    await run.waitForLog(/has 1h to prove itself/);
    rmSync(trial.node.binaryOf("genesis"));
    process.kill(pid, "SIGKILL");
    await run.waitForLog(/1\.1\.0 stays .*the binary of the version before is gone/);
    await run.waitForEvent("started", { version: "1.1.0", count: 2 });
    await trial.decided("1.1.0 failed");
    expect((await run.stop()).status).toBe(0);
    expect(trial.node.current()).toBe("upgrades/1.1.0");
  });

  test("because neither its copy nor its archive is there any more", async () => {
    await using trial = await prepareTrial({ settings: { ...LONG, DAEMON_FAILURE_RESTART_DELAY: "20ms" } });
    await using run = await trial.run();
    trial.node.release("1.1.0");
    const { pid } = await run.waitForEvent("started", { version: "1.1.0" });
    await trial.archived(run);
    for (const path of [trial.at("nymvisor/copies"), trial.node.backups]) rmSync(path, { recursive: true });
    process.kill(pid, "SIGKILL");
    await run.waitForLog(/1\.1\.0 stays .*the home that was saved before the upgrade is there no more/);
    await run.waitForEvent("started", { version: "1.1.0", count: 2 });
    await trial.decided("1.1.0 failed");
    expect((await run.stop()).status).toBe(0);
  });

  test("though its copy is gone it goes back by its archive", async () => {
    await using trial = await prepareTrial({ settings: { ...LONG, DAEMON_FAILURE_RESTART_DELAY: "20ms" } });
    await using run = await trial.run();
    await run.waitForEvent("started", { version: "1.0.0" });
    const before = trial.contents();
    trial.node.release("1.1.0");
    run.signal("SIGHUP");
    const { pid } = await run.waitForEvent("started", { version: "1.1.0" });
    await trial.archived(run);
    rmSync(trial.at("nymvisor/copies"), { recursive: true });
    process.kill(pid, "SIGKILL");
    await run.waitForLog(/the node is back on genesis/);
    expect(trial.contents()).toEqual(before);
    await trial.decided("1.1.0 rolled-back");
    await waitFor("nothing to be left", () => !existsSync(trial.at("nymvisor/restoring")));
    expect((await run.stop()).status).toBe(0);
  });
});

test.skipIf(!hasSmallDisks)(
  "a way back that has no room waits for it, says so, and the new version runs on",
  async () => {
    const settings = { ...LONG, DAEMON_FAILURE_RESTART_DELAY: "100ms" };
    await using trial = await prepareTrial({ saving: "archive", settings });
    const { node } = trial;
    await using run = await trial.run([], backupsElsewhere(trial));
    await run.waitForEvent("started", { version: "1.0.0" });
    const before = trial.contents();
    node.release("1.1.0");
    run.signal("SIGHUP");
    const { pid } = await run.waitForEvent("started", { version: "1.1.0" });
    await waitFor("the documents", () => trial.isOnProbation());
    const filler = trial.at("filler");
    Bun.spawnSync(["sh", "-c", 'cat /dev/zero >"$1"', "sh", filler]);
    process.kill(pid, "SIGKILL");
    expect(await run.waitForLog(/ENOSPC/)).toMatch(/1\.1\.0 .*no space is left.*trying again in 10s/);
    await run.waitForEvent("started", { version: "1.1.0", count: 2 });
    expect(node.current()).toBe("upgrades/1.1.0");
    rmSync(filler);
    await run.waitForLog(/the node is back on genesis/);
    expect(trial.contents()).toEqual(before);
    expect((await run.stop()).status).toBe(0);
  },
);
