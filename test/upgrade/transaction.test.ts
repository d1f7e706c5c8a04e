import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import type { UpgradeInfo } from "../../src/model/documents.ts";
import { NymvisorError } from "../../src/model/errors.ts";
import { buildLayout } from "../../src/model/paths.ts";
import { fingerprintOf } from "../../src/policy/incoming.ts";
import type { Target, UpgradeResult } from "../../src/policy/run-state.ts";
import { type Lock, tryLock } from "../../src/system/lock.ts";
import { backUp, checkBackupRoom } from "../../src/upgrade/backup.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { type Journal, readJournal } from "../../src/upgrade/journal.ts";
import {
  readHistory,
  readUpgradeInfo,
  readVersionRecord,
  requirePlan,
  writePlan,
  writeUpgradeInfo,
} from "../../src/upgrade/shared-documents.ts";
import { perform, record, type TransactionContext } from "../../src/upgrade/transaction.ts";
import { placeBuild, STANDING_CLOCK, setUpStaged } from "../support/builds.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

let home: TemporaryHome;
let instance: EmptyInstance;
/** What was done outside of the documents, in order. */
let steps: string[];
let controller: AbortController;

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  steps = [];
  controller = new AbortController();
  mkdirSync(`${instance.layout.home}/config`);
  writeFileSync(`${instance.layout.home}/config/config.toml`, "key = 1\n");
});
afterEach(() => home[Symbol.dispose]());

function context(others: Partial<TransactionContext> = {}): TransactionContext {
  return {
    ...instance,
    clock: STANDING_CLOCK,
    environment: { PATH: "/usr/bin:/bin" },
    checkBackupRoom,
    backUp: async (request) => {
      steps.push(`back up, ${situation()}`);
      return backUp(request);
    },
    signal: controller.signal,
    stopDaemon: async (why) => {
      steps.push(`stop for ${why}, ${situation()}`);
      return true;
    },
    ...others,
  };
}

/** What a nymvisor that comes after one that is killed now would find. */
function situation(): string {
  const { layout } = instance;
  const journal = readJournal(layout);
  const lock = existsSync(layout.upgradeLock) ? ", locked" : "";
  return `journal ${journal.state === "found" ? journal.value.state : journal.state}, current ${readlinkSync(layout.current)}${lock}`;
}

function target(info: UpgradeInfo): Target {
  return { kind: "upgrade", name: info.name, fingerprint: fingerprintOf(info) };
}

const history = () => {
  const found = readHistory(instance.layout);
  return found.state === "found" ? found.value.history : [];
};

/** That the old build stands, and the upgrade is still to come. */
function expectUntouched(info: UpgradeInfo): void {
  const { layout } = instance;
  expect(situation()).toBe("journal missing, current genesis");
  expect(requirePlan(layout)).toMatchObject({ current: { name: "genesis" }, queuedUp: [{ name: info.name }] });
  expect(readVersionRecord(layout)).toMatchObject({ value: { name: "genesis" } });
  expect(history()).toEqual([]);
}

