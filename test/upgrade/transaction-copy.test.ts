import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { UpgradeInfo } from "../../src/model/documents.ts";
import { buildLayout, type Layout } from "../../src/model/paths.ts";
import { checkBackupRoom } from "../../src/upgrade/backup.ts";
import { readFinishedCopy } from "../../src/upgrade/copy/finished-copy.ts";
import { discardCopy } from "../../src/upgrade/copy/home-copy.ts";
import { settleCopy } from "../../src/upgrade/copy/settle-copy.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { type Journal, writeJournal } from "../../src/upgrade/journal.ts";
import { leftCopies, pendingArchives } from "../../src/upgrade/pending-archives.ts";
import { appendHistory, requirePlan, writePlan } from "../../src/upgrade/shared-documents.ts";
import { takeStock } from "../../src/upgrade/take-stock.ts";
import { perform, type TransactionContext } from "../../src/upgrade/transaction.ts";
import { placeBuild, STANDING_CLOCK, setUpStaged } from "../support/builds.ts";
import { contentsOf } from "../support/contents.ts";
import { emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";
import { TransactionFixture, targetOf } from "./transaction-fixture.ts";

let at: TransactionFixture;
let layout: Layout;
let info: UpgradeInfo;

beforeEach(() => {
  at = new TransactionFixture();
  layout = at.layout;
  info = setUpStaged(layout);
});
afterEach(() => at[Symbol.dispose]());

/** With room for a copy. */
const upgrade = (others: Partial<TransactionContext> = {}) =>
  perform(at.context({ checkBackupRoom, ...others }), targetOf(info));

const copies = (of = layout) => (existsSync(of.copies) ? readdirSync(of.copies) : []);

const stock = () => takeStock({ layout, clock: STANDING_CLOCK, emit: () => {} });

describe("an upgrade with room for a copy", () => {
  test("copies before the stop and after it, and leaves what the archive is to be made of", async () => {
    const written = join(layout.home, "written");
    const result = await upgrade({
      stopDaemon: async () => {
        at.steps.push(`stop, ${at.situation()}`);
        expect(copies()).toHaveLength(1);
        writeFileSync(written, "while the daemon stopped");
        return true;
      },
    });
    expect(result).toMatchObject({ outcome: "done", unrecorded: null });
    expect(at.steps).toEqual([
      "stop, journal stopping, current genesis",
      `switch, journal switching with its moment, current ${join("upgrades", info.name)}, locked`,
    ]);
    const [pending] = pendingArchives(layout);
    expect(pending).toMatchObject({ name: info.name, order: { backups: layout.backups, folder: info.name } });
    const finished = readFinishedCopy(pending?.copy ?? "");
    if (finished === undefined) throw new Error("the copy is not complete");
    const { tree } = await settleCopy(finished);
    const home = Object.entries(contentsOf(layout.home)).filter(([path]) => !path.startsWith("nymvisor"));
    expect(contentsOf(tree)).toEqual(Object.fromEntries(home));
    expect(contentsOf(tree).written).toContain("while the daemon stopped");
  });

  test("has what the stop reads, and what is started, brought into memory just before the stop", async () => {
    const { beginCopy } = at.context();
    await upgrade({
      async beginCopy(request) {
        const copy = await beginCopy(request);
        at.steps.push("copy");
        return copy;
      },
      async warmUp({ home, programs }) {
        at.steps.push(`warm up ${home}, ${programs.at(-1)}`);
      },
      async stopDaemon() {
        at.steps.push("stop");
        return true;
      },
    });
    const warm = `warm up ${layout.home}, ${buildLayout(layout, info.name).binary}`;
    expect(at.steps.slice(0, 3)).toEqual(["copy", warm, "stop"]);
  });

  test("that is not wanted any more when the home is copied is given up; the node is not stopped, the copy goes", async () => {
    const result = await upgrade({ lastLook: async () => "1.1.0 is put off" });
    expect(result).toEqual({ outcome: "given-up", reason: "1.1.0 is put off", stopped: false });
    at.expectUntouched(info);
    expect(at.steps).toEqual([]);
    expect(copies()).toEqual([]);
  });

  test("that fails after the stop leaves no copy", async () => {
    const stopDaemon = async () => {
      writePlan(layout, { ...requirePlan(layout), queuedUp: [] });
      return true;
    };
    expect(await upgrade({ stopDaemon })).toMatchObject({ outcome: "given-up", stopped: true });
    expect(copies()).toEqual([]);
  });

  test("whose journal can neither be read nor removed keeps its copy: `current` may have been moved", async () => {
    const inTheWay = async (): Promise<boolean> => {
      rmSync(layout.journal);
      mkdirSync(layout.journal);
      return true;
    };
    expect(await upgrade({ stopDaemon: inTheWay })).toMatchObject({
      outcome: "failed",
      unrecorded: expect.stringContaining("journal.json"),
    });
    expect(copies()).toHaveLength(1);
  });
});

describe("what is left of an upgrade that was interrupted with its copy complete", () => {
  async function leave(state: Journal["state"]): Promise<string> {
    await upgrade();
    const [pending] = pendingArchives(layout);
    if (pending === undefined) throw new Error("there is no copy");
    const build = sampleBuildInfo({ version: info.version });
    const moments = { startedAt: NOON, performedAt: NOON };
    const copy = pending.copy;
    writeJournal(layout, {
      state,
      kind: "upgrade",
      from: "genesis",
      to: info,
      build,
      copy,
      trial: null,
      backup: copy,
      ...moments,
    });
    return copy;
  }

  test("before `current` was moved is no backup, and is removed", async () => {
    const copy = await leave("switching");
    switchCurrent(layout, buildLayout(layout, "genesis"));
    stock();
    expect(pendingArchives(layout)).toEqual([]);
    expect(leftCopies(layout, [])).toEqual([copy]);
    await discardCopy(copy);
    expect(copies()).toEqual([]);
  });

  test("after `current` was moved is a backup", async () => {
    const copy = await leave("switching");
    stock();
    expect(pendingArchives(layout)).toMatchObject([{ copy }]);
    expect(leftCopies(layout, [])).toEqual([]);
  });

  test("after another node has written that down and moved on is a backup: the build may have run on this home", async () => {
    const copy = await leave("switching");
    const theirs = upgradeInfo({ version: "1.2.0" });
    placeBuild(layout, theirs);
    appendHistory(layout, { performedAt: NOON, info: theirs }, "now");
    writePlan(layout, { current: theirs, queuedUp: [] });
    switchCurrent(layout, buildLayout(layout, theirs.name));
    stock();
    expect(pendingArchives(layout)).toMatchObject([{ copy }]);
  });

  test("is archived into the backups of the home where that lies now", async () => {
    await leave("recording");
    const moved = emptyInstance(at.home, "elsewhere").layout;
    renameSync(layout.copies, moved.copies);
    expect(pendingArchives(moved)).toMatchObject([
      {
        copy: join(moved.copies, copies(moved)[0] ?? ""),
        order: { backups: moved.backups, head: { home: moved.home } },
      },
    ]);
  });

  test("is disowned where it lies now, if its home was moved before it was undone", async () => {
    const copy = await leave("switching");
    switchCurrent(layout, buildLayout(layout, "genesis"));
    const journal = { copy: join("/elsewhere/nymvisor/copies", copies()[0] ?? ""), trial: null, backup: null };
    const build = sampleBuildInfo({ version: info.version });
    const moments = { startedAt: NOON, performedAt: NOON };
    writeJournal(layout, {
      state: "switching",
      kind: "upgrade",
      from: "genesis",
      to: info,
      build,
      ...journal,
      ...moments,
    });
    stock();
    expect(leftCopies(layout, [])).toEqual([copy]);
  });
});
