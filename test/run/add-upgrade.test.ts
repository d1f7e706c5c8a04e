import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import type { NymvisorError } from "../../src/model/errors.ts";
import { buildLayout, type Layout, layoutOf } from "../../src/model/paths.ts";
import type { AddUpgradeRequest } from "../../src/model/requests.ts";
import { addUpgrade } from "../../src/run/add-upgrade.ts";
import { initialise } from "../../src/run/initialise.ts";
import { readPlanView } from "../../src/run/plan-view.ts";
import { systemClock } from "../../src/system/clock.ts";
import { tryLock } from "../../src/system/lock.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import { readUpgradeInfo, requirePlan, writePlan, writeUpgradeInfo } from "../../src/upgrade/shared-documents.ts";
import { readStaged } from "../../src/upgrade/staged.ts";
import { contentsOf } from "../support/contents.ts";
import { environmentIn } from "../support/environment.ts";
import { failureOfAsync } from "../support/failure.ts";
import { HOSTILE_KINDS, sampleBuildInfo, writeHostileDaemon, writeSampleDaemon } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, platform, upgradeInfo } from "../support/upgrades.ts";
import { waitFor } from "../support/wait.ts";

let home: TemporaryHome;
let layout: Layout;
let binary: string;

beforeEach(async () => {
  home = temporaryHome();
  const genesis = writeSampleDaemon(home.at("downloads/old"), { version: "1.0.0" });
  const settings = new Map([["daemon-home", home.at("node")]]);
  const configuration = await initialise({ daemonBinary: genesis, settings, output: "text" }, environmentIn(home));
  layout = layoutOf(home.path, configuration, home.at(".nym/nymvisors/data/nym-node"));
  binary = writeSampleDaemon(home.at("downloads/new"), { version: "1.1.0" });
});
afterEach(() => home[Symbol.dispose]());

function add(request: Partial<AddUpgradeRequest> = {}) {
  return addUpgrade(
    {
      daemonBinary: binary,
      name: "1.1.0",
      force: false,
      addBinary: false,
      due: { kind: "at", instant: NOON },
      publishDate: null,
      output: "text",
      ...request,
    },
    environmentIn(home),
  );
}

const contents = () => contentsOf(home.path);
const queue = () => requirePlan(layout).queuedUp.map(({ name }) => name);

describe("an upgrade that a person adds", () => {
  test("is brought, noted as ready, described and queued", async () => {
    const before = systemClock.wall();
    const entry = await add();
    const build = buildLayout(layout, "1.1.0");
    const buildInfo = sampleBuildInfo({ version: "1.1.0" });
    expect(entry).toMatchObject({
      manual: false,
      name: "1.1.0",
      version: "1.1.0",
      platforms: {},
      upgradeTime: NOON,
      binaryDetails: buildInfo,
      notes: expect.stringContaining("by hand"),
    });
    const published = entry.publishDate ?? 0n;
    expect(published >= before && published <= systemClock.wall()).toBe(true);
    expect(readFileSync(build.binary)).toEqual(readFileSync(binary));
    expect(readStaged(build)).toMatchObject({ origin: "local", buildInfo });
    expect(readUpgradeInfo(build)).toEqual({ state: "found", value: entry });
    expect(requirePlan(layout)).toMatchObject({ current: { name: "genesis" }, queuedUp: [entry] });
    expect(readdirSync(build.bin)).toEqual(["nym-node"]);
    expect(existsSync(layout.upgradeLock)).toBe(false);
  });

  test("is due when it was said, and was published when it was said", async () => {
    const before = systemClock.wall();
    expect((await add({ due: { kind: "now" } })).upgradeTime).toBeGreaterThanOrEqual(before);
    const hour = 3_600_000_000_000n;
    const later = (await add({ due: { kind: "after", delay: hour }, force: true, publishDate: NOON })).upgradeTime;
    expect(later - hour >= before && later - hour <= systemClock.wall()).toBe(true);
    expect(requirePlan(layout).queuedUp).toMatchObject([{ upgradeTime: later, publishDate: NOON }]);
  });

  test("takes its place among the others by its time", async () => {
    const [early, late] = [
      upgradeInfo({ version: "2.0.0", upgradeTime: NOON - 1n }),
      upgradeInfo({ version: "3.0.0", upgradeTime: NOON + 1n }),
    ];
    writePlan(layout, { ...requirePlan(layout), queuedUp: [early, late], schema: 7 });
    await add();
    expect(queue()).toEqual(["2.0.0", "1.1.0", "3.0.0"]);
    expect(requirePlan(layout)).toMatchObject({ schema: 7 });
  });

  test.each(["constructor", "__proto__", 'it\'s "a" & b', "ünï"])("may be called %s", async (name) => {
    await add({ name });
    expect(queue()).toEqual([name]);
    expect(
      readPlanView(layout, sampleBuildInfo({ version: "1.0.0" }), { hold: { held: false } }).view.queue,
    ).toMatchObject([{ name, objection: null }]);
  });

  test("may be of a lower version, for the person has asked for it", async () => {
    const daemonBinary = writeSampleDaemon(home.at("downloads/older"), { version: "0.9.0" });
    await add({ name: "back", daemonBinary });
    expect(
      readPlanView(layout, sampleBuildInfo({ version: "1.0.0" }), { hold: { held: false } }).view.queue,
    ).toMatchObject([{ objection: null }]);
  });

  test("is not lost to others that are added at the same moment", async () => {
    const names = Array.from({ length: 8 }, (_, index) => `1.1.${index}`);
    await Promise.all(names.map((name) => add({ name })));
    expect(queue().toSorted()).toEqual(names);
  });
});

