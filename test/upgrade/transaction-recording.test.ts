import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import type { UpgradeInfo } from "../../src/model/documents.ts";
import { NymvisorError } from "../../src/model/errors.ts";
import { buildLayout } from "../../src/model/paths.ts";
import type { Target } from "../../src/policy/run-state.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { type Journal, readJournal } from "../../src/upgrade/journal.ts";
import { readVersionRecord, requirePlan, writePlan } from "../../src/upgrade/shared-documents.ts";
import { takeStock } from "../../src/upgrade/take-stock.ts";
import { perform, record, type TransactionContext } from "../../src/upgrade/transaction.ts";
import { placeBinary, placeBuild, STANDING_CLOCK, setUpStaged } from "../support/builds.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";
import { TransactionFixture, targetOf } from "./transaction-fixture.ts";

let at: TransactionFixture;

beforeEach(() => {
  at = new TransactionFixture();
});
afterEach(() => at[Symbol.dispose]());

describe("an upgrade whose documents cannot be written after the switch", () => {
  /** Performs it, with something in the way of a document from the switch on. */
  async function performWith(info: UpgradeInfo, obstruct: () => void) {
    const emit: TransactionContext["emit"] = (event) => {
      at.instance.emit(event);
      if (event.type === "upgrade.switched") obstruct();
    };
    return perform(at.context({ emit }), targetOf(info));
  }

  function recordAgain(): void {
    const journal = readJournal(at.layout);
    if (journal.state !== "found") throw new Error("there is no journal");
    record(at.context(), { ...journal.value, state: "recording" });
  }

  const RECORDED: readonly [string, (info: UpgradeInfo) => { obstruct: () => void; clear: () => void }][] = [
    [
      "the record of this home",
      () => {
        const { rustVersionRecord, versionRecord } = at.layout;
        const backup = `${versionRecord}.kept`;
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
        const { plan } = at.layout;
        const text = readFileSync(plan);
        return { obstruct: () => writeFileSync(plan, "torn"), clear: () => writeFileSync(plan, text) };
      },
    ],
  ];

  test.each(RECORDED)("(%s) is done all the same, and they are written later, once", async (_, obstacle) => {
    const { layout } = at;
    const info = setUpStaged(layout, upgradeInfo({ manual: true, notes: "read me" }));
    const { obstruct, clear } = obstacle(info);
    const result = await performWith(info, obstruct);
    expect(result).toMatchObject({
      outcome: "done",
      version: "1.1.0",
      unrecorded: expect.any(String),
      manual: { notes: "read me" },
    });
    expect(at.situation()).toBe("journal recording with its moment, current upgrades/1.1.0");
    clear();
    const journal = readJournal(layout);
    recordAgain();
    if (journal.state === "found") record(at.context(), journal.value);
    expect(at.situation()).toBe("journal missing, current upgrades/1.1.0");
    expect(at.history()).toEqual([{ performedAt: NOON, info }] as never);
    expect(requirePlan(layout)).toEqual({ current: info, queuedUp: [] });
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: "1.1.0", upgradeTime: NOON } });
  });

  test("(the history) stays in the plan until it is in the history: another node may move on meanwhile", async () => {
    const { layout } = at;
    const info = setUpStaged(layout);
    const obstruct = () => symlinkSync(at.home.at("nowhere/history.json"), layout.history);
    expect(await performWith(info, obstruct)).toMatchObject({ outcome: "done", unrecorded: expect.any(String) });
    expect(requirePlan(layout)).toMatchObject({ current: { name: "genesis" }, queuedUp: [info] });
    expect(() => takeStock(at.context())).toThrow(NymvisorError);
    expect(requirePlan(layout).queuedUp).toEqual([info]);
    unlinkSync(layout.history);
    takeStock(at.context());
    expect(at.history()).toEqual([{ performedAt: NOON, info }] as never);
    expect(requirePlan(layout)).toEqual({ current: info, queuedUp: [] });
  });

  test("(the history, which cannot be used) goes on with a new one, and keeps the old one", async () => {
    const { layout } = at;
    const info = setUpStaged(layout);
    expect(await performWith(info, () => writeFileSync(layout.history, "torn"))).toMatchObject({ unrecorded: null });
    expect(at.history()).toHaveLength(1);
    expect(readFileSync(`${layout.history}.corrupt-2026-11-21-120000000`, "utf8")).toBe("torn");
    expect(at.instance.events).toContainEqual(
      expect.objectContaining({ type: "document.set-aside", path: layout.history }),
    );
  });

  test("writes down the moment of the switch, however much later it is written", async () => {
    const { layout } = at;
    const info = setUpStaged(layout);
    const text = readFileSync(layout.plan);
    await performWith(info, () => writeFileSync(layout.plan, "torn"));
    writeFileSync(layout.plan, text);
    const journal = readJournal(layout);
    if (journal.state !== "found") throw new Error("there is no journal");
    const clock = { ...STANDING_CLOCK, wall: () => NOON + 999n };
    record(at.context({ clock }), journal.value);
    expect(at.history()).toMatchObject([{ performedAt: NOON }]);
  });
});

