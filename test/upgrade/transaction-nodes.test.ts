import { afterEach, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import type { UpgradeInfo } from "../../src/model/documents.ts";
import { buildLayout } from "../../src/model/paths.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { appendHistory, requirePlan, writePlan } from "../../src/upgrade/shared-documents.ts";
import { takeStock } from "../../src/upgrade/take-stock.ts";
import { perform } from "../../src/upgrade/transaction.ts";
import { placeBuild, STANDING_CLOCK, setUp } from "../support/builds.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";
import { TransactionFixture, targetOf } from "./transaction-fixture.ts";

/* Two nodes share the builds. The other one has performed `theirs`, more or less of it, since `ours` was decided on. */

const theirs = upgradeInfo({ version: "1.2.0" });
const ours = upgradeInfo({ version: "1.1.0", upgradeTime: NOON });

let at: TransactionFixture;

beforeEach(() => {
  at = new TransactionFixture();
  setUp(at.layout, theirs, ours);
  for (const info of [theirs, ours]) placeBuild(at.layout, info);
});
afterEach(() => at[Symbol.dispose]());

function moveCurrent(info: UpgradeInfo): void {
  switchCurrent(at.layout, buildLayout(at.layout, info.name));
}

function writeDown(info: UpgradeInfo): void {
  const plan = requirePlan(at.layout);
  writePlan(at.layout, { ...plan, current: info, queuedUp: plan.queuedUp.filter(({ name }) => name !== info.name) });
  appendHistory(at.layout, { performedAt: NOON, info }, "now");
}

const settle = async () => takeStock({ layout: at.layout, clock: STANDING_CLOCK, emit: () => {} });

test("an upgrade is not begun from a build that it was not decided on", async () => {
  moveCurrent(theirs);
  writeDown(theirs);
  expect(await perform(at.context(), targetOf(ours))).toMatchObject({ outcome: "given-up", stopped: false });
  expect(at.steps).toEqual([]);
});

test("a move of current that the other node could not write down is written down before anything starts from it", async () => {
  moveCurrent(theirs);
  const result = await perform(at.context({ settle }), targetOf(ours, theirs.name));
  expect(result).toMatchObject({ outcome: "given-up", stopped: false, reason: expect.stringContaining("1.2.0") });
  expect(at.steps).toEqual([]);
  expect(requirePlan(at.layout)).toMatchObject({ current: { name: "1.2.0" }, queuedUp: [{ name: "1.1.0" }] });
  expect(at.history()).toMatchObject([{ info: { name: "1.2.0" } }]);
});

test("a build that nothing tells anything about is nothing to start from, and the node goes on", async () => {
  writePlan(at.layout, { ...requirePlan(at.layout), queuedUp: [ours] });
  rmSync(buildLayout(at.layout, theirs.name).info);
  moveCurrent(theirs);
  const result = await perform(at.context({ settle }), targetOf(ours, theirs.name));
  expect(result).toMatchObject({
    outcome: "failed",
    stopped: false,
    reason: expect.stringContaining("ln -sfn genesis"),
  });
  expect(at.steps).toEqual([]);
});

test("an upgrade does not take the place of what current was moved to while the home was saved", async () => {
  const stopDaemon = async () => {
    moveCurrent(theirs);
    return true;
  };
  const result = await perform(at.context({ stopDaemon }), targetOf(ours));
  expect(result).toMatchObject({ outcome: "given-up", stopped: true, reason: expect.stringContaining("1.2.0") });
  expect(at.situation()).toBe("journal missing, current upgrades/1.2.0");
  expect(requirePlan(at.layout).queuedUp).toHaveLength(2);
});
