import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "../../../src/model/outcomes.ts";
import type { Layout } from "../../../src/model/paths.ts";
import { badBytes } from "../../../src/policy/bad-releases.ts";
import { type BulkDisk, nodeBulkDisk, useBulkDisk } from "../../../src/system/bulk-disk.ts";
import type { Disk } from "../../../src/system/disk.ts";
import { changeOutcome } from "../../../src/upgrade/outcomes.ts";
import { findRolledBack } from "../../../src/upgrade/rolled-back.ts";
import { readVersionRecord, requirePlan } from "../../../src/upgrade/shared-documents.ts";
import { takeStock } from "../../../src/upgrade/take-stock.ts";
import { readWayBackJournal, writeWayBackJournal } from "../../../src/upgrade/way-back/journal.ts";
import { decidedWayBack, recordWayBack, settleWayBackHome } from "../../../src/upgrade/way-back/settle-way-back.ts";
import { contentsOf } from "../../support/contents.ts";
import { failureOf, failureOfAsync } from "../../support/failure.ts";
import { WayBackFixture } from "./way-back-fixture.ts";

let fixture: WayBackFixture;
let layout: Layout;

beforeEach(() => {
  fixture = new WayBackFixture();
  ({ layout } = fixture);
});
afterEach(() => fixture[Symbol.dispose]());

const mend = () => fixture.useDisks((disk) => disk);

/** What needs room, or may be refused by a disk that is going bad. */
const CHANGES = new Set<keyof Disk | keyof BulkDisk>([
  "copyFileSync",
  "fchmodSync",
  "fsyncSync",
  "linkSync",
  "lchownSync",
  "mkdirSync",
  "renameSync",
  "rename",
  "rm",
  "rmdirSync",
  "rmSync",
  "symlinkSync",
  "unlinkSync",
  "writeSync",
  "writeAt",
  "fsync",
  "fdatasync",
  "ftruncateSync",
  "setModificationTime",
]);

/** The change after so many fails; all after it do too, unless the disk recovers. */
function failAfter(count: number, recovers: boolean): { reached(): boolean } {
  let left = count;
  const guard = <T extends object>(disk: T): T => {
    const guarded = Object.entries(disk).map(([name, act]) => [
      name,
      (...values: unknown[]) => {
        if (CHANGES.has(name as keyof Disk)) {
          left -= 1;
          if (recovers ? left === -1 : left < 0) throw Object.assign(new Error(`ENOSPC: ${name}`), { code: "ENOSPC" });
        }
        return (act as (...values: unknown[]) => unknown)(...values);
      },
    ]);
    return Object.fromEntries(guarded) as T;
  };
  fixture.useDisks(guard);
  return { reached: () => left < 0 };
}

test.each([
  ["copy", "from then on, until the next start", false],
  ["archive", "once", true],
] as const)(
  "a way back from the %s whose disk says no at any step, %s, is made whole or leaves everything as it was",
  async (kind, _, recovers) => {
    const before = await fixture.upgrade("1.1.0", kind);
    const after = fixture.home();
    const seen = new Set<string>();
    for (let count = 0; ; count += 1) {
      fixture.startOver();
      const request = fixture.request();
      const disk = failAfter(count, recovers);
      const result = await fixture.goBack(request);
      mend();
      const settled = await fixture.nextStart();
      seen.add(`${result.outcome}, ${settled}`);
      if (result.outcome === "done") {
        expect(fixture.home()).toEqual(before);
        expect(fixture.current()).toBe("genesis");
        expect(requirePlan(layout).current.name).toBe("genesis");
        expect(readVersionRecord(layout)).toMatchObject({ value: { name: "genesis" } });
        expect(fixture.outcomes()).toMatchObject([{ state: "rolled-back" }]);
        const [kept] = findRolledBack(layout);
        expect(result.kept).toBe(kept?.folder ?? "");
        expect(fixture.home(join(kept?.folder ?? "", "home"))).toEqual(after);
      } else {
        expect(result.outcome).toBe("failed");
        expect(result).not.toMatchObject({ hopeless: true });
        expect(fixture.home()).toEqual(after);
        expect(fixture.current()).toBe("1.1.0");
        expect(fixture.outcomes()).toMatchObject([{ state: "on-probation" }]);
        // It can be tried again as if nothing had been; a few of these are enough.
        if (count % 6 > 0) continue;
        expect(await fixture.goBack(fixture.request())).toMatchObject({ outcome: "done", unrecorded: null });
        expect(fixture.home()).toEqual(before);
      }
      expect(await settleWayBackHome(layout)).toBe("none");
      expect(existsSync(layout.wayBack)).toBe(false);
      if (!disk.reached()) break;
    }
    expect([...seen]).toContain("done, none");
    expect([...seen]).toContain("done, exchanged");
    expect([...seen].some((one) => one.startsWith("failed"))).toBe(true);
  },
  60_000,
);

