import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { UpgradeInfo } from "../../src/model/documents.ts";
import { NymvisorError } from "../../src/model/errors.ts";
import { buildLayout } from "../../src/model/paths.ts";
import { checkBackupRoom } from "../../src/upgrade/backup.ts";
import {
  readUpgradeInfo,
  readVersionRecord,
  requirePlan,
  writePlan,
  writeUpgradeInfo,
} from "../../src/upgrade/shared-documents.ts";
import { type Forth, perform, type TransactionContext } from "../../src/upgrade/transaction.ts";
import { STANDING_CLOCK, setUpStaged } from "../support/builds.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";
import { TransactionFixture, targetOf } from "./transaction-fixture.ts";

let at: TransactionFixture;

beforeEach(() => {
  at = new TransactionFixture();
});
afterEach(() => at[Symbol.dispose]());

describe("an upgrade", () => {
  test("goes step by step, each noted before it is done, and nothing is left to do in the end", async () => {
    const { layout } = at;
    const info = setUpStaged(layout);
    const later = upgradeInfo({ version: "1.2.0", upgradeTime: NOON + 1n });
    writePlan(layout, { ...requirePlan(layout), queuedUp: [info, later], schema: 7 });
    const result = await perform(at.context({ clock: { ...STANDING_CLOCK, monotonic: () => 42n } }), targetOf(info));
    expect(result).toMatchObject({ outcome: "done", name: "1.1.0", stoppedAt: 42n, manual: null, unrecorded: null });
    expect(at.steps).toEqual([
      "stop for upgrade to 1.1.0, journal stopping, current genesis",
      "back up, journal backing-up, current genesis",
      "switch, journal switching with its moment, current upgrades/1.1.0, locked",
    ]);
    expect(at.situation()).toBe("journal missing, current upgrades/1.1.0");
    expect(requirePlan(layout)).toEqual({ current: info, queuedUp: [later], schema: 7 } as never);
    expect(at.history()).toEqual([{ performedAt: NOON, info }] as never);
    expect(readVersionRecord(layout)).toEqual({
      state: "found",
      value: {
        name: "1.1.0",
        version: "1.1.0",
        upgradeTime: NOON,
        binaryDetails: sampleBuildInfo({ version: "1.1.0" }),
      },
    });
    expect(readdirSync(`${layout.backups}/1.1.0`)).toEqual(["backup-2026-11-21-120000000-preupgrade.tar.gz"]);
    expect(at.instance.said().filter((type) => type !== "progress")).toEqual([
      "backup.no-room-for-copy",
      "upgrade.started",
      "backup.started",
      "backup.done",
      "upgrade.switched",
    ]);
  });

  test("says how much of the backup is done, and of how much", async () => {
    const info = setUpStaged(at.layout);
    await perform(at.context(), targetOf(info));
    expect(at.instance.events).toContainEqual(
      expect.objectContaining({ type: "progress", task: "backup", total: 8, done: 8 }),
    );
  });

  test("makes no backup where the operator wants none", async () => {
    const info = setUpStaged(at.layout);
    const configuration = structuredClone(at.instance.configuration);
    configuration.daemon.unsafe_skip_backup = true;
    const checked = () => Promise.reject(new Error("nothing is to be backed up"));
    const result = await perform(
      at.context({ configuration, checkBackupRoom: checked, backUp: checked }),
      targetOf(info),
    );
    expect(result).toMatchObject({ outcome: "done", unrecorded: null });
    expect(at.instance.said()).toContain("backup.skipped");
    expect(existsSync(at.layout.backups)).toBe(false);
  });

  test("of a node that does not run is performed all the same", async () => {
    const info = setUpStaged(at.layout);
    const result = await perform(at.context({ stopDaemon: async () => false }), targetOf(info));
    expect(result).toMatchObject({ outcome: "done", stoppedAt: null });
  });

  test("that asks for a person says what to read, and where it stands", async () => {
    const info = setUpStaged(at.layout, upgradeInfo({ manual: true, notes: "run the migration" }));
    const source = buildLayout(at.layout, info.name).info;
    expect(await perform(at.context(), targetOf(info))).toMatchObject({
      outcome: "done",
      manual: { version: "1.1.0", notes: "run the migration", source },
    });
  });

  test.each(["constructor", "__proto__", 'it\'s a "name" & more'])("may be called %s", async (name) => {
    const info = setUpStaged(at.layout, upgradeInfo({ name }));
    expect(await perform(at.context(), targetOf(info))).toMatchObject({ outcome: "done", unrecorded: null });
    expect(at.situation()).toBe(`journal missing, current upgrades/${name}`);
    expect(at.history()).toMatchObject([{ info: { name } }]);
  });

  test("that a person rewrote in the plan leaves a build whose information is that of the plan", async () => {
    const { layout } = at;
    const info = setUpStaged(layout);
    writeUpgradeInfo(buildLayout(layout, info.name), { ...info, version: "1.0.9", notes: "as it was announced" });
    expect(await perform(at.context(), targetOf(info))).toMatchObject({ outcome: "done" });
    expect(readUpgradeInfo(buildLayout(layout, info.name))).toEqual({ state: "found", value: info });
  });

  test("whose time was moved meanwhile, but has come, is noted with its new time", async () => {
    const info = setUpStaged(at.layout);
    const earlier = { ...info, upgradeTime: NOON - 5n };
    const stopDaemon = async () => {
      writePlan(at.layout, { ...requirePlan(at.layout), queuedUp: [earlier] });
      return true;
    };
    expect(await perform(at.context({ stopDaemon }), targetOf(info))).toMatchObject({ outcome: "done" });
    expect(requirePlan(at.layout).current.upgradeTime).toBe(NOON - 5n);
  });
});