describe("an upgrade", () => {
  test("goes step by step, each noted before it is done, and nothing is left to do in the end", async () => {
    const { layout } = instance;
    const info = setUpStaged(layout);
    const later = upgradeInfo({ version: "1.2.0", upgradeTime: NOON + 1n });
    writePlan(layout, { ...requirePlan(layout), queuedUp: [info, later], schema: 7 });
    const result = await perform(context({ clock: { ...STANDING_CLOCK, monotonic: () => 42n } }), target(info));
    expect(result).toEqual({ outcome: "done", version: "1.1.0", stoppedAt: 42n, manual: null, unrecorded: null });
    expect(steps).toEqual([
      "stop for upgrade to 1.1.0, journal stopping, current genesis",
      "back up, journal backing-up, current genesis",
    ]);
    expect(situation()).toBe("journal missing, current upgrades/1.1.0");
    expect(requirePlan(layout)).toEqual({ current: info, queuedUp: [later], schema: 7 } as never);
    expect(history()).toEqual([{ performedAt: NOON, info }] as never);
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
    expect(instance.said().filter((type) => type !== "progress")).toEqual([
      "upgrade.started",
      "backup.started",
      "backup.done",
      "upgrade.switched",
    ]);
  });

  test("says how much of the backup is done, and of how much", async () => {
    const info = setUpStaged(instance.layout);
    await perform(context(), target(info));
    expect(instance.events).toContainEqual(
      expect.objectContaining({ type: "progress", task: "backup", total: 8, done: 8 }),
    );
  });

  test("makes no backup where the operator wants none", async () => {
    const info = setUpStaged(instance.layout);
    const configuration = structuredClone(instance.configuration);
    configuration.daemon.unsafe_skip_backup = true;
    const checked = () => Promise.reject(new Error("nothing is to be backed up"));
    const result = await perform(context({ configuration, checkBackupRoom: checked, backUp: checked }), target(info));
    expect(result).toMatchObject({ outcome: "done", unrecorded: null });
    expect(instance.said()).toContain("backup.skipped");
    expect(existsSync(layoutBackups())).toBe(false);
  });

  test("of a node that does not run is performed all the same", async () => {
    const info = setUpStaged(instance.layout);
    const result = await perform(context({ stopDaemon: async () => false }), target(info));
    expect(result).toMatchObject({ outcome: "done", stoppedAt: null });
  });

  test("that asks for a person says what to read, and where it stands", async () => {
    const info = setUpStaged(instance.layout, upgradeInfo({ manual: true, notes: "run the migration" }));
    const source = buildLayout(instance.layout, info.name).info;
    expect(await perform(context(), target(info))).toMatchObject({
      outcome: "done",
      manual: { version: "1.1.0", notes: "run the migration", source },
    });
  });

  test.each(["constructor", "__proto__", 'it\'s a "name" & more'])("may be called %s", async (name) => {
    const info = setUpStaged(instance.layout, upgradeInfo({ name }));
    expect(await perform(context(), target(info))).toMatchObject({ outcome: "done", unrecorded: null });
    expect(situation()).toBe(`journal missing, current upgrades/${name}`);
    expect(history()).toMatchObject([{ info: { name } }]);
  });

  test("that a person rewrote in the plan leaves a build whose information is that of the plan", async () => {
    const { layout } = instance;
    const info = setUpStaged(layout);
    writeUpgradeInfo(buildLayout(layout, info.name), { ...info, version: "1.0.9", notes: "as it was announced" });
    expect(await perform(context(), target(info))).toMatchObject({ outcome: "done" });
    expect(readUpgradeInfo(buildLayout(layout, info.name))).toEqual({ state: "found", value: info });
  });

  test("whose time was moved meanwhile, but has come, is noted with its new time", async () => {
    const info = setUpStaged(instance.layout);
    const earlier = { ...info, upgradeTime: NOON - 5n };
    const stopDaemon = async () => {
      writePlan(instance.layout, { ...requirePlan(instance.layout), queuedUp: [earlier] });
      return true;
    };
    expect(await perform(context({ stopDaemon }), target(info))).toMatchObject({ outcome: "done" });
    expect(requirePlan(instance.layout).current.upgradeTime).toBe(NOON - 5n);
  });
});

const layoutBackups = () => instance.layout.backups;