/** The home is exchanged, the old version may run, and nothing is written down yet. */
async function exchanged() {
  const before = await fixture.upgrade("1.1.0");
  await fixture.goBack({}, { recordsLater: true });
  expect(readWayBackJournal(layout)).toMatchObject({ value: { state: "exchanging" } });
  return before;
}

/** The disk has failed in the middle of the exchange. */
async function halfway() {
  const before = await fixture.upgrade("1.1.0");
  const request = fixture.request();
  let renames = 0;
  useBulkDisk({
    ...nodeBulkDisk,
    renameSync(from, to) {
      renames += 1;
      if (renames > 3) throw Object.assign(new Error("EIO: i/o error, rename"), { code: "EIO" });
      nodeBulkDisk.renameSync(from, to);
    },
  });
  const result = await fixture.goBack(request);
  mend();
  expect(result).toMatchObject({ outcome: "done", name: "genesis", unrecorded: expect.stringContaining("EIO") });
  expect(decidedWayBack(layout)).toBeUndefined();
  expect(fixture.home()).not.toEqual(before);
  return before;
}

describe("a home that is half exchanged", () => {
  test("is made whole before anything is started on it", async () => {
    const before = await halfway();
    expect(await settleWayBackHome(layout)).toBe("exchanged");
    expect(fixture.home()).toEqual(before);
    expect(decidedWayBack(layout)).toMatchObject({ to: { name: "genesis" } });
  });

  test("is no time to put the documents in order", async () => {
    await halfway();
    const stock = () => takeStock({ layout, clock: fixture.clock, emit: () => {} });
    expect(failureOf(stock).message).toContain("half done");
    expect(existsSync(layout.wayBack)).toBe(true);
    await settleWayBackHome(layout);
    stock();
    expect(existsSync(layout.wayBack)).toBe(false);
    expect(fixture.current()).toBe("genesis");
  });

  test("is made whole by the next way back, whatever that one is for: another journal would hide half of it", async () => {
    const before = await halfway();
    const result = await fixture.goBack({ to: "1.1.0", from: { name: "genesis", version: "1.0.0" }, saved: null });
    expect(result).toMatchObject({ outcome: "done", name: "genesis", unrecorded: null });
    expect(fixture.home()).toEqual(before);
    expect(fixture.current()).toBe("genesis");
  });
});