describe("bringing a home after current, which another node has moved,", () => {
  function behind(): UpgradeInfo {
    const { layout } = at;
    const info = setUpStaged(layout);
    writePlan(layout, { current: info, queuedUp: [] });
    switchCurrent(layout, buildLayout(layout, info.name));
    return info;
  }
  const FORWARD: Target = { kind: "forward", name: "1.1.0" };

  test("saves the home and writes its record, and nothing that the nodes share", async () => {
    const { layout } = at;
    const info = behind();
    const kinds: Journal["kind"][] = [];
    const stopDaemon = async () => {
      const journal = readJournal(layout);
      if (journal.state === "found") kinds.push(journal.value.kind);
      return true;
    };
    const plan = readFileSync(layout.plan, "utf8");
    expect(await perform(at.context({ stopDaemon }), FORWARD)).toMatchObject({
      outcome: "done",
      version: "1.1.0",
      manual: null,
    });
    expect(kinds).toEqual(["forward"]);
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: "1.1.0", version: "1.1.0" } });
    expect(readFileSync(layout.plan, "utf8")).toBe(plan);
    expect(at.history()).toEqual([]);
    expect(readdirSync(`${layout.backups}/1.1.0`)).toHaveLength(1);
    expect(at.situation()).toBe("journal missing, current upgrades/1.1.0");
    expect(at.instance.events).toContainEqual({ type: "node.brought-forward", from: "genesis", to: "1.1.0" });
    expect(info.name).toBe("1.1.0");
  });

  test("is brought forward although the information about current is lost, for the plan has it", async () => {
    behind();
    unlinkSync(buildLayout(at.layout, "1.1.0").info);
    expect(await perform(at.context(), FORWARD)).toMatchObject({ outcome: "done", version: "1.1.0" });
    expect(readVersionRecord(at.layout)).toMatchObject({ value: { name: "1.1.0" } });
  });

  test("is left alone where it is on current already: it only seemed to be behind", async () => {
    const { layout } = at;
    behind();
    expect(await perform(at.context(), FORWARD)).toMatchObject({ outcome: "done" });
    at.steps.length = 0;
    expect(await perform(at.context(), FORWARD)).toMatchObject({ outcome: "given-up", stopped: false });
    expect(at.steps).toEqual([]);
    expect(readdirSync(`${layout.backups}/1.1.0`)).toHaveLength(1);
  });

  test("leaves the record as it was when the backup fails", async () => {
    behind();
    const failing = () => Promise.reject(new Error("no space"));
    expect(await perform(at.context({ backUp: failing }), FORWARD)).toMatchObject({ outcome: "failed", stopped: true });
    expect(readVersionRecord(at.layout)).toMatchObject({ value: { name: "genesis" } });
    expect(readJournal(at.layout)).toEqual({ state: "missing" });
  });

  test("does not ask for a person, whom the first node has asked", async () => {
    const { layout } = at;
    behind();
    placeBuild(layout, upgradeInfo({ manual: true, notes: "read me" }));
    expect(await perform(at.context(), FORWARD)).toMatchObject({ outcome: "done", manual: null });
  });

  test("is not begun when the binary says that it is another build than current is said to be", async () => {
    behind();
    placeBinary(at.layout, "1.1.0", "1.2.0");
    const result = await perform(at.context(), FORWARD);
    expect(result).toMatchObject({
      outcome: "failed",
      stopped: false,
      reason: expect.stringContaining("version 1.2.0"),
    });
    expect(at.steps).toEqual([]);
  });

  test("is not begun when nothing tells what current is", async () => {
    behind();
    writePlan(at.layout, { ...requirePlan(at.layout), current: upgradeInfo({ version: "1.0.5" }) });
    writeFileSync(buildLayout(at.layout, "1.1.0").info, "torn");
    expect(await perform(at.context(), FORWARD)).toMatchObject({ outcome: "failed", stopped: false });
    expect(at.steps).toEqual([]);
  });
});