test("of two that are added at the same moment under one name, one is refused and leaves nothing", async () => {
  const { bin } = buildLayout(layout, "1.1.0");
  const { lock } = tryLock(layout.upgradeLock, "this test");
  const adding = Promise.allSettled([add(), add()]);
  await waitFor("both copies", () => existsSync(bin) && readdirSync(bin).length === 2);
  lock?.release();
  const outcomes = await adding;
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  expect(readdirSync(bin)).toEqual(["nym-node"]);
  expect(queue()).toEqual(["1.1.0"]);
});

describe("by force an upgrade", () => {
  test("that is queued gets another binary and another time, and stands there once", async () => {
    await add();
    const daemonBinary = writeSampleDaemon(home.at("downloads/newer"), { version: "1.1.1" });
    const entry = await add({ daemonBinary, due: { kind: "at", instant: NOON + 9n }, force: true });
    expect(requirePlan(layout).queuedUp).toEqual([entry]);
    expect(entry).toMatchObject({ version: "1.1.1", upgradeTime: NOON + 9n });
    expect(readFileSync(buildLayout(layout, "1.1.0").binary)).toEqual(readFileSync(daemonBinary));
    expect(readStaged(buildLayout(layout, "1.1.0"))?.buildInfo.build_version).toBe("1.1.1");
  });

  test("that was announced becomes the person's", async () => {
    const announced = upgradeInfo({ platforms: { any: platform("bytes") } });
    mkdirSync(buildLayout(layout, "1.1.0").folder);
    writeUpgradeInfo(buildLayout(layout, "1.1.0"), announced);
    writePlan(layout, { ...requirePlan(layout), queuedUp: [announced] });
    const entry = await add({ force: true });
    expect(entry.platforms).toEqual({});
    expect(requirePlan(layout).queuedUp).toEqual([entry]);
  });

  test("that runs is not exchanged", async () => {
    await add();
    switchCurrent(layout, buildLayout(layout, "1.1.0"));
    const before = contents();
    expect((await failureOfAsync(add({ force: true }))).what).toBe("1.1.0 is what runs now");
    expect(contents()).toEqual(before);
  });
});

