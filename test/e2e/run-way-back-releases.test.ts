import { describe, expect, test } from "bun:test";
import { waitFor } from "../support/wait.ts";
import { type RunningNymvisor, succeed } from "./support/nymvisor.ts";
import { prepareTrial, type TrialNode } from "./support/trial.ts";

const BAD = { behaviour: { exitAfter: 50, exitCode: 3 } };

/** What was said, in this order. */
async function inOrder(run: RunningNymvisor, ...said: RegExp[]): Promise<void> {
  const places: number[] = [];
  for (const words of said) {
    await run.waitForLog(words);
    places.push(run.stderr.search(words));
  }
  expect(places).toEqual(places.toSorted((a, b) => a - b));
}

/** The names of the releases that were started since, each as often as it was. */
const startsOf = ({ node }: TrialNode) => node.events.of("started").map(({ version }) => version);

describe("a release that has failed", () => {
  test("is not tried again by itself under any name; a newer one is, and a person may want it all the same", async () => {
    await using trial = await prepareTrial();
    const { node } = trial;
    await using run = await trial.run();
    await run.waitForEvent("started", { version: "1.0.0" });
    const bad = node.release("1.1.0", BAD);
    run.signal("SIGHUP");
    await run.waitForLog(/the node is back on genesis/);
    // As it was announced before, and again.
    run.signal("SIGHUP");
    await waitFor("a refusal", () => /these bytes failed/.test(node.status().refused["1.1.0"] ?? ""));
    node.announce({ ...bad, name: "hotfix" });
    run.signal("SIGHUP");
    await waitFor("a refusal", () => /these bytes failed/.test(node.status().refused.hotfix ?? ""));
    expect(node.queue()).toEqual([]);
    // Nor is it brought in by a run that has not seen it fail.
    await run.stop();
    await using next = await trial.run();
    await next.waitForLog(/the release hotfix \(1\.1\.0\) is refused: these bytes failed, and the node was put back/);
    node.release("1.2.0");
    next.signal("SIGHUP");
    await next.waitForLog(/1\.2\.0 has proven itself/);
    expect(startsOf(trial)).toEqual(["1.0.0", "1.1.0", "1.0.0", "1.0.0", "1.2.0"]);
    await trial.decided("1.1.0 rolled-back", "1.2.0 passed");
    expect((await next.stop()).status).toBe(0);
  });

  test("is tried again when a person says so, and put back again", async () => {
    await using trial = await prepareTrial();
    const { node } = trial;
    await using run = await trial.run();
    await run.waitForEvent("started", { version: "1.0.0" });
    node.release("1.1.0", BAD);
    run.signal("SIGHUP");
    await run.waitForLog(/the node is back on genesis/);
    await run.waitForEvent("started", { version: "1.0.0", count: 2 });
    await succeed(node.home, ["upgrade", "1.1.0", "--retry"], { variables: { NYMVISOR_ID: node.id } });
    await run.waitForEvent("started", { version: "1.0.0", count: 3 });
    expect(startsOf(trial)).toEqual(["1.0.0", "1.1.0", "1.0.0", "1.1.0", "1.0.0"]);
    await trial.decided("1.1.0 rolled-back", "1.1.0 rolled-back");
    expect(trial.rolledBack()).toHaveLength(2);
    expect((await run.stop()).status).toBe(0);
  });
});

describe("a release that falls due while another has to prove itself", () => {
  test("waits until that has", async () => {
    await using trial = await prepareTrial({ settings: { NYMVISOR_HEALTH_PROBATION: "3s" } });
    const { node } = trial;
    await using run = await trial.run();
    node.release("1.1.0");
    await run.waitForEvent("started", { version: "1.1.0" });
    node.release("1.2.0");
    run.signal("SIGHUP");
    await run.waitForEvent("started", { version: "1.2.0" });
    await inOrder(run, /1\.2\.0 is staged/, /1\.1\.0 has proven itself/, /upgrading from 1\.1\.0 to 1\.2\.0/);
    await waitFor("a new trial", () => trial.verdicts()[1] === "1.2.0 on-probation");
    expect(trial.verdicts()[0]).toBe("1.1.0 passed");
    expect((await run.stop()).status).toBe(0);
  });

  test("goes ahead after the way back", async () => {
    await using trial = await prepareTrial({ settings: { NYMVISOR_HEALTH_PROBATION: "1h" } });
    const { node } = trial;
    await using run = await trial.run();
    node.release("1.1.0");
    const { pid } = await run.waitForEvent("started", { version: "1.1.0" });
    await run.waitForLog(/1\.1\.0 1\.1\.0 has 1h to prove itself/);
    node.release("1.2.0");
    run.signal("SIGHUP");
    await run.waitForLog(/1\.2\.0 is staged/);
    process.kill(pid, "SIGSEGV");
    await run.waitForEvent("started", { version: "1.2.0" });
    await inOrder(run, /the node was put back from 1\.1\.0 to genesis/, /upgrading from genesis to 1\.2\.0/);
    await waitFor("a new trial", () => trial.verdicts()[1] === "1.2.0 on-probation");
    expect(trial.verdicts()[0]).toBe("1.1.0 rolled-back");
    expect(node.current()).toBe("upgrades/1.2.0");
    expect((await run.stop()).status).toBe(0);
  });
});

test("two ways back in a row hold what comes next, until a person lifts that", async () => {
  await using trial = await prepareTrial();
  const { node } = trial;
  const variables = { NYMVISOR_ID: node.id };
  await using run = await trial.run();
  await run.waitForEvent("started", { version: "1.0.0" });
  for (const [index, version] of ["1.1.0", "1.2.0"].entries()) {
    node.release(version, BAD);
    run.signal("SIGHUP");
    await run.waitForEvent("started", { version: "1.0.0", count: 2 + index });
  }
  await run.waitForLog(/upgrades are held/);
  node.release("1.3.0");
  run.signal("SIGHUP");
  await run.waitForLog(/1\.3\.0 is staged/);
  const plan = await succeed(node.home, ["plan"], { variables });
  expect(plan.replace(/\s+/g, " ")).toContain("two versions in a row did not prove themselves and were put back");
  expect(node.events.of("started", "1.3.0")).toEqual([]);
  // It holds for whoever starts it anew as well.
  await run.stop();
  await using next = await trial.run();
  await next.waitForLog(/upgrades are held/);
  await next.waitForEvent("started", { version: "1.0.0", count: 4 });
  await succeed(node.home, ["resume"], { variables });
  await next.waitForLog(/1\.3\.0 has proven itself/);
  await trial.decided("1.1.0 rolled-back", "1.2.0 rolled-back", "1.3.0 passed");
  expect((await next.stop()).status).toBe(0);
});