describe("an upgrade that cannot be performed never stops the node", () => {
  async function expectNotBegun(
    info: UpgradeInfo,
    given: Target = target(info),
    others: Partial<TransactionContext> = {},
  ) {
    const result = await perform(context(others), given);
    expect(steps).toEqual([]);
    expectUntouched(info);
    expect(result).toMatchObject({ stopped: false });
    return result;
  }

  test("when it is no longer in the plan", async () => {
    const info = setUpStaged(instance.layout);
    expect(await expectNotBegun(info, target(upgradeInfo({ version: "1.2.0" })))).toMatchObject({
      outcome: "given-up",
    });
  });

  test("when it reads differently by now than what was staged", async () => {
    const info = setUpStaged(instance.layout);
    const before = target({ ...info, version: "1.0.9" });
    expect(await expectNotBegun(info, before)).toMatchObject({ outcome: "given-up" });
  });

  test("when its binary is not the one that was verified", async () => {
    const info = setUpStaged(instance.layout);
    writeFileSync(buildLayout(instance.layout, info.name).binary, "#!/bin/sh\nexit 1\n");
    expect(await expectNotBegun(info)).toMatchObject({
      outcome: "failed",
      reason: expect.stringContaining("verified"),
    });
  });

  test("when there is no room for the backup", async () => {
    const info = setUpStaged(instance.layout);
    const checkRoom: typeof checkBackupRoom = async (home) => ({ ...(await checkBackupRoom(home)), available: 1 });
    expect(await expectNotBegun(info, target(info), { checkBackupRoom: checkRoom })).toMatchObject({
      outcome: "failed",
      reason: expect.stringContaining("no room for the backup"),
    });
  });

  test("when the plan cannot be used", async () => {
    const info = setUpStaged(instance.layout);
    const text = readFileSync(instance.layout.plan);
    writeFileSync(instance.layout.plan, "torn");
    const result = await perform(context(), target(info));
    expect(result).toMatchObject({ outcome: "failed", stopped: false });
    expect(steps).toEqual([]);
    expect(readFileSync(instance.layout.plan, "utf8")).toBe("torn");
    writeFileSync(instance.layout.plan, text);
    expectUntouched(info);
  });

  test("when it was given up before", async () => {
    const info = setUpStaged(instance.layout);
    controller.abort(new NymvisorError({ what: "asked to stop" }));
    expect(await expectNotBegun(info)).toMatchObject({ outcome: "given-up", reason: "asked to stop" });
  });

  test("when its journal cannot be written", async () => {
    const info = setUpStaged(instance.layout);
    mkdirSync(instance.layout.journal);
    const result = await perform(context(), target(info));
    expect(result).toMatchObject({ outcome: "failed", stopped: false });
    expect(steps).toEqual([]);
  });
});

describe("an upgrade that fails once the node is stopped leaves the old build, and no journal,", () => {
  async function expectUndone(info: UpgradeInfo, others: Partial<TransactionContext>): Promise<UpgradeResult> {
    const result = await perform(context(others), target(info));
    expect(result).toMatchObject({ stopped: true });
    expect(situation()).toStartWith("journal missing, current genesis");
    expect(readVersionRecord(instance.layout)).toMatchObject({ value: { name: "genesis" } });
    expect(history()).toEqual([]);
    return result;
  }
  const change = (queuedUp: UpgradeInfo[]) => writePlan(instance.layout, { ...requirePlan(instance.layout), queuedUp });

  test("when the backup fails", async () => {
    const info = setUpStaged(instance.layout);
    const failing = () => Promise.reject(new NymvisorError({ what: "the backup failed", why: "no space (ENOSPC)" }));
    const result = await expectUndone(info, { backUp: failing });
    expect(result).toMatchObject({ outcome: "failed", reason: expect.stringContaining("no space (ENOSPC)") });
    expectUntouched(info);
  });

  test("when the entry is taken out of the plan meanwhile", async () => {
    const info = setUpStaged(instance.layout);
    const result = await expectUndone(info, { backUp: (request) => backUp(request).finally(() => change([])) });
    expect(result).toMatchObject({ outcome: "given-up", reason: "1.1.0 is no longer in the plan as it was" });
    expect(requirePlan(instance.layout)).toMatchObject({ current: { name: "genesis" }, queuedUp: [] });
  });

  test("when the entry is changed meanwhile", async () => {
    const info = setUpStaged(instance.layout);
    const changed = { ...info, platforms: { any: { url: "https://example.org/other" } } };
    const result = await expectUndone(info, { backUp: (request) => backUp(request).finally(() => change([changed])) });
    expect(result).toMatchObject({ outcome: "given-up" });
    expect(requirePlan(instance.layout).queuedUp).toEqual([changed]);
  });

  test("when a person puts it off meanwhile", async () => {
    const info = setUpStaged(instance.layout);
    const later = { ...info, upgradeTime: NOON + 3_600_000_000_000n };
    const result = await expectUndone(info, { backUp: (request) => backUp(request).finally(() => change([later])) });
    expect(result).toMatchObject({ outcome: "given-up" });
    expect(requirePlan(instance.layout).queuedUp).toEqual([later]);
  });

  test("when the plan is torn meanwhile, which is left as it is", async () => {
    const info = setUpStaged(instance.layout);
    const result = await expectUndone(info, {
      backUp: (request) => backUp(request).finally(() => writeFileSync(instance.layout.plan, "torn")),
    });
    expect(result).toMatchObject({ outcome: "failed" });
    expect(readFileSync(instance.layout.plan, "utf8")).toBe("torn");
  });

  test("when its binary is exchanged meanwhile", async () => {
    const info = setUpStaged(instance.layout);
    const { binary } = buildLayout(instance.layout, info.name);
    const exchange = () => writeFileSync(binary, `${readFileSync(binary, "utf8")}# changed\n`);
    const result = await expectUndone(info, { backUp: (request) => backUp(request).finally(exchange) });
    expect(result).toMatchObject({ outcome: "failed", reason: expect.stringContaining("verified") });
  });

  test("when it is given up while the node stops, without a backup", async () => {
    const info = setUpStaged(instance.layout);
    const stopDaemon = async () => {
      controller.abort(new NymvisorError({ what: "asked to stop" }));
      return true;
    };
    const result = await expectUndone(info, { stopDaemon });
    expect(result).toMatchObject({ outcome: "given-up", reason: "asked to stop" });
    expect(existsSync(`${layoutBackups()}/1.1.0/backup-2026-11-21-120000000-preupgrade.tar.gz`)).toBe(false);
  });

  test("when it is given up after the backup", async () => {
    const info = setUpStaged(instance.layout);
    const abort = () => controller.abort(new NymvisorError({ what: "asked to stop" }));
    const result = await expectUndone(info, { backUp: (request) => backUp(request).finally(abort) });
    expect(result).toMatchObject({ outcome: "given-up", reason: "asked to stop" });
  });

  test("when it is given up while another process holds the lock", async () => {
    const info = setUpStaged(instance.layout);
    const held: (Lock | null)[] = [];
    const result = await expectUndone(info, {
      backUp: async (request) => {
        const backup = await backUp(request);
        held.push(tryLock(instance.layout.upgradeLock, "this test").lock);
        setTimeout(() => controller.abort(new NymvisorError({ what: "asked to stop" })), 5);
        return backup;
      },
    });
    expect(result).toMatchObject({ outcome: "given-up", reason: "asked to stop" });
    held[0]?.release();
  });
});

