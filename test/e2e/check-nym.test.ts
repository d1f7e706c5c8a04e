import { expect, test } from "bun:test";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { nymvisor } from "./support/nymvisor.ts";
import { prepareNode } from "./support/prepared-node.ts";

const FEED = "/nym-node/upgrade-info.json";
const FAR = "2199-01-01T00:00:00Z";

test("check tells of what Nym's endpoint announces in the same words", async () => {
  await using node = await prepareNode();
  node.release("1.1.0", { due: new Date(FAR), publishDate: "2026-01-01T00:00:00Z" });
  const told = async () => JSON.parse(expectSuccess(await nymvisor(node.home, ["check", "-o", "json"])));
  expect(await told()).toMatchObject({
    source: "nym",
    stale: false,
    running: { name: "genesis", version: "1.0.0" },
    candidates: [{ name: "1.1.0", state: "chosen", at: FAR, publishedAt: "2026-01-01T00:00:00Z" }],
  });
  node.release("0.9.0");
  expect(await told()).toMatchObject({ candidates: [{ name: "0.9.0", state: "older", at: null }] });
  expect(node.queue()).toEqual([]);
});

test("check fails where the endpoint says nothing that can be read", async () => {
  await using node = await prepareNode();
  node.server.announce("nym-node", "<html>");
  expectFailure(await nymvisor(node.home, ["check"]), 1, "no source of releases has given an answer", "nym:");
});

test("upgrade takes an announcement before its time, and a poll leaves that time alone", async () => {
  await using node = await prepareNode();
  node.release("1.1.0", { due: new Date(FAR) });
  const ended = await nymvisor(node.home, ["upgrade", "1.1.0", "--at", "2198-01-01T00:00:00Z"]);
  expect(ended).toMatchObject({ status: 0 });
  expect(node.plan().queuedUp).toMatchObject([{ name: "1.1.0", upgradeTime: "2198-01-01T00:00:00Z" }]);
  await using run = await node.run();
  await run.waitForLog(/1\.1\.0 is staged/);
  run.signal("SIGHUP");
  // That of the command, that of the start, and that of the signal.
  for (let asked = 0; asked < 3; asked++) await (await node.server.nextRequest(FEED)).closed;
  expect(node.plan().queuedUp).toMatchObject([{ upgradeTime: "2198-01-01T00:00:00Z" }]);
  expect(await nymvisor(node.home, ["upgrade"])).toMatchObject({ status: 0 });
  await run.waitForEvent("started", { version: "1.1.0" });
});