describe("a home that is exchanged", () => {
  test("is left alone from then on: the old version runs on it, though nothing is written down", async () => {
    await exchanged();
    writeFileSync(join(layout.home, "came-with-1.1.0"), "the old version makes one of that name too");
    rmSync(join(layout.home, "data/b.sqlite"));
    const now = fixture.home();
    expect(await settleWayBackHome(layout)).toBe("exchanged");
    expect(fixture.home()).toEqual(now);
    expect(await fixture.nextStart()).toBe("exchanged");
    expect(fixture.home()).toEqual(now);
  });

  test("is written down the same however often, and the way back is over then", async () => {
    const before = await exchanged();
    const journal = decidedWayBack(layout);
    if (journal === undefined) throw new Error("nothing is decided");
    const events: unknown[] = [];
    const context = {
      layout,
      clock: { ...fixture.clock, wall: () => 7n },
      emit: (event: unknown) => events.push(event),
    };
    const documents = () => contentsOf(layout.upgradeData);
    recordWayBack(context, journal);
    const once = documents();
    writeWayBackJournal(layout, journal);
    recordWayBack(context, journal);
    expect(documents()).toEqual(once);
    expect(fixture.home()).toEqual(before);
    expect(existsSync(layout.wayBack)).toBe(false);
    expect(events).toEqual([...events.slice(0, 1), ...events.slice(0, 1)]);
  });

  test("by hand is noted once", async () => {
    await fixture.upgrade("1.1.0");
    await fixture.goBack({ byHand: true }, { recordsLater: true });
    const journal = decidedWayBack(layout);
    if (journal === undefined) throw new Error("nothing is decided");
    for (let time = 1; time <= 3; time += 1) {
      writeWayBackJournal(layout, journal);
      recordWayBack({ layout, clock: fixture.clock, emit: () => {} }, journal);
    }
    expect(fixture.outcomes().map(({ kind, name, state }) => [kind, name, state])).toEqual([
      ["upgrade", "1.1.0", "rolled-back"],
      ["rollback", "genesis", "passed"],
    ]);
  });
});

test("by hand from a version that had failed leaves its bytes as bad as they were", async () => {
  await fixture.upgrade("1.1.0");
  changeOutcome(layout, fixture.outcomes()[0] as Outcome, {
    state: "failed",
    why: "it exited",
    sha256: "a".repeat(64),
  });
  await fixture.goBack({ byHand: true });
  expect(fixture.outcomes()).toMatchObject([
    { name: "1.1.0", state: "rolled-back", why: "it exited", byHand: false },
    { name: "genesis", kind: "rollback", byHand: true },
  ]);
  expect([...badBytes(fixture.outcomes()).keys()]).toEqual(["a".repeat(64)]);
});

describe("a way back that was only prepared", () => {
  test("is forgotten with what was unpacked for it, and the new version runs on", async () => {
    await fixture.upgrade("1.1.0", "archive");
    const after = fixture.home();
    const hanging = Promise.withResolvers<boolean>();
    const stopping = Promise.withResolvers<void>();
    const going = fixture.goBack(
      {},
      {
        stopDaemon: () => {
          stopping.resolve();
          return hanging.promise;
        },
      },
    );
    await stopping.promise;
    expect(existsSync(layout.restoring)).toBe(true);
    // As the next start finds it, had nymvisor been killed here.
    expect(await settleWayBackHome(layout)).toBe("undone");
    expect(fixture.leftovers()).toEqual([]);
    expect(fixture.home()).toEqual(after);
    expect(decidedWayBack(layout)).toBeUndefined();
    fixture.at.controller.abort(new Error("it was killed"));
    hanging.resolve(true);
    await going;
  });
});

describe("with no way back under way", () => {
  test("what one has unpacked goes, and what a restore has unpacked stays", async () => {
    const leave = () => mkdirSync(join(layout.restoring, "left"), { recursive: true });
    leave();
    expect(await settleWayBackHome(layout)).toBe("none");
    expect(existsSync(layout.restoring)).toBe(false);
    leave();
    writeFileSync(layout.restoreJournal, "{}");
    expect(await settleWayBackHome(layout)).toBe("none");
    expect(existsSync(join(layout.restoring, "left"))).toBe(true);
  });
});

test.each(["", "torn {", "{}"])(
  "a journal that holds %p keeps everything as it is, and says where to look",
  async (text) => {
    writeFileSync(layout.wayBack, text);
    const failure = await failureOfAsync(settleWayBackHome(layout));
    expect(failure.message).toContain(layout.wayBack);
    expect(failure.next).toContain(layout.rolledBack);
    expect(readFileSync(layout.wayBack, "utf8")).toBe(text);
  },
);
