import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import type { UpgradeInfo } from "../../src/model/documents.ts";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { buildLayout, type Layout } from "../../src/model/paths.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { type Journal, readJournal, writeJournal } from "../../src/upgrade/journal.ts";
import {
  appendHistory,
  readHistory,
  readVersionRecord,
  requirePlan,
  writePlan,
  writeVersionRecord,
} from "../../src/upgrade/shared-documents.ts";
import { takeStock } from "../../src/upgrade/take-stock.ts";
import { placeBuild, STANDING_CLOCK, setUpStaged } from "../support/builds.ts";
import { emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

const SWITCHED = NOON - 5_000_000_000n;

let home: TemporaryHome;
let layout: Layout;
let info: UpgradeInfo;

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
  info = setUpStaged(layout);
});
afterEach(() => home[Symbol.dispose]());

/** What a nymvisor leaves that is killed in this state. */
function leave(state: Journal["state"], kind: Journal["kind"] = "upgrade"): void {
  const performedAt = state === "switching" || state === "recording" ? SWITCHED : null;
  const build = sampleBuildInfo({ version: info.version });
  writeJournal(layout, {
    state,
    kind,
    from: "genesis",
    to: info,
    build,
    copy: null,
    trial: null,
    backup: null,
    startedAt: NOON,
    performedAt,
  });
}

const moveCurrent = (name = info.name) => switchCurrent(layout, buildLayout(layout, name));

/** Each document that follows from a switch, as it is written. */
const RECORDED = {
  record: () =>
    writeVersionRecord(layout, {
      name: info.name,
      version: info.version,
      upgradeTime: SWITCHED,
      binaryDetails: sampleBuildInfo({ version: info.version }),
    }),
  plan: () => writePlan(layout, { current: info, queuedUp: [] }),
  history: () => appendHistory(layout, { performedAt: SWITCHED, info }, "now"),
};

function stock(): NymvisorEvent[] {
  const events: NymvisorEvent[] = [];
  takeStock({ layout, clock: STANDING_CLOCK, emit: (event) => void events.push(event) });
  return events;
}

function expectUndone(): void {
  expect(stock()).toEqual([{ type: "upgrade.recovered", name: info.name, outcome: "undone" }]);
  expect(readJournal(layout)).toEqual({ state: "missing" });
  expect(readlinkSync(layout.current)).toBe("genesis");
  expect(requirePlan(layout)).toMatchObject({ current: { name: "genesis" }, queuedUp: [{ name: info.name }] });
  expect(readVersionRecord(layout)).toMatchObject({ value: { name: "genesis" } });
  expect(readHistory(layout)).toEqual({ state: "missing" });
  expect(stock()).toEqual([]);
}

function expectFinished(): void {
  expect(stock()).toContainEqual({ type: "upgrade.recovered", name: info.name, outcome: "finished" });
  expect(readJournal(layout)).toEqual({ state: "missing" });
  expect(readlinkSync(layout.current)).toBe(`upgrades/${info.name}`);
  expect(requirePlan(layout)).toEqual({ current: info, queuedUp: [] });
  expect(readVersionRecord(layout)).toMatchObject({ value: { name: info.name, upgradeTime: SWITCHED } });
  expect(readHistory(layout)).toEqual({ state: "found", value: { history: [{ performedAt: SWITCHED, info }] } });
  expect(stock()).toEqual([]);
}

describe("a nymvisor that was killed", () => {
  test.each(["stopping", "backing-up", "switching"] as const)(
    "in the state %s, before current was moved, has its upgrade still to come",
    (state) => {
      leave(state);
      expectUndone();
    },
  );

  test("just after current was moved has its upgrade finished", () => {
    leave("switching");
    moveCurrent();
    expectFinished();
  });

  const AFTER: (keyof typeof RECORDED)[][] = [[], ["record"], ["record", "plan"], ["record", "plan", "history"]];

  test.each(AFTER.map((written) => [written]))(
    "while it recorded, with %j written, has the rest written, each once",
    (written) => {
      leave("recording");
      moveCurrent();
      for (const document of written) RECORDED[document]();
      expectFinished();
    },
  );

  test("while it recorded, and whose plan is torn besides, has it made again", () => {
    leave("recording");
    moveCurrent();
    writeFileSync(layout.plan, "{");
    expectFinished();
    expect(readFileSync(`${layout.plan}.corrupt-2026-11-21-120000000`, "utf8")).toBe("{");
  });

  test("while it recorded, and whose current a person has put back since, is not upgraded behind that person's back", () => {
    leave("recording");
    expectUndone();
  });

  test("during an upgrade to something else than where current is by now leaves current alone", () => {
    placeBuild(layout, upgradeInfo({ version: "1.2.0" }));
    moveCurrent("1.2.0");
    leave("switching");
    expect(stock()).toContainEqual({ type: "upgrade.recovered", name: info.name, outcome: "undone" });
    expect(readlinkSync(layout.current)).toBe("upgrades/1.2.0");
    expect(requirePlan(layout)).toMatchObject({ current: { name: "1.2.0" }, queuedUp: [{ name: "1.1.0" }] });
  });
});

describe("a nymvisor that was killed while it brought its home after current", () => {
  beforeEach(() => {
    writePlan(layout, { current: info, queuedUp: [] });
    moveCurrent();
  });

  test.each(["stopping", "backing-up", "switching"] as const)("in the state %s has it still to bring", (state) => {
    leave(state, "forward");
    expect(stock()).toEqual([{ type: "upgrade.recovered", name: info.name, outcome: "undone" }]);
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: "genesis" } });
    expect(readlinkSync(layout.current)).toBe("upgrades/1.1.0");
    expect(readJournal(layout)).toEqual({ state: "missing" });
  });

  test("while it recorded has the record written, and nothing that the nodes share", () => {
    leave("recording", "forward");
    const plan = readFileSync(layout.plan, "utf8");
    expect(stock()).toEqual([{ type: "upgrade.recovered", name: info.name, outcome: "finished" }]);
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: info.name } });
    expect(readFileSync(layout.plan, "utf8")).toBe(plan);
    expect(readHistory(layout)).toEqual({ state: "missing" });
  });
});

test.each(["", '{"state": "stopp', '{"state": "dancing"}'])(
  "a journal that holds %j is kept, and where current points decides",
  (text) => {
    moveCurrent();
    writeFileSync(layout.journal, text);
    expect(stock().map(({ type }) => type)).toEqual(["document.set-aside", "document.rebuilt"]);
    const [kept = ""] = readdirSync(layout.instanceData).filter((name) => name.startsWith("journal.json.corrupt"));
    expect(readFileSync(`${layout.instanceData}/${kept}`, "utf8")).toBe(text);
    expect(requirePlan(layout)).toEqual({ current: info, queuedUp: [] });
  },
);
