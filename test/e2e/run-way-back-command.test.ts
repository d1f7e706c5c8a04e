import { describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { waitFor } from "../support/wait.ts";
import { processesOf } from "./support/nymvisor.ts";
import { prepareTrial } from "./support/trial.ts";

/** A new version that a command judges, which is content with the version before. @returns why it was put back. */
async function judgedBy(command: string): Promise<string> {
  const settings = { NYMVISOR_HEALTH_COMMAND_TIMEOUT: "300ms" };
  await using trial = await prepareTrial({ settings });
  const sick = trial.node.home.at("sick");
  const variables = { NYMVISOR_HEALTH_COMMAND: `[ ! -e '${sick}' ] || { ${command} }` };
  await using run = await trial.run([], variables);
  await run.waitForEvent("started", { version: "1.0.0" });
  const before = trial.contents();
  trial.node.release("1.1.0");
  run.signal("SIGHUP");
  await run.waitForLog(/1\.1\.0 is staged/);
  writeFileSync(sick, "");
  await run.waitForLog(/the node is back on genesis/);
  await run.waitForEvent("started", { version: "1.0.0", count: 2 });
  expect(trial.contents()).toEqual(before);
  const daemon = trial.node.running();
  await waitFor("nothing of the command to be left", () => {
    return processesOf(trial.node.home).every((pid) => pid === run.pid || daemon.includes(pid));
  });
  await trial.decided("1.1.0 rolled-back");
  expect((await run.stop()).status).toBe(0);
  return trial.outcomes()[0]?.why ?? "";
}

describe("a version is not well by a command", () => {
  test("that says why", async () => {
    expect(await judgedBy("echo looking; echo no packets since the start; exit 7;")).toMatch(
      /exited with 7: no packets since the start$/,
    );
  });

  test("that hangs", async () => {
    expect(await judgedBy("sleep 600;")).toMatch(/did not end within 300ms$/);
  });

  test("that hangs in a process which it left behind", async () => {
    expect(await judgedBy("sleep 600 & sleep 600 & exit 1;")).toMatch(/exited with 1$/);
  });
});

test("a version passes by a command that leaves processes behind, and they are ended", async () => {
  await using trial = await prepareTrial();
  const variables = { NYMVISOR_HEALTH_COMMAND: "sleep 600 & exit 0" };
  await using run = await trial.run([], variables);
  trial.node.release("1.1.0");
  await run.waitForLog(/1\.1\.0 has proven itself/);
  await trial.decided("1.1.0 passed");
  expect(existsSync(trial.at("nymvisor/rolled-back"))).toBe(false);
  const daemon = trial.node.running();
  await waitFor("nothing of the command to be left", () => {
    return processesOf(trial.node.home).every((pid) => pid === run.pid || daemon.includes(pid));
  });
  expect((await run.stop()).status).toBe(0);
});
