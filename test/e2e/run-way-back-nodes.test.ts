import { expect, test } from "bun:test";
import { waitFor } from "../support/wait.ts";
import type { RunningNymvisor } from "./support/nymvisor.ts";
import type { PreparedNode } from "./support/prepared-node.ts";
import { prepareTrial, type TrialNode } from "./support/trial.ts";

/** What the daemons of one node were, in order; two nodes write into one event file. */
function startsOf({ id, events }: PreparedNode): string[] {
  return events
    .of("started")
    .filter(({ args }) => args?.[0] === id)
    .map(({ version }) => version);
}

async function waitForStart(node: PreparedNode, ...versions: string[]): Promise<void> {
  await waitFor(`${node.id} to have been ${versions}`, () => Bun.deepEquals(startsOf(node), versions), {
    file: node.events.path,
  });
}

/** When a line like this was written, as it stands before it. */
async function momentOf(run: RunningNymvisor, line: RegExp): Promise<string> {
  return (await run.waitForLog(line)).slice(0, 24);
}

interface Running {
  trial: TrialNode;
  node: PreparedNode;
  run: RunningNymvisor;
}

/** Two nodes on their old version. */
async function twoNodes(probation: string) {
  const settings = { NYMVISOR_HEALTH_PROBATION: probation };
  const one = await prepareTrial({ id: "one", settings });
  const two = await prepareTrial({ id: "two", beside: one.node, settings });
  return { one, two };
}

/** Starts both. */
async function runBoth(trials: readonly TrialNode[], stack: AsyncDisposableStack): Promise<Running[]> {
  const both: Running[] = [];
  for (const trial of trials) {
    const run = stack.use(await trial.node.run([trial.node.id]));
    await waitForStart(trial.node, "1.0.0");
    both.push({ trial, node: trial.node, run });
  }
  return both;
}

/** Whichever of them was quicker, and the other one. */
async function inOrder([one, two]: Running[]): Promise<[Running, Running]> {
  if (one === undefined || two === undefined) throw new Error("there are two nodes");
  await one.run.waitForEvent("started", { version: "1.1.0" });
  return startsOf(one.node).includes("1.1.0") ? [one, two] : [two, one];
}

test("the second of two nodes moves when the first one's version has proven itself", async () => {
  const { one, two } = await twoNodes("2s");
  await using _one = one;
  await using stack = new AsyncDisposableStack();
  const both = await runBoth([one, two], stack);
  one.node.release("1.1.0");
  both[0]?.run.signal("SIGHUP");
  const [first, second] = await inOrder(both);
  expect(startsOf(second.node)).toEqual(["1.0.0"]);
  await waitForStart(second.node, "1.0.0", "1.1.0");
  const proven = await momentOf(first.run, /1\.1\.0 has proven itself/);
  const stopped = await momentOf(second.run, /stopping the daemon/);
  expect([proven, stopped]).toEqual([proven, stopped].toSorted());
  await second.run.waitForLog(/1\.1\.0 has proven itself/);
  await waitFor("both verdicts", () => one.outcomes().filter(({ state }) => state === "passed").length === 2);
  expect(one.outcomes().map(({ home, kind }) => [home, kind])).toEqual([
    [first.node.daemonHome, "upgrade"],
    [second.node.daemonHome, "forward"],
  ]);
  for (const { run } of both) expect((await run.stop()).status).toBe(0);
});

test("none moves after the first has been put back, and what has failed is known to both", async () => {
  const { one, two } = await twoNodes("1h");
  await using _one = one;
  await using stack = new AsyncDisposableStack();
  const both = await runBoth([one, two], stack);
  const bad = one.node.release("1.1.0");
  both[0]?.run.signal("SIGHUP");
  const [first, second] = await inOrder(both);
  await waitFor("the trial", () => one.verdicts()[0] === "1.1.0 on-probation");
  process.kill(one.node.events.of("started", "1.1.0")[0]?.pid ?? 0, "SIGABRT");
  await waitForStart(first.node, "1.0.0", "1.1.0", "1.0.0");
  await first.trial.decided("1.1.0 rolled-back");
  expect(one.node.current()).toBe("genesis");
  // Under another name, and asked by the other node.
  one.node.announce({ ...bad, name: "hotfix" });
  second.run.signal("SIGHUP");
  await second.run.waitForLog(/the release hotfix .*is refused: these bytes failed/);
  expect(startsOf(second.node)).toEqual(["1.0.0"]);
  expect(second.run.stderr).not.toContain("stopping the daemon");
  for (const { run } of both) expect((await run.stop()).status).toBe(0);
  await using again = await second.node.run([second.node.id]);
  await waitForStart(second.node, "1.0.0", "1.0.0");
  expect((await again.stop()).status).toBe(0);
});

test("a node alone goes back from what others have proven, stays behind, and follows to what is newer", async () => {
  const { one, two } = await twoNodes("1s");
  await using _one = one;
  await using runOne = await one.node.run(["one"]);
  await waitForStart(one.node, "1.0.0");
  one.node.release("1.1.0");
  runOne.signal("SIGHUP");
  await one.decided("1.1.0 passed");
  const before = two.contents();
  await using runTwo = await two.node.run(["two"], { variables: { NYMVISOR_HEALTH_PROBATION: "1h" } });
  await waitForStart(two.node, "1.1.0");
  await waitFor("the trial", () => two.verdicts()[1] === "1.1.0 on-probation");
  const { pid } = two.node.events.of("started").find(({ args }) => args?.[0] === "two") ?? { pid: 0 };
  process.kill(pid, "SIGABRT");
  await waitForStart(two.node, "1.1.0", "1.0.0");
  await two.decided("1.1.0 passed", "1.1.0 rolled-back");
  expect(two.contents()).toEqual(before);
  // The other node is where it was, and so is what both go by.
  expect(one.node.current()).toBe("upgrades/1.1.0");
  expect([one.node.record().name, two.node.record().name]).toEqual(["1.1.0", "genesis"]);
  expect(startsOf(one.node)).toEqual(["1.0.0", "1.1.0"]);
  // Also when it is started again.
  await runTwo.stop();
  await using again = await two.node.run(["two"]);
  await waitForStart(two.node, "1.1.0", "1.0.0", "1.0.0");
  one.node.release("1.2.0");
  runOne.signal("SIGHUP");
  await waitForStart(one.node, "1.0.0", "1.1.0", "1.2.0");
  await waitForStart(two.node, "1.1.0", "1.0.0", "1.0.0", "1.2.0");
  await again.waitForLog(/1\.2\.0 has proven itself/);
  expect([(await runOne.stop()).status, (await again.stop()).status]).toEqual([0, 0]);
});
