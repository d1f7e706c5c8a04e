import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../support/wait.ts";
import { snapshot } from "../upgrade/archive/tree-snapshot.ts";
import { readJson } from "./support/instance.ts";
import { linesKept, prepareTrial, unpackedArchive } from "./support/trial.ts";

/** So long that a test decides when the version fails. */
const LONG = { NYMVISOR_HEALTH_PROBATION: "1h" };

test("a home that is put back is the one of the stop, to the last byte, and what it was meanwhile is kept", async () => {
  const settings = { ...LONG, DAEMON_BACKUP_DATA_DIRECTORY: "" };
  const atStop = { version: "1.0.0", replace: { file: "data/filter.bin", bytes: 30_000 } };
  const behaviour = { atStop, writeEvery: 2, migrations: ["1"] };
  await using trial = await prepareTrial({ settings, behaviour });
  await using run = await trial.run();
  await run.waitForEvent("started", { version: "1.0.0" });
  await waitFor("its writing", () => existsSync(trial.at("data.log")));
  trial.node.release("1.1.0", { behaviour: { writeEvery: 2, migrations: ["1", "2"] } });
  run.signal("SIGHUP");
  const { pid } = await run.waitForEvent("started", { version: "1.1.0" });
  const line = await run.waitForLog(/backed up into/, { within: 45_000 });
  await waitFor("its writing", () => readFileSync(trial.at("data.log"), "utf8").includes("1.1.0"));
  // It stays, though there is an archive, until there is a verdict.
  await trial.archived(run);
  expect(trial.copies()).toHaveLength(1);
  // The old version is not to write once it is back, so that its home can be compared.
  run.signal("SIGSTOP");
  process.kill(pid, "SIGKILL");
  const old = trial.node.binaryOf("genesis");
  const text = readFileSync(old, "utf8");
  writeFileSync(old, text.replace(JSON.stringify(behaviour), "{}"));
  expect(readFileSync(old, "utf8")).not.toBe(text);
  run.signal("SIGCONT");
  await run.waitForLog(/the node is back on genesis/);
  await run.waitForEvent("started", { version: "1.0.0", count: 2 });
  expect(run.stderr).not.toContain("restore of");

  const archive = / into (\S+):/.exec(line)?.[1] ?? "";
  const stopped = unpackedArchive(archive, trial.node.home.at("unpacked"));
  const { nymvisor: _, ...back } = trial.contents();
  expect(back).toEqual(stopped);
  expect(Object.keys(back)).toContain("data/filter.bin");
  expect(readFileSync(trial.at("migrations"), "utf8")).toBe("1\n");
  await waitFor("the copy to go", () => trial.copies().length === 0);
  expect(existsSync(archive)).toBe(true);

  const [folder = "", ...others] = trial.rolledBack();
  expect(others).toEqual([]);
  expect(folder).toMatch(/\/rolled-back\/1\.1\.0-\d{4}-\d\d-\d\d-\d{9}$/);
  await trial.decided("1.1.0 rolled-back");
  expect(trial.outcomes()[0]).toMatchObject({ kept: folder, backup: expect.anything() });
  expect(readJson(join(folder, "note.json"))).toMatchObject({
    name: "1.1.0",
    version: "1.1.0",
    to: "genesis",
    why: "the daemon was ended by SIGKILL",
    byHand: false,
  });
  const meanwhile = snapshot(join(folder, "home"));
  expect(Object.keys(meanwhile)).toEqual(Object.keys(back));
  expect(readFileSync(join(folder, "home/migrations"), "utf8")).toBe("1\n2\n");
  expect(readFileSync(join(folder, "home/data.log"), "utf8")).toContain("1.1.0");
  // There are keys in it.
  expect(statSync(folder).mode & 0o077).toBe(0);
  expect((await run.stop()).status).toBe(0);
});

describe("of what a version printed", () => {
  test("the last lines are kept with what it made of the home, and all arrived as they were", async () => {
    await using trial = await prepareTrial();
    const lines = Array.from({ length: 300 }, (_, index) => `line ${index} ${"\u00e9".repeat(index % 50)}`);
    const file = trial.node.home.at("lines");
    writeFileSync(file, `${lines.join("\n")}\n`);
    await using run = await trial.run();
    await run.waitForEvent("started", { version: "1.0.0" });
    const mark = run.stdout.length;
    trial.node.release("1.1.0", { behaviour: { printFile: file, exitAfter: 100, exitCode: 1 } });
    run.signal("SIGHUP");
    await run.waitForLog(/the node is back on genesis/);
    const output = await waitFor("the lines", () => {
      const [folder] = trial.rolledBack();
      return folder !== undefined && existsSync(join(folder, "output.log")) && folder;
    });
    // Half of them of either output.
    expect(linesKept(output)).toEqual([...lines.slice(200), ...lines.slice(200)]);
    await run.waitForOutput(/1\.1\.0 is running\n[\s\S]*1\.0\.0 is running\n/);
    expect(run.stdout.slice(mark)).toContain(readFileSync(file, "utf8"));
    expect(run.stderr).toContain(lines.slice(0, 100).join("\n"));
    expect((await run.stop()).status).toBe(0);
  });

  test("nothing is kept of one that passes", async () => {
    await using trial = await prepareTrial();
    await using run = await trial.run();
    trial.node.release("1.1.0");
    await run.waitForLog(/1\.1\.0 has proven itself/);
    await trial.decided("1.1.0 passed");
    await run.stop();
    expect(readdirSync(trial.node.instanceData).filter((name) => name.includes("output"))).toEqual([]);
  });
});

test.each([
  ["exit codes", { exitAfter: 0, exitCode: 3 }, "the daemon exited with 3, 3 times"],
  ["signals", { exitAfter: 30, exitSignal: "SIGSEGV" as const }, "the daemon was ended by SIGSEGV, 3 times"],
])(
  "a version is started again as often as the settings allow, before it is gone back from: %s",
  async (_, behaviour, why) => {
    const settings = {
      NYMVISOR_HEALTH_PROBATION: "1h",
      DAEMON_RESTART_ON_FAILURE: "true",
      DAEMON_FAILURE_RESTART_DELAY: "20ms",
      DAEMON_MAX_STARTUP_FAILURES: "3",
    };
    await using trial = await prepareTrial({ settings });
    await using run = await trial.run();
    await run.waitForEvent("started", { version: "1.0.0" });
    const before = trial.contents();
    trial.node.release("1.1.0", { behaviour });
    run.signal("SIGHUP");
    await run.waitForLog(/the node is back on genesis/);
    await run.waitForEvent("started", { version: "1.0.0", count: 2 });
    expect(trial.node.events.of("started", "1.1.0")).toHaveLength(3);
    await trial.decided("1.1.0 rolled-back");
    expect(trial.outcomes()[0]?.why).toBe(why);
    expect(trial.contents()).toEqual(before);
    expect(run.stderr).toMatch(/starts again in 20ms; failures in a row: 2 of at most 3/);
    expect((await run.stop()).status).toBe(0);
  },
);
