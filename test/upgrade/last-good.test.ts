import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { buildLayout, type Layout, layoutOf } from "../../src/model/paths.ts";
import { systemClock } from "../../src/system/clock.ts";
import { keepLastGood } from "../../src/upgrade/last-good.ts";
import {
  appendHistory,
  readHistory,
  readPlan,
  readVersionRecord,
  writePlan,
  writeUpgradeInfo,
  writeVersionRecord,
} from "../../src/upgrade/shared-documents.ts";
import { takeStock } from "../../src/upgrade/take-stock.ts";
import { configurationWith } from "../support/configuration.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

const genesis = upgradeInfo({ name: "genesis", version: "1.0.0", upgradeTime: 0n });
const done = upgradeInfo({ version: "1.1.0" });
const queued = upgradeInfo({ version: "1.2.0" });

/** An instance on 1.1.0 with 1.2.0 in its plan, whose documents were all seen to be good. */
function upgradedInstance(home: TemporaryHome): Layout {
  const configuration = configurationWith({ DAEMON_HOME: home.at("node") });
  const layout = layoutOf(home.path, configuration, home.at("data"));
  for (const folder of [layout.instanceData, layout.homeNymvisor]) mkdirSync(folder, { recursive: true });
  for (const info of [genesis, done]) {
    const build = buildLayout(layout, info.name);
    mkdirSync(build.bin, { recursive: true });
    writeFileSync(build.binary, info.version);
    writeUpgradeInfo(build, info);
  }
  symlinkSync("upgrades/1.1.0", layout.current);
  writePlan(layout, { current: done, queuedUp: [queued] });
  appendHistory(layout, { performedAt: NOON, info: done }, "stamp");
  const binaryDetails = sampleBuildInfo({ version: "1.1.0" });
  writeVersionRecord(layout, { name: "1.1.0", version: "1.1.0", upgradeTime: NOON, binaryDetails });
  keepLastGood(layout);
  return layout;
}

function putInOrder(layout: Layout): NymvisorEvent[] {
  const events: NymvisorEvent[] = [];
  takeStock({ layout, clock: systemClock, emit: (event) => events.push(event) });
  return events;
}

/** The bytes of what was set aside of a document. */
function setAsideOf(path: string): string[] {
  const folder = dirname(path);
  const names = readdirSync(folder).filter((name) => name.startsWith(`${basename(path)}.corrupt-`));
  return names.map((name) => readFileSync(join(folder, name), "utf8"));
}

test("a torn plan is kept aside, and goes on from its last good copy", () => {
  using home = temporaryHome();
  const layout = upgradedInstance(home);
  writeFileSync(layout.plan, '{"current": {"nam');
  const events = putInOrder(layout);
  const plan = readPlan(layout);
  if (plan.state !== "found") throw new Error(plan.state);
  expect(plan.value.current.name).toBe("1.1.0");
  expect(plan.value.queuedUp.map(({ name }) => name)).toEqual(["1.2.0"]);
  expect(setAsideOf(layout.plan)).toEqual(['{"current": {"nam']);
  const rebuilt = events.find((event) => event.type === "document.rebuilt");
  expect(rebuilt).toMatchObject({ path: layout.plan, from: join(layout.lastGood, "upgrade-plan.json") });
});

test("an entry that was performed since the copy was made does not come back with it", () => {
  using home = temporaryHome();
  const layout = upgradedInstance(home);
  appendHistory(layout, { performedAt: NOON + 1n, info: queued }, "stamp");
  writeFileSync(layout.plan, "");
  putInOrder(layout);
  const plan = readPlan(layout);
  expect(plan.state === "found" && plan.value.queuedUp).toEqual([]);
});

test("an empty history goes on from its last good copy, also when an upgrade is just being noted", () => {
  using home = temporaryHome();
  const layout = upgradedInstance(home);
  writeFileSync(layout.history, "");
  const kept = appendHistory(layout, { performedAt: NOON + 1n, info: queued }, "stamp");
  expect(kept).toBe(`${layout.history}.corrupt-stamp`);
  const history = readHistory(layout);
  if (history.state !== "found") throw new Error(history.state);
  expect(history.value.history.map(({ info }) => info.name)).toEqual(["1.1.0", "1.2.0"]);
});

test("a record of the home that cannot be read goes on from its last good copy", () => {
  using home = temporaryHome();
  const layout = upgradedInstance(home);
  writeFileSync(layout.versionRecord, "[]");
  putInOrder(layout);
  const record = readVersionRecord(layout);
  expect(record.state === "found" && record.value.name).toBe("1.1.0");
  expect(setAsideOf(layout.versionRecord)).toEqual(["[]"]);
});

test("what cannot be used never replaces a good copy", () => {
  using home = temporaryHome();
  const layout = upgradedInstance(home);
  writeFileSync(layout.plan, "garbage");
  keepLastGood(layout);
  putInOrder(layout);
  expect(readPlan(layout).state).toBe("found");
  expect(setAsideOf(layout.plan)).toEqual(["garbage"]);
});
