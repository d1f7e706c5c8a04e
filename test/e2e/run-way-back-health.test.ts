import { describe, expect, test } from "bun:test";
import { answerDripping, answerEndlessly, answerWith, redirectTo } from "../support/responders.ts";
import { type NodeFront, type Sickness, startFront } from "./support/node-front.ts";
import { prepareTrial, type TrialNode } from "./support/trial.ts";

const UP = JSON.stringify({ status: "up", uptime: 5 });

/** A new version of a node that had answered. @returns why it was put back. */
async function putBack(
  sicken: (front: NodeFront, trial: TrialNode) => void | Promise<void>,
  settings: Readonly<Record<string, string>> = {},
): Promise<string> {
  await using trial = await prepareTrial({ settings });
  using front = await startFront(trial.node);
  await using run = await trial.run();
  await run.waitForEvent("started", { version: "1.0.0" });
  const before = trial.contents();
  trial.node.release("1.1.0");
  run.signal("SIGHUP");
  await Promise.all([sicken(front, trial), run.waitForEvent("started", { version: "1.1.0" })]);
  await run.waitForLog(/the node is back on genesis/);
  expect(trial.contents()).toEqual(before);
  await trial.node.oneRuns();
  await trial.decided("1.1.0 rolled-back");
  expect((await run.stop()).status).toBe(0);
  return trial.outcomes()[0]?.why ?? "";
}

/** Its pages are such. */
const pages = (sickness: Sickness) => (front: NodeFront) => front.ails("1.1.0", sickness);

/** Answers in turn. */
function flapping(): Sickness {
  let asked = 0;
  return {
    health: (exchange) => {
      asked += 1;
      return answerWith(asked % 2 === 0 ? 200 : 503, JSON.stringify({ status: "up", uptime: asked }))(exchange);
    },
  };
}

describe("a version is not well", () => {
  test.each<[string, Sickness, RegExp]>([
    ["answers with HTML", { health: answerWith(200, "<html>sign in</html>") }, /HTML|JSON/],
    ["leads elsewhere", { health: redirectTo("/login") }, /302/],
    ["answers without an end", { health: answerEndlessly({ type: "application/json" }) }, /64\.0 KiB/],
    ["answers now and then", flapping(), /503/],
  ])("that %s", async (_, sickness, why) => {
    expect(await putBack(pages(sickness))).toMatch(why);
  });

  test.concurrent.each<[string, Sickness]>([
    ["takes the question and says nothing", { health: ({ connection }) => connection.closed }],
    ["never comes to the end of its answer", { build: answerDripping(50) }],
  ])("that %s", async (_, sickness) => {
    expect(await putBack(pages(sickness))).toMatch(/did not answer within 5s/);
  });

  test("whose uptime does not rise", async () => {
    const settings = { NYMVISOR_HEALTH_INTERVAL: "1100ms", NYMVISOR_HEALTH_PROBATION: "2s" };
    expect(await putBack(pages({ health: answerWith(200, UP) }), settings)).toMatch(/uptime/);
  });

  test("that takes no more packets, though its pages say that it is up", async () => {
    const close = async (front: NodeFront, { node }: TrialNode) => {
      await node.events.wait("started", { version: "1.1.0" });
      front.closeMixnet();
    };
    expect(await putBack(close, { NYMVISOR_HEALTH_PROBATION: "2s" })).toMatch(/^port \d+ of 127\.0\.0\.1 refused/);
  });
});
