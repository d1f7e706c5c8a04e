import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeDocument } from "../../src/model/documents.ts";
import { type Outcome, outcomesSchema } from "../../src/model/outcomes.ts";
import { replaceLinkDurably } from "../../src/system/durable.ts";
import { sha256Of } from "../support/github-model.ts";
import { outcome } from "../support/outcomes.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import type { GithubNode } from "./support/github-node.ts";
import { prepareTrain, tagOf } from "./support/github-orders.ts";
import { nextBinary, readJson } from "./support/instance.ts";
import { nymvisor } from "./support/nymvisor.ts";
import { prepareNode } from "./support/prepared-node.ts";

const note = (data: string, changes: Partial<Outcome>) => {
  const failed = outcome({ state: "rolled-back", why: "it was not well", ...changes });
  writeFileSync(join(data, "upgrade-outcomes.json"), encodeDocument(outcomesSchema, { outcomes: [failed] }));
};
const forgiven = (data: string) =>
  readJson<{ outcomes: { forgiven: boolean }[] }>(join(data, "upgrade-outcomes.json")).outcomes.map(
    (one) => one.forgiven,
  );
const newest = (node: GithubNode) => sha256Of(node.github.releases.at(-1)?.assets[0]?.content ?? new Uint8Array());

test("a release whose bytes failed under another name is passed over for the one before it, until it is retried", async () => {
  await using node = await prepareTrain();
  note(node.data, { name: "hotfix", sha256: newest(node) });
  const told = JSON.parse(expectSuccess(await node.type(["check", "-o", "json"])));
  expect(told.candidates[0]).toMatchObject({
    state: "refused",
    why: expect.stringContaining("upgrade hotfix --retry"),
  });
  expect(told.candidates[1]).toMatchObject({ name: tagOf("1.3.0"), state: "chosen" });
  expectFailure(await node.type(["upgrade", "1.4.0"]), 1, "it was not well", "nymvisor upgrade hotfix --retry");
  await using run = await node.run();
  await run.waitForEvent("started", { version: "1.3.0" });
  expect(forgiven(node.data)[0]).toBe(false);
  expectSuccess(await node.type(["upgrade", tagOf("1.4.0"), "--retry"]));
  await run.waitForEvent("started", { version: "1.4.0" });
  expect(forgiven(node.data)[0]).toBe(true);
});

test("an announcement of bytes that failed is not queued, and what is queued is not performed", async () => {
  await using node = await prepareNode();
  const first = node.release("1.1.0", { due: new Date("2199-01-01T00:00:00Z") });
  expectSuccess(await nymvisor(node.home, ["upgrade", "1.1.0", "--at", "2199-01-01T00:00:00Z"]));
  const { checksum } = first.platforms.any ?? {};
  note(node.data, { name: "1.1.0", version: "1.1.0", sha256: checksum ?? "" });
  const plan = JSON.parse(expectSuccess(await nymvisor(node.home, ["plan", "-o", "json"])));
  expect(plan.queued).toMatchObject([{ name: "1.1.0", staging: "refused", at: null }]);
  expect(plan.queued[0].why).toContain("these bytes failed, and the node was put back");
  expectFailure(await nymvisor(node.home, ["upgrade", "1.1.0"]), 1, "--retry");
  const again = { ...first, name: "again" };
  node.server.announce("nym-node", JSON.stringify(again));
  const told = JSON.parse(expectSuccess(await nymvisor(node.home, ["check", "-o", "json"])));
  expect(told.candidates).toMatchObject([{ name: "again", state: "refused" }]);
  await using run = await node.run();
  await run.waitForLog(/again \(1\.1\.0\) is refused: these bytes failed/);
  expect(node.queue()).toEqual(["1.1.0"]);
});

test("a binary that failed is not brought again under another name, also not by force; retried, it is performed", async () => {
  await using node = await prepareNode();
  const binary = nextBinary(node.home, "1.1.0");
  const add = (...words: string[]) => nymvisor(node.home, ["add-upgrade", binary, "--now", "--upgrade-name", ...words]);
  const record = join(node.daemonHome, "nymvisor", "current-version-info.json");
  const [plan, version] = [readFileSync(node.planPath), readFileSync(record)];
  expectSuccess(await add("first"));
  {
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
    await run.stop();
  }
  // As a way back leaves it.
  writeFileSync(node.planPath, plan);
  writeFileSync(record, version);
  replaceLinkDurably(join(node.data, "current"), "genesis");
  note(node.data, { name: "first", version: "1.1.0", home: node.daemonHome, sha256: sha256Of(readFileSync(binary)) });
  for (const words of [["second"], ["second", "--force"]]) {
    expectFailure(await add(...words), 1, "second is not performed", "it was not well", "upgrade first --retry");
  }
  expect(node.queue()).toEqual([]);
  expectSuccess(await nymvisor(node.home, ["upgrade", "first", "--retry"]));
  await using run = await node.run();
  await run.waitForEvent("started", { version: "1.1.0" });
  expect(forgiven(node.data)[0]).toBe(true);
});

test("--retry needs to be told what", async () => {
  await using node = await prepareNode();
  expectFailure(await nymvisor(node.home, ["upgrade", "--retry"]), 2, "needs the name");
});
