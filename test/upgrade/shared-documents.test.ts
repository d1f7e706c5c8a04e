import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { buildLayout, type Layout } from "../../src/model/paths.ts";
import {
  appendHistory,
  inOrder,
  readHistory,
  readPlan,
  readVersionRecord,
  requirePlan,
  requireUpgradeInfo,
  writePlan,
  writeVersionRecord,
} from "../../src/upgrade/shared-documents.ts";
import { setUp } from "../support/builds.ts";
import { failureOf } from "../support/failure.ts";
import { emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

let home: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
});
afterEach(() => home[Symbol.dispose]());

describe("the plan", () => {
  test("is written in order of due time, entries of the same time as they stood", () => {
    const [a, b, c, d] = [
      upgradeInfo({ name: "a", upgradeTime: NOON + 1n }),
      upgradeInfo({ name: "b" }),
      upgradeInfo({ name: "c", upgradeTime: -NOON }),
      upgradeInfo({ name: "d" }),
    ];
    writePlan(layout, { current: upgradeInfo({ version: "1.0.0" }), queuedUp: [a, b, c, d] });
    expect(requirePlan(layout).queuedUp.map(({ name }) => name)).toEqual(["c", "b", "d", "a"]);
  });

  test("keeps what nymvisor does not know, at every depth", () => {
    const plan = { current: upgradeInfo({ mood: "good" }), queuedUp: [upgradeInfo({ severity: "high" })], schema: 7 };
    writePlan(layout, plan);
    expect(requirePlan(layout)).toEqual(plan as never);
  });

  test("that is not there is an error that says how to begin", () => {
    expect(failureOf(() => requirePlan(layout))).toMatchObject({
      what: `there is no plan at ${layout.plan}`,
      next: expect.stringContaining("nymvisor init"),
    });
  });

  test("that cannot be used is an error that says how to keep it, and is left as it is", () => {
    writeFileSync(layout.plan, '{"current": ');
    const { what, next } = failureOf(() => requirePlan(layout));
    expect(what).toContain(layout.plan);
    expect(next).toContain(`mv ${layout.plan} ${layout.plan}.bad`);
    expect(readFileSync(layout.plan, "utf8")).toBe('{"current": ');
    expect(readPlan(layout).state).toBe("unusable");
  });
});

test("sorting entries leaves the list that was given as it is", () => {
  const queue = [upgradeInfo({ name: "a", upgradeTime: NOON + 1n }), upgradeInfo({ name: "b" })];
  inOrder(queue);
  expect(queue.map(({ name }) => name)).toEqual(["a", "b"]);
});

describe("the record of this home", () => {
  const record = (version: string) => ({
    name: version,
    version,
    upgradeTime: NOON,
    binaryDetails: sampleBuildInfo({ version }),
  });

  test("is read under the Rust program's name only where ours is not there", () => {
    writeVersionRecord({ ...layout, versionRecord: layout.rustVersionRecord }, record("1.0.0"));
    expect(readVersionRecord(layout)).toMatchObject({ state: "found", value: { name: "1.0.0" } });
    writeVersionRecord(layout, record("1.1.0"));
    expect(readVersionRecord(layout)).toMatchObject({ state: "found", value: { name: "1.1.0" } });
  });

  test("is not looked for elsewhere when ours cannot be used", () => {
    writeVersionRecord({ ...layout, versionRecord: layout.rustVersionRecord }, record("1.0.0"));
    writeFileSync(layout.versionRecord, "");
    expect(readVersionRecord(layout)).toEqual({ state: "unusable", reason: "it is empty" });
  });
});

describe("the history", () => {
  const entry = (version: string, performedAt = NOON) => ({ performedAt, info: upgradeInfo({ version }) });
  const names = () => {
    const found = readHistory(layout);
    return found.state === "found" ? found.value.history.map(({ info }) => info.name) : found.state;
  };

  test("is begun, and goes on", () => {
    appendHistory(layout, entry("1.1.0"), "now");
    appendHistory(layout, entry("1.2.0"), "now");
    expect(names()).toEqual(["1.1.0", "1.2.0"]);
  });

  test("notes an upgrade of one moment once, and the same upgrade of another moment again", () => {
    for (const performedAt of [NOON, NOON, NOON + 1n, NOON]) appendHistory(layout, entry("1.1.0", performedAt), "now");
    expect(names()).toEqual(["1.1.0", "1.1.0"]);
  });

  test("keeps what nymvisor does not know", () => {
    const info = { name: "1.0.5", version: "1.0.5", upgradeTime: "2026-01-01T00:00:00Z", mood: "good" };
    writeFileSync(
      layout.history,
      JSON.stringify({ history: [{ performedAt: info.upgradeTime, info, by: "x" }], v: 2 }),
    );
    appendHistory(layout, entry("1.1.0"), "now");
    expect(JSON.parse(readFileSync(layout.history, "utf8"))).toMatchObject({
      v: 2,
      history: [{ by: "x", info: { mood: "good" } }, { info: { name: "1.1.0" } }],
    });
  });

  test("that cannot be used is kept under another name, which is told", () => {
    writeFileSync(layout.history, '{"history": [');
    expect(appendHistory(layout, entry("1.1.0"), "now")).toBe(`${layout.history}.corrupt-now`);
    expect(readFileSync(`${layout.history}.corrupt-now`, "utf8")).toBe('{"history": [');
    expect(names()).toEqual(["1.1.0"]);
    expect(appendHistory(layout, entry("1.2.0"), "now")).toBeUndefined();
    expect(readdirSync(layout.upgradeData).filter((name) => name.includes("corrupt"))).toHaveLength(1);
  });
});

describe("the information of a build", () => {
  test("is what its folder says, or nothing", () => {
    setUp(layout);
    expect(requireUpgradeInfo(buildLayout(layout, "genesis"))).toMatchObject({ name: "genesis", version: "1.0.0" });
    expect(requireUpgradeInfo(buildLayout(layout, "1.1.0"))).toBeUndefined();
  });

  test("that cannot be used is an error that says how to keep it", () => {
    setUp(layout);
    const { info } = buildLayout(layout, "genesis");
    writeFileSync(info, "[]");
    expect(failureOf(() => requireUpgradeInfo(buildLayout(layout, "genesis"))).next).toContain(
      `mv ${info} ${info}.bad`,
    );
  });
});
