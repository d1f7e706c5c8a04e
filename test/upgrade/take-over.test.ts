import { expect, test } from "bun:test";
import { existsSync, lstatSync, readFileSync, readlinkSync } from "node:fs";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { buildLayout, layoutOf } from "../../src/model/paths.ts";
import { readPlanView } from "../../src/run/plan-view.ts";
import { buildInfoOf, noteBuild } from "../../src/upgrade/build-information.ts";
import { readHistory, requirePlan } from "../../src/upgrade/shared-documents.ts";
import { readStaged } from "../../src/upgrade/staged.ts";
import { compareSides, takeStock } from "../../src/upgrade/take-stock.ts";
import { goldenBuildInfo, layGoldenInstance } from "../e2e/support/golden-instance.ts";
import { STANDING_CLOCK } from "../support/builds.ts";
import { configurationWith } from "../support/configuration.ts";
import { describeGolden } from "../support/golden.ts";
import { temporaryHome } from "../support/temporary-home.ts";

describeGolden("an instance that the Rust program left", () => {
  test.each([
    ["after-init", "genesis", "1.0.0"],
    ["after-upgrade", "1.1.0", "1.1.0"],
  ] as const)("%s is taken over as it is", async (tree, current, version) => {
    using home = temporaryHome();
    const { data, daemonHome } = layGoldenInstance(home, tree);
    const layout = layoutOf(home.path, configurationWith({ DAEMON_HOME: daemonHome }), data);
    const plan = readFileSync(layout.plan, "utf8");
    const target = readlinkSync(layout.current);
    const record = JSON.parse(readFileSync(layout.rustVersionRecord, "utf8"));
    const events: NymvisorEvent[] = [];
    const context = { layout, clock: STANDING_CLOCK, emit: (event: NymvisorEvent) => void events.push(event) };

    takeStock(context);
    const build = buildLayout(layout, current);
    const buildInfo = await buildInfoOf(build, home.env);
    const sides = compareSides(context, current, buildInfo);

    expect(buildInfo).toEqual(goldenBuildInfo(version));
    expect(sides.agreement).toEqual({ state: "agreed" });
    expect(events).toEqual([]);
    expect(readFileSync(layout.plan, "utf8")).toBe(plan);
    expect(readlinkSync(layout.current)).toBe(target);
    expect(JSON.parse(readFileSync(layout.versionRecord, "utf8"))).toEqual(record);
    expect(lstatSync(layout.rustVersionRecord).isSymbolicLink()).toBe(true);
    expect(JSON.parse(readFileSync(layout.rustVersionRecord, "utf8"))).toEqual(record);
    expect(readHistory(layout).state).toBe(tree === "after-upgrade" ? "found" : "missing");
    const { view } = readPlanView(layout, buildInfo, { hold: { held: false } });
    expect(view).toEqual({
      current,
      behind: false,
      currentOrdered: false,
      queue: [],
      holds: [],
      forwardObjection: null,
      forwardWaitsFor: null,
      goBack: null,
    });

    await noteBuild(build, requirePlan(layout).current, buildInfo, "linux-x86_64");
    expect(readStaged(build)).toMatchObject({ origin: "local", buildInfo });
    expect(existsSync(layout.journal)).toBe(false);
    takeStock(context);
    expect(events).toEqual([]);
  });
});