describe("an upgrade whose documents cannot be written after the switch", () => {
  /** Performs it, with something in the way of a document from the switch on. */
  async function performWith(info: UpgradeInfo, obstruct: () => void) {
    const emit: TransactionContext["emit"] = (event) => {
      instance.emit(event);
      if (event.type === "upgrade.switched") obstruct();
    };
    return perform(context({ emit }), target(info));
  }

  function recordAgain(): void {
    const journal = readJournal(instance.layout);
    if (journal.state !== "found") throw new Error("there is no journal");
    record(context(), { ...journal.value, state: "recording" });
  }

  const RECORDED: readonly [string, (info: UpgradeInfo) => { obstruct: () => void; clear: () => void }][] = [
    [
      "the record of this home",
      () => {
        const { rustVersionRecord, versionRecord } = instance.layout;
        const backup = `${versionRecord}.kept`;
        const { renameSync } = require("node:fs");
        return {
          obstruct: () => {
            renameSync(versionRecord, backup);
            mkdirSync(versionRecord);
            expect(existsSync(rustVersionRecord)).toBe(true);
          },
          clear: () => {
            rmdirSync(versionRecord);
            renameSync(backup, versionRecord);
          },
        };
      },
    ],
    [
      "the plan",
      () => {
        const { plan } = instance.layout;
        const text = readFileSync(plan);
        return { obstruct: () => writeFileSync(plan, "torn"), clear: () => writeFileSync(plan, text) };
      },
    ],
  ];

  test.each(RECORDED)("(%s) is done all the same, and they are written later, once", async (_, obstacle) => {
    const { layout } = instance;
    const info = setUpStaged(layout, upgradeInfo({ manual: true, notes: "read me" }));
    const { obstruct, clear } = obstacle(info);
    const result = await performWith(info, obstruct);
    expect(result).toMatchObject({
      outcome: "done",
      version: "1.1.0",
      unrecorded: expect.any(String),
      manual: { notes: "read me" },
    });
    expect(situation()).toBe("journal recording, current upgrades/1.1.0");
    clear();
    const journal = readJournal(layout);
    recordAgain();
    if (journal.state === "found") record(context(), journal.value);
    expect(situation()).toBe("journal missing, current upgrades/1.1.0");
    expect(history()).toEqual([{ performedAt: NOON, info }] as never);
    expect(requirePlan(layout)).toEqual({ current: info, queuedUp: [] });
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: "1.1.0", upgradeTime: NOON } });
  });

  test("(the history, which cannot be used) goes on with a new one, and keeps the old one", async () => {
    const { layout } = instance;
    const info = setUpStaged(layout);
    expect(await performWith(info, () => writeFileSync(layout.history, "torn"))).toMatchObject({ unrecorded: null });
    expect(history()).toHaveLength(1);
    expect(readFileSync(`${layout.history}.corrupt-2026-11-21-120000000`, "utf8")).toBe("torn");
    expect(instance.events).toContainEqual(
      expect.objectContaining({ type: "document.set-aside", path: layout.history }),
    );
  });

  test("writes down the moment of the switch, however much later it is written", async () => {
    const { layout } = instance;
    const info = setUpStaged(layout);
    const text = readFileSync(layout.plan);
    await performWith(info, () => writeFileSync(layout.plan, "torn"));
    writeFileSync(layout.plan, text);
    const journal = readJournal(layout);
    if (journal.state !== "found") throw new Error("there is no journal");
    const clock = { ...STANDING_CLOCK, wall: () => NOON + 999n };
    record(context({ clock }), journal.value);
    expect(history()).toMatchObject([{ performedAt: NOON }]);
  });
});