describe("an upgrade that cannot be performed never stops the node", () => {
  async function expectNotBegun(
    info: UpgradeInfo,
    given: Forth = targetOf(info),
    others: Partial<TransactionContext> = {},
  ) {
    const result = await perform(at.context(others), given);
    expect(at.steps).toEqual([]);
    at.expectUntouched(info);
    expect(result).toMatchObject({ stopped: false });
    return result;
  }

  test("when it is no longer in the plan", async () => {
    const info = setUpStaged(at.layout);
    expect(await expectNotBegun(info, targetOf(upgradeInfo({ version: "1.2.0" })))).toMatchObject({
      outcome: "given-up",
    });
  });

  test("when it reads differently by now than what was staged", async () => {
    const info = setUpStaged(at.layout);
    const before = targetOf({ ...info, version: "1.0.9" });
    expect(await expectNotBegun(info, before)).toMatchObject({ outcome: "given-up" });
  });

  test("when its binary is not the one that was verified", async () => {
    const info = setUpStaged(at.layout);
    writeFileSync(buildLayout(at.layout, info.name).binary, "#!/bin/sh\nexit 1\n");
    expect(await expectNotBegun(info)).toMatchObject({
      outcome: "failed",
      reason: expect.stringContaining("verified"),
    });
  });

  test("when there is no room for the backup", async () => {
    const info = setUpStaged(at.layout);
    const checkRoom: typeof checkBackupRoom = async (home) => ({ ...(await checkBackupRoom(home)), available: 1 });
    expect(await expectNotBegun(info, targetOf(info), { checkBackupRoom: checkRoom })).toMatchObject({
      outcome: "failed",
      reason: expect.stringContaining("no room for the backup"),
    });
  });

  test("when the plan cannot be used", async () => {
    const info = setUpStaged(at.layout);
    const text = readFileSync(at.layout.plan);
    writeFileSync(at.layout.plan, "torn");
    const result = await perform(at.context(), targetOf(info));
    expect(result).toMatchObject({ outcome: "failed", stopped: false });
    expect(at.steps).toEqual([]);
    expect(readFileSync(at.layout.plan, "utf8")).toBe("torn");
    writeFileSync(at.layout.plan, text);
    at.expectUntouched(info);
  });

  test("when it was given up before", async () => {
    const info = setUpStaged(at.layout);
    at.controller.abort(new NymvisorError({ what: "asked to stop" }));
    expect(await expectNotBegun(info)).toMatchObject({ outcome: "given-up", reason: "asked to stop" });
  });

  test("when its journal cannot be written", async () => {
    const info = setUpStaged(at.layout);
    mkdirSync(at.layout.journal);
    const result = await perform(at.context(), targetOf(info));
    expect(result).toMatchObject({ outcome: "failed", stopped: false });
    expect(at.steps).toEqual([]);
  });
});
