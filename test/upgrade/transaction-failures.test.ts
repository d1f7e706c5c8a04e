import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { UpgradeInfo } from "../../src/model/documents.ts";
import { NymvisorError } from "../../src/model/errors.ts";
import { buildLayout } from "../../src/model/paths.ts";
import type { UpgradeResult } from "../../src/policy/run-state.ts";
import { type Lock, tryLock } from "../../src/system/lock.ts";
import { backUp } from "../../src/upgrade/backup.ts";
import { readVersionRecord, requirePlan, writePlan } from "../../src/upgrade/shared-documents.ts";
import { perform, type TransactionContext } from "../../src/upgrade/transaction.ts";
import { setUpStaged } from "../support/builds.ts";
import { NOON } from "../support/upgrades.ts";
import { TransactionFixture, targetOf } from "./transaction-fixture.ts";

let at: TransactionFixture;

beforeEach(() => {
  at = new TransactionFixture();
});
afterEach(() => at[Symbol.dispose]());

describe("an upgrade that fails once the node is stopped leaves the old build, and no journal,", () => {
  async function expectUndone(info: UpgradeInfo, others: Partial<TransactionContext>): Promise<UpgradeResult> {
    const result = await perform(at.context(others), targetOf(info));
    expect(result).toMatchObject({ stopped: true });
    expect(at.situation()).toStartWith("journal missing, current genesis");
    expect(readVersionRecord(at.layout)).toMatchObject({ value: { name: "genesis" } });
    expect(at.history()).toEqual([]);
    return result;
  }
  const change = (queuedUp: UpgradeInfo[]) => writePlan(at.layout, { ...requirePlan(at.layout), queuedUp });

  test("when the backup fails", async () => {
    const info = setUpStaged(at.layout);
    const failing = () => Promise.reject(new NymvisorError({ what: "the backup failed", why: "no space (ENOSPC)" }));
    const result = await expectUndone(info, { backUp: failing });
    expect(result).toMatchObject({ outcome: "failed", reason: expect.stringContaining("no space (ENOSPC)") });
    at.expectUntouched(info);
  });

  test("when the entry is taken out of the plan meanwhile", async () => {
    const info = setUpStaged(at.layout);
    const result = await expectUndone(info, { backUp: (request) => backUp(request).finally(() => change([])) });
    expect(result).toMatchObject({ outcome: "given-up", reason: "1.1.0 is no longer in the plan as it was" });
    expect(requirePlan(at.layout)).toMatchObject({ current: { name: "genesis" }, queuedUp: [] });
  });

  test("when the entry is changed meanwhile", async () => {
    const info = setUpStaged(at.layout);
    const changed = { ...info, platforms: { any: { url: "https://example.org/other" } } };
    const result = await expectUndone(info, { backUp: (request) => backUp(request).finally(() => change([changed])) });
    expect(result).toMatchObject({ outcome: "given-up" });
    expect(requirePlan(at.layout).queuedUp).toEqual([changed]);
  });

  test("when a person puts it off meanwhile", async () => {
    const info = setUpStaged(at.layout);
    const later = { ...info, upgradeTime: NOON + 3_600_000_000_000n };
    const result = await expectUndone(info, { backUp: (request) => backUp(request).finally(() => change([later])) });
    expect(result).toMatchObject({ outcome: "given-up" });
    expect(requirePlan(at.layout).queuedUp).toEqual([later]);
  });

  test("when the plan is torn meanwhile, which is left as it is", async () => {
    const info = setUpStaged(at.layout);
    const result = await expectUndone(info, {
      backUp: (request) => backUp(request).finally(() => writeFileSync(at.layout.plan, "torn")),
    });
    expect(result).toMatchObject({ outcome: "failed" });
    expect(readFileSync(at.layout.plan, "utf8")).toBe("torn");
  });

  test("when its binary is exchanged meanwhile", async () => {
    const info = setUpStaged(at.layout);
    const { binary } = buildLayout(at.layout, info.name);
    const exchange = () => writeFileSync(binary, `${readFileSync(binary, "utf8")}# changed\n`);
    const result = await expectUndone(info, { backUp: (request) => backUp(request).finally(exchange) });
    expect(result).toMatchObject({ outcome: "failed", reason: expect.stringContaining("verified") });
  });

  test("when it is given up while the node stops, without a backup", async () => {
    const info = setUpStaged(at.layout);
    const stopDaemon = async () => {
      at.controller.abort(new NymvisorError({ what: "asked to stop" }));
      return true;
    };
    const result = await expectUndone(info, { stopDaemon });
    expect(result).toMatchObject({ outcome: "given-up", reason: "asked to stop" });
    expect(existsSync(`${at.layout.backups}/1.1.0/backup-2026-11-21-120000000-preupgrade.tar.gz`)).toBe(false);
  });

  test("when it is given up after the backup", async () => {
    const info = setUpStaged(at.layout);
    const abort = () => at.controller.abort(new NymvisorError({ what: "asked to stop" }));
    const result = await expectUndone(info, { backUp: (request) => backUp(request).finally(abort) });
    expect(result).toMatchObject({ outcome: "given-up", reason: "asked to stop" });
  });

  test("when it is given up while another process holds the lock", async () => {
    const info = setUpStaged(at.layout);
    const held: (Lock | null)[] = [];
    const result = await expectUndone(info, {
      backUp: async (request) => {
        const backup = await backUp(request);
        held.push(tryLock(at.layout.upgradeLock, "this test").lock);
        setTimeout(() => at.controller.abort(new NymvisorError({ what: "asked to stop" })), 5);
        return backup;
      },
    });
    expect(result).toMatchObject({ outcome: "given-up", reason: "asked to stop" });
    held[0]?.release();
  });
});

test("an attempt whose journal can neither be read nor removed says so: only that tells how it has ended", async () => {
  const info = setUpStaged(at.layout);
  const inTheWay = (): Promise<never> => {
    rmSync(at.layout.journal);
    mkdirSync(at.layout.journal);
    return Promise.reject(new Error("no space"));
  };
  expect(await perform(at.context({ backUp: inTheWay }), targetOf(info))).toMatchObject({
    outcome: "failed",
    stopped: true,
    unrecorded: expect.stringContaining("journal.json"),
  });
});
