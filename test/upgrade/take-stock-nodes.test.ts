import { afterEach, beforeEach, expect, test } from "bun:test";
import type { UpgradeInfo } from "../../src/model/documents.ts";
import { buildLayout, type Layout } from "../../src/model/paths.ts";
import { nodeDisk, useDisk } from "../../src/system/disk.ts";
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
import { compareSides, takeStock } from "../../src/upgrade/take-stock.ts";
import { placeBuild, STANDING_CLOCK, setUp, setUpStaged } from "../support/builds.ts";
import { emptyInstance } from "../support/instance.ts";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

const OURS = NOON - 5_000_000_000n;
const THEIRS = NOON - 2_000_000_000n;

let home: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
});
afterEach(() => home[Symbol.dispose]());

/** The power went while this node's upgrade was in that state; `current` leads to the new build when it is back. */
function leave(state: Journal["state"], from: string, to: UpgradeInfo): void {
  const build = sampleBuildInfo({ version: to.version });
  writeJournal(layout, {
    state,
    kind: "upgrade",
    from,
    to,
    build,
    copy: null,
    trial: null,
    backup: null,
    startedAt: OURS,
    performedAt: OURS,
  });
  switchCurrent(layout, buildLayout(layout, to.name));
}

const context = () => ({ layout, clock: STANDING_CLOCK, emit: () => {} });
const stock = () => takeStock(context());
const compare = ({ name, version }: UpgradeInfo) => compareSides(context(), name, sampleBuildInfo({ version }));

test.each(["switching", "recording"] as const)(
  "an upgrade that another node has finished while this one, in the state %s, had no power is in the history once",
  (state) => {
    const info = setUpStaged(layout);
    leave(state, "genesis", info);
    appendHistory(layout, { performedAt: THEIRS, info }, "now");
    stock();
    expect(readHistory(layout)).toMatchObject({ value: { history: [{ performedAt: THEIRS, info }] } });
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: info.name, upgradeTime: THEIRS } });
  },
);

test("an upgrade that another node has written into the history, and not out of the plan, is not performed again", () => {
  const info = setUpStaged(layout);
  switchCurrent(layout, buildLayout(layout, info.name));
  appendHistory(layout, { performedAt: THEIRS, info }, "now");
  stock();
  expect(readHistory(layout)).toMatchObject({ value: { history: [{ performedAt: THEIRS, info }] } });
  expect(requirePlan(layout)).toEqual({ current: info, queuedUp: [] });
});

test("a step back that a person queued, interrupted before the plan was written, does not put the newer one back", () => {
  const [newer, older] = [upgradeInfo({ version: "1.2.0" }), upgradeInfo({ version: "1.1.0" })];
  setUp(layout);
  for (const info of [newer, older]) placeBuild(layout, info);
  writePlan(layout, { current: newer, queuedUp: [older] });
  appendHistory(layout, { performedAt: THEIRS, info: newer }, "now");
  leave("recording", newer.name, older);
  stock();
  expect(requirePlan(layout)).toMatchObject({ current: { name: older.name }, queuedUp: [] });
});

test("an upgrade that could not be noted before another node went on from it is in the history, in its place", () => {
  const [ours, theirs] = [upgradeInfo({ version: "1.1.0" }), upgradeInfo({ version: "1.2.0" })];
  setUp(layout);
  for (const info of [ours, theirs]) placeBuild(layout, info);
  leave("recording", "genesis", ours);
  switchCurrent(layout, buildLayout(layout, theirs.name));
  writePlan(layout, { current: theirs, queuedUp: [] });
  appendHistory(layout, { performedAt: THEIRS, info: theirs }, "now");
  stock();
  const history = {
    history: [
      { performedAt: OURS, info: ours },
      { performedAt: THEIRS, info: theirs },
    ],
  };
  expect(readHistory(layout)).toMatchObject({ value: history });
  // The build may have run on this home before its record could be written: it must not get an older one.
  expect(readVersionRecord(layout)).toMatchObject({ value: { name: ours.name } });
});

test("the home of a switch that only the history tells of is on the build that it was switched to", () => {
  const [ours, theirs] = [upgradeInfo({ version: "1.1.0" }), upgradeInfo({ version: "1.2.0" })];
  setUp(layout);
  for (const info of [ours, theirs]) placeBuild(layout, info);
  leave("switching", "genesis", ours);
  // The other node has written down what it found before it went on.
  for (const info of [ours, theirs]) appendHistory(layout, { performedAt: THEIRS, info }, "now");
  writePlan(layout, { current: theirs, queuedUp: [] });
  switchCurrent(layout, buildLayout(layout, theirs.name));
  const { record, agreement } = compare(theirs);
  expect([record?.name, agreement.state]).toEqual([ours.name, "behind"]);
  stock();
  expect(readVersionRecord(layout)).toMatchObject({ value: { name: ours.name } });
  expect(readHistory(layout)).toMatchObject({ value: { history: [{ info: ours }, { info: theirs }] } });
});

test("a switch that cannot be written down is one for whoever comes next, and the home is on its build until then", () => {
  const [before, ours] = [upgradeInfo({ name: "before", version: "1.1.0" }), upgradeInfo({ version: "1.1.0" })];
  setUp(layout, ours);
  for (const info of [before, ours]) placeBuild(layout, info);
  const binaryDetails = sampleBuildInfo({ version: "1.1.0" });
  leave("switching", "before", ours);
  writeVersionRecord(layout, { name: "before", version: "1.1.0", upgradeTime: OURS, binaryDetails });
  const { versionRecord } = layout;
  // The one document that stays as it was.
  const refusing = (from: string, to: string) => {
    if (to === versionRecord) throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
    nodeDisk.renameSync(from, to);
  };
  const giveBack = useDisk(() => ({ ...nodeDisk, renameSync: refusing }));
  try {
    expect(stock).toThrow("ENOSPC");
  } finally {
    giveBack();
  }
  expect(readJournal(layout)).toMatchObject({ value: { state: "recording" } });
  expect(readHistory(layout)).toMatchObject({ value: { history: [{ info: ours }] } });
  expect(compare(ours)).toMatchObject({ record: { name: ours.name }, agreement: { state: "agreed" } });
});
