import { afterEach, beforeEach, expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { buildLayout } from "../../src/model/paths.ts";
import { type Disk, nodeDisk, useDisk } from "../../src/system/disk.ts";
import { checkBackupRoom } from "../../src/upgrade/backup.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { pendingArchives } from "../../src/upgrade/pending-archives.ts";
import { writePlan } from "../../src/upgrade/shared-documents.ts";
import { perform } from "../../src/upgrade/transaction.ts";
import { setUpStaged } from "../support/builds.ts";
import { TransactionFixture, targetOf } from "./transaction-fixture.ts";

let fixture: TransactionFixture;
let giveBack = () => {};

beforeEach(() => {
  fixture = new TransactionFixture();
});
afterEach(() => {
  giveBack();
  fixture[Symbol.dispose]();
});

/** From the move of `current` on, so many fsyncs of the folder that it lies in fail. */
function failSyncs(times: number): void {
  const { current, upgradeData } = fixture.layout;
  const folders = new Set<number>();
  let left = 0;
  const failing: Disk = {
    ...nodeDisk,
    openSync(path, flags, mode) {
      const descriptor = nodeDisk.openSync(path, flags, mode);
      if (path === upgradeData) folders.add(descriptor);
      else folders.delete(descriptor);
      return descriptor;
    },
    renameSync(from, to) {
      nodeDisk.renameSync(from, to);
      if (to === current && readlinkSync(current) !== "genesis") left = times;
    },
    fsyncSync(descriptor) {
      if (!folders.has(descriptor) || left === 0) return nodeDisk.fsyncSync(descriptor);
      left -= 1;
      throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
    },
  };
  giveBack = useDisk(() => failing);
}

test("a move of current that the disk never confirms is taken back: the old build must not get a home of the new one", async () => {
  const info = setUpStaged(fixture.layout);
  failSyncs(2);
  const result = await perform(fixture.context(), targetOf(info));
  expect(result).toMatchObject({ outcome: "failed", stopped: true, reason: expect.stringContaining("EIO") });
  fixture.expectUntouched(info);
});

test("a move of current that the disk confirms at the second time stands", async () => {
  const info = setUpStaged(fixture.layout);
  failSyncs(1);
  expect(await perform(fixture.context(), targetOf(info))).toMatchObject({ outcome: "done", unrecorded: null });
  expect(fixture.situation()).toBe("journal missing, current upgrades/1.1.0");
  expect(fixture.history()).toHaveLength(1);
});

test.each(["upgrade", "forward"] as const)(
  "an attempt (%s) that is written down wholly is done, though the disk does not confirm that its journal is gone",
  async (kind) => {
    const info = setUpStaged(fixture.layout);
    const { layout } = fixture;
    if (kind === "forward") {
      writePlan(layout, { current: info, queuedUp: [] });
      switchCurrent(layout, buildLayout(layout, info.name));
    }
    let unlinked = false;
    const failing: Disk = {
      ...nodeDisk,
      unlinkSync(path) {
        nodeDisk.unlinkSync(path);
        if (path === layout.journal) unlinked = true;
      },
      fsyncSync(descriptor) {
        nodeDisk.fsyncSync(descriptor);
        if (!unlinked) return;
        unlinked = false;
        throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
      },
    };
    giveBack = useDisk(() => failing);
    const target = kind === "upgrade" ? targetOf(info) : ({ kind, name: info.name } as const);
    const result = await perform(fixture.context({ checkBackupRoom }), target);
    expect(result).toMatchObject({ outcome: "done", unrecorded: expect.stringContaining("EIO") });
    expect(pendingArchives(layout)).toHaveLength(1);
  },
);