describe("bringing a home after current, which another node has moved,", () => {
  function behind(): UpgradeInfo {
    const { layout } = instance;
    const info = setUpStaged(layout);
    writePlan(layout, { current: info, queuedUp: [] });
    switchCurrent(layout, buildLayout(layout, info.name));
    return info;
  }
  const FORWARD: Target = { kind: "forward", name: "1.1.0" };

  test("saves the home and writes its record, and nothing that the nodes share", async () => {
    const { layout } = instance;
    const info = behind();
    const kinds: Journal["kind"][] = [];
    const stopDaemon = async () => {
      const journal = readJournal(layout);
      if (journal.state === "found") kinds.push(journal.value.kind);
      return true;
    };
    const plan = readFileSync(layout.plan, "utf8");
    expect(await perform(context({ stopDaemon }), FORWARD)).toMatchObject({
      outcome: "done",
      version: "1.1.0",
      manual: null,
    });
    expect(kinds).toEqual(["forward"]);
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: "1.1.0", version: "1.1.0" } });
    expect(readFileSync(layout.plan, "utf8")).toBe(plan);
    expect(history()).toEqual([]);
    expect(readdirSync(`${layout.backups}/1.1.0`)).toHaveLength(1);
    expect(situation()).toBe("journal missing, current upgrades/1.1.0");
    expect(instance.events).toContainEqual({ type: "node.brought-forward", from: "genesis", to: "1.1.0" });
    expect(info.name).toBe("1.1.0");
  });

  test("leaves the record as it was when the backup fails", async () => {
    behind();
    const failing = () => Promise.reject(new Error("no space"));
    expect(await perform(context({ backUp: failing }), FORWARD)).toMatchObject({ outcome: "failed", stopped: true });
    expect(readVersionRecord(instance.layout)).toMatchObject({ value: { name: "genesis" } });
    expect(readJournal(instance.layout)).toEqual({ state: "missing" });
  });

  test("does not ask for a person, whom the first node has asked", async () => {
    const { layout } = instance;
    behind();
    placeBuild(layout, upgradeInfo({ manual: true, notes: "read me" }));
    expect(await perform(context(), FORWARD)).toMatchObject({ outcome: "done", manual: null });
  });

  test("is not begun when nothing tells what current is", async () => {
    behind();
    writeFileSync(buildLayout(instance.layout, "1.1.0").info, "torn");
    expect(await perform(context(), FORWARD)).toMatchObject({ outcome: "failed", stopped: false });
    expect(steps).toEqual([]);
  });
});
