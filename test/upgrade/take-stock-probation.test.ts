import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import type { Layout } from "../../src/model/paths.ts";
import { buildLayout } from "../../src/model/paths.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { readProbation } from "../../src/upgrade/probation-note.ts";
import { readVersionRecord, requirePlan, writeVersionRecord } from "../../src/upgrade/shared-documents.ts";
import { decidedWayBack } from "../../src/upgrade/way-back/settle-way-back.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { NOON } from "../support/upgrades.ts";
import { WayBackFixture } from "./way-back/way-back-fixture.ts";

let fixture: WayBackFixture;
let layout: Layout;

beforeEach(async () => {
  fixture = new WayBackFixture();
  ({ layout } = fixture);
  await fixture.upgrade("1.1.0");
});
afterEach(() => fixture[Symbol.dispose]());

const states = () => fixture.outcomes().map(({ name, state }) => [name, state]);

describe("at a start", () => {
  test("what is on probation stays so", async () => {
    const before = readProbation(layout);
    await fixture.nextStart();
    await fixture.nextStart();
    expect(readProbation(layout)).toEqual(before);
    expect(states()).toEqual([["1.1.0", "on-probation"]]);
  });

  test("a home that a person has moved to another build is on probation with nothing: it was left", async () => {
    switchCurrent(layout, buildLayout(layout, "genesis"));
    const binaryDetails = sampleBuildInfo({ version: "1.0.0" });
    writeVersionRecord(layout, { name: "genesis", version: "1.0.0", upgradeTime: NOON, binaryDetails });
    await fixture.nextStart();
    expect(existsSync(layout.probation)).toBe(false);
    expect(states()).toEqual([["1.1.0", "left"]]);
    await fixture.nextStart();
    expect(states()).toEqual([["1.1.0", "left"]]);
  });

  test.each(["", "torn {"])("a note that holds %p is none: what runs has run before", async (text) => {
    writeFileSync(layout.probation, text);
    await fixture.nextStart();
    expect(existsSync(layout.probation)).toBe(false);
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: "1.1.0" } });
    // Other nodes would wait for a verdict that never comes.
    expect(states()).toEqual([["1.1.0", "left"]]);
  });

  test("a way back that is not written down yet is, with current, plan and outcome, and told as recovered", async () => {
    await fixture.goBack({}, { recordsLater: true });
    expect(decidedWayBack(layout)).toBeDefined();
    await fixture.nextStart();
    expect(fixture.current()).toBe("genesis");
    expect(requirePlan(layout)).toMatchObject({ current: { name: "genesis" }, queuedUp: [] });
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: "genesis" } });
    expect(states()).toEqual([["1.1.0", "rolled-back"]]);
    expect(existsSync(layout.probation)).toBe(false);
    expect(fixture.at.instance.events).toContainEqual({
      type: "way-back.recovered",
      name: "1.1.0",
      outcome: "finished",
    });
    const { length } = fixture.at.instance.events;
    await fixture.nextStart();
    expect(fixture.at.instance.events).toHaveLength(length);
  });
});