describe("only the binary of an upgrade that is known", () => {
  const announced = upgradeInfo({ platforms: { any: platform("bytes") }, upgradeTime: NOON + 5n });

  beforeEach(() => {
    mkdirSync(buildLayout(layout, "1.1.0").folder);
    writeUpgradeInfo(buildLayout(layout, "1.1.0"), announced);
    writePlan(layout, { ...requirePlan(layout), queuedUp: [announced] });
  });

  test("is brought, and the entry stays as it is", async () => {
    const before = readFileSync(layout.plan, "utf8");
    expect(await add({ addBinary: true })).toEqual(announced);
    expect(readFileSync(layout.plan, "utf8")).toBe(before);
    expect(readUpgradeInfo(buildLayout(layout, "1.1.0"))).toEqual({ state: "found", value: announced });
    expect(readStaged(buildLayout(layout, "1.1.0"))).toMatchObject({ origin: "local" });
  });

  test("lets a running nymvisor know, by a plan that is written again", async () => {
    const { ino } = await Bun.file(layout.plan).stat();
    await add({ addBinary: true });
    expect((await Bun.file(layout.plan).stat()).ino).not.toBe(ino);
  });

  test("is refused when it is of another version", async () => {
    const daemonBinary = writeSampleDaemon(home.at("downloads/other"), { version: "1.2.0" });
    const before = contents();
    expect(await failureOfAsync(add({ addBinary: true, daemonBinary }))).toMatchObject({
      what: "the binary is not that of 1.1.0",
      why: "it says that it is version 1.2.0, and 1.1.0 was announced",
    });
    expect(contents()).toEqual(before);
  });

  test("may be another build of that version, for the person has asked for it", async () => {
    const other = { ...announced, binaryDetails: sampleBuildInfo({ version: "1.1.0", commit: "f".repeat(40) }) };
    writeUpgradeInfo(buildLayout(layout, "1.1.0"), other);
    await add({ addBinary: true });
    expect(readStaged(buildLayout(layout, "1.1.0"))).toBeDefined();
  });

  test("takes force where there is one already", async () => {
    await add({ addBinary: true });
    expect((await failureOfAsync(add({ addBinary: true }))).next).toContain("--force");
    await add({ addBinary: true, force: true });
  });

  test("is refused when the upgrade is not known", async () => {
    expect((await failureOfAsync(add({ addBinary: true, name: "1.2.0" }))).what).toBe("1.2.0 is not known");
    expect(existsSync(buildLayout(layout, "1.2.0").folder)).toBe(false);
  });
});

describe("what may not be added changes nothing:", () => {
  async function refused(request: Partial<AddUpgradeRequest> = {}): Promise<NymvisorError> {
    const before = contents();
    const failure = await failureOfAsync(add(request));
    expect(contents()).toEqual(before);
    return failure;
  }

  test.each(HOSTILE_KINDS.filter((kind) => !kind.startsWith("hangs")))(
    "a binary that is no daemon (%s)",
    async (kind) => {
      await refused({ daemonBinary: writeHostileDaemon(home.at("bad/binary"), kind) });
    },
  );

  test("a binary of another daemon", async () => {
    const daemonBinary = writeSampleDaemon(home.at("downloads/api"), { version: "1.1.0", name: "nym-api" });
    expect(await refused({ daemonBinary })).toMatchObject({ why: "this instance runs nym-node" });
  });

  test.each(["..", "a/b", "genesis", "current", ".hidden", "x".repeat(129), ""])("the name %p", async (name) => {
    await refused({ name, force: true });
  });

  test("a name that has a binary", async () => {
    await add();
    expect(await refused()).toMatchObject({
      what: "1.1.0 has a binary already",
      next: expect.stringContaining("--force"),
    });
  });

  test("a name that is known", async () => {
    mkdirSync(buildLayout(layout, "1.1.0").folder);
    writeUpgradeInfo(buildLayout(layout, "1.1.0"), upgradeInfo());
    expect(await refused()).toMatchObject({
      what: "1.1.0 is known already",
      next: expect.stringContaining("--add-binary"),
    });
  });

  test.each(["", "torn"])("anything, beside a plan that holds %j", async (text) => {
    writeFileSync(layout.plan, text);
    expect((await refused()).what).toContain(layout.plan);
  });

  test("a name whose information is torn, even by force, for nobody has seen what is in it", async () => {
    mkdirSync(buildLayout(layout, "1.1.0").folder);
    writeFileSync(buildLayout(layout, "1.1.0").info, "torn");
    expect((await refused({ force: true })).what).toContain(buildLayout(layout, "1.1.0").info);
  });

  test("anything, where the plan or all upgrades are gone", async () => {
    unlinkSync(layout.plan);
    expect((await refused()).what).toContain("there is no plan");
    rmSync(layout.upgradeData, { recursive: true });
    expect((await refused()).what).toContain(layout.upgradeData);
  });
});
