import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { UsageError } from "../../src/model/errors.ts";
import { buildLayout, type Layout, layoutOf } from "../../src/model/paths.ts";
import { initialise } from "../../src/run/initialise.ts";
import { switchCurrent } from "../../src/upgrade/current.ts";
import {
  readUpgradeInfo,
  readVersionRecord,
  requirePlan,
  writePlan,
  writeVersionRecord,
} from "../../src/upgrade/shared-documents.ts";
import { readStaged } from "../../src/upgrade/staged.ts";
import { placeBuild } from "../support/builds.ts";
import { contentsOf } from "../support/contents.ts";
import { environmentIn } from "../support/environment.ts";
import { failureOfAsync } from "../support/failure.ts";
import { HOSTILE_KINDS, sampleBuildInfo, writeHostileDaemon, writeSampleDaemon } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { NOON, upgradeInfo } from "../support/upgrades.ts";

let home: TemporaryHome;
let binary: string;

beforeEach(() => {
  home = temporaryHome();
  binary = writeSampleDaemon(home.at("downloads/nym-node"), { version: "1.0.0" });
});
afterEach(() => home[Symbol.dispose]());

interface Typed {
  daemonBinary?: string;
  settings?: Record<string, string>;
  variables?: Record<string, string>;
}

function init({ daemonBinary = binary, settings = {}, variables = {} }: Typed = {}) {
  const flags = new Map(Object.entries({ "daemon-home": home.at("node"), ...settings }));
  return initialise({ daemonBinary, settings: flags, output: "text" }, environmentIn(home, variables));
}

async function initLayout(typed: Typed = {}): Promise<Layout> {
  const configuration = await init(typed);
  return layoutOf(home.path, configuration, home.at(".nym/nymvisors/data/nym-node"));
}

const contents = () => contentsOf(home.path);
const configFile = (id = "nym-node-default") => home.at(`.nym/nymvisors/instances/${id}/config/config.toml`);

describe("init", () => {
  test("makes everything that a run needs, and nothing else", async () => {
    const layout = await initLayout();
    const buildInfo = sampleBuildInfo({ version: "1.0.0" });
    const genesis = buildLayout(layout, "genesis");
    expect(readFileSync(genesis.binary)).toEqual(readFileSync(binary));
    expect(statSync(genesis.binary).mode & 0o777).toBe(0o755);
    expect(readStaged(genesis)).toMatchObject({ buildInfo, origin: "local" });
    const info = {
      manual: true,
      name: "genesis",
      notes: "",
      publishDate: null,
      version: "1.0.0",
      platforms: {},
      upgradeTime: 0n,
      binaryDetails: buildInfo,
    };
    expect(readUpgradeInfo(genesis)).toEqual({ state: "found", value: info });
    expect(requirePlan(layout)).toEqual({ current: info, queuedUp: [] });
    expect(readVersionRecord(layout)).toMatchObject({
      value: { name: "genesis", version: "1.0.0", binaryDetails: buildInfo },
    });
    expect(readlinkSync(layout.rustVersionRecord)).toBe("current-version-info.json");
    expect(readlinkSync(layout.current)).toBe("genesis");
    expect(statSync(layout.backups).mode & 0o777).toBe(0o700);
    expect(statSync(configFile()).mode & 0o777).toBe(0o600);
    expect(
      Object.keys(contentsOf(home.at(".nym")))
        .filter((name) => !name.includes("/data/nym-node/genesis"))
        .toSorted(),
    ).toEqual([
      "nymvisors",
      "nymvisors/data",
      "nymvisors/data/nym-node",
      "nymvisors/data/nym-node/current",
      "nymvisors/data/nym-node/upgrade-plan.json",
      "nymvisors/data/nym-node/upgrades",
      "nymvisors/instances",
      "nymvisors/instances/nym-node-default",
      "nymvisors/instances/nym-node-default/config",
      "nymvisors/instances/nym-node-default/config/config.toml",
      "nymvisors/instances/nym-node-default/data",
    ]);
  });

  test("a second time, with the same binary, changes nothing", async () => {
    await init();
    const before = contents();
    await init();
    expect(contents()).toEqual(before);
  });

  test("a second time takes the same build from another file", async () => {
    await init();
    const before = contentsOf(home.at(".nym"));
    await init({ daemonBinary: writeSampleDaemon(home.at("elsewhere/copy of it"), { version: "1.0.0" }) });
    expect(contentsOf(home.at(".nym"))).toEqual(before);
  });

  test("after upgrades never sets the instance back", async () => {
    const layout = await initLayout();
    const info = upgradeInfo();
    const buildInfo = sampleBuildInfo({ version: "1.1.0" });
    placeBuild(layout, info);
    writePlan(layout, { current: info, queuedUp: [upgradeInfo({ version: "1.2.0" })] });
    writeVersionRecord(layout, { name: "1.1.0", version: "1.1.0", upgradeTime: NOON, binaryDetails: buildInfo });
    switchCurrent(layout, buildLayout(layout, "1.1.0"));
    const before = contents();
    await init();
    expect(contents()).toEqual(before);
  });

  test("keeps what a person has changed in the configuration, unless a flag says otherwise", async () => {
    await init();
    const text = readFileSync(configFile(), "utf8").replace("max_startup_failures = 10", "max_startup_failures = 77");
    writeFileSync(configFile(), text);
    expect((await init()).daemon.max_startup_failures).toBe(77);
    expect(readFileSync(configFile(), "utf8")).toContain("max_startup_failures = 77");
    expect((await init({ settings: { "max-daemon-startup-failures": "5" } })).daemon.max_startup_failures).toBe(5);
    expect(readFileSync(configFile(), "utf8")).toContain("max_startup_failures = 5");
  });

  test.each([
    ["in PATH", false, "2.0.0"],
    ["in the current folder rather than in PATH", true, "3.0.0"],
  ])("finds a binary by its bare name %s", async (_, alsoHere, version) => {
    writeSampleDaemon(home.at("bin/nym-node"), { version: "2.0.0" });
    if (alsoHere) writeSampleDaemon(home.at("nym-node"), { version: "3.0.0" });
    const variables = { PATH: `${home.at("bin")}:/usr/bin:/bin` };
    expect(requirePlan(await initLayout({ daemonBinary: "nym-node", variables })).current.version).toBe(version);
  });

  test("names the daemon after what the binary says, not after its file", async () => {
    const daemonBinary = writeSampleDaemon(home.at("x"), { version: "1.0.0", name: "nym-api" });
    const configuration = await init({ daemonBinary });
    expect(configuration).toMatchObject({ daemon: { name: "nym-api" }, nymvisor: { id: "nym-api-default" } });
    expect(existsSync(home.at(".nym/nymvisors/data/nym-api/genesis/bin/nym-api"))).toBe(true);
  });

  test("puts the upgrades of a folder of one's own below the daemon's name, or where the Rust program had them", async () => {
    await init({ settings: { "upgrade-data-directory": home.at("mine") } });
    expect(existsSync(home.at("mine/nym-node/upgrade-plan.json"))).toBe(true);
    mkdirSync(home.at("rust"));
    renameSync(home.at("mine/nym-node"), home.at("rust/direct"));
    await init({ settings: { id: "other", "upgrade-data-directory": home.at("rust/direct") } });
    expect(existsSync(home.at("rust/direct/nym-node"))).toBe(false);
  });

  test("of a second node on the same upgrades leaves it to be brought after what runs by now", async () => {
    const first = await initLayout();
    placeBuild(first, upgradeInfo());
    writePlan(first, { current: upgradeInfo(), queuedUp: [] });
    switchCurrent(first, buildLayout(first, "1.1.0"));
    const shared = contentsOf(first.upgradeData);
    const second = await initLayout({ settings: { id: "second", "daemon-home": home.at("node2") } });
    expect(contentsOf(first.upgradeData)).toEqual(shared);
    expect(readVersionRecord(second)).toMatchObject({ value: { name: "genesis", version: "1.0.0" } });
  });

  test("by several at once leaves one whole instance", async () => {
    await Promise.all([init(), init(), init({ settings: { id: "second", "daemon-home": home.at("node2") } })]);
    const before = contents();
    await init();
    expect(contents()).toEqual(before);
  });
});

describe("an init that was killed half-way, or lost something since, is mended by the next:", () => {
  test.each([
    "current",
    "upgrade-plan.json",
    "genesis/upgrade-info.json",
    "genesis/staged.json",
    "genesis",
    "upgrades",
  ])("%s in the upgrade data", async (name) => {
    const layout = await initLayout();
    const config = readFileSync(configFile(), "utf8");
    const before = contents();
    // Whatever comes after it was not made either.
    const order = ["genesis", "genesis/staged.json", "genesis/upgrade-info.json", "upgrade-plan.json", "current"];
    const from = order.indexOf(name);
    for (const path of from === -1 ? [name] : order.slice(from))
      rmSync(`${layout.upgradeData}/${path}`, { recursive: true, force: true });
    for (const path of [layout.versionRecord, layout.rustVersionRecord, configFile()]) unlinkSync(path);
    await init();
    const after = contents();
    const changing = /staged.json|current-version|upgrade-info|config.toml/;
    for (const path of Object.keys(before)) if (!changing.test(path)) expect(after[path]).toBe(before[path] ?? "");
    expect(readFileSync(configFile(), "utf8")).toBe(config);
    expect(readVersionRecord(layout)).toMatchObject({ value: { name: "genesis" } });
    expect(readUpgradeInfo(buildLayout(layout, "genesis"))).toMatchObject({ state: "found" });
  });
});

describe("an init that is refused changes nothing:", () => {
  async function refused(typed: Typed) {
    const before = contents();
    const failure = await failureOfAsync(init(typed));
    expect(contents()).toEqual(before);
    return failure;
  }

  test.each(HOSTILE_KINDS.filter((kind) => !kind.startsWith("hangs")))(
    "a binary that is no daemon (%s)",
    async (kind) => {
      await refused({ daemonBinary: writeHostileDaemon(home.at("bad/binary"), kind) });
    },
  );

  test("another build than the one that is set up, and both are shown", async () => {
    await init();
    const other = writeSampleDaemon(home.at("other"), { version: "1.0.0", commit: "f".repeat(40) });
    const { why, next } = await refused({ daemonBinary: other });
    expect(why).toContain(`commit_sha: ${sampleBuildInfo({ version: "1.0.0" }).commit_sha} | ${"f".repeat(40)}`);
    expect(next).toContain("nymvisor add-upgrade");
  });

  test("a plan that is there and speaks of another genesis", async () => {
    const layout = await initLayout();
    writePlan(layout, { current: upgradeInfo({ name: "genesis", version: "0.5.0" }), queuedUp: [] });
    expect((await refused({})).why).toContain("genesis (0.5.0) runs, and genesis is 1.0.0");
  });

  test("a plan that is there without its genesis", async () => {
    const layout = await initLayout();
    rmSync(layout.genesis, { recursive: true });
    expect((await refused({})).why).toContain("genesis is not there");
  });

  test.each([
    ["the plan", (layout: Layout) => layout.plan],
    ["the information of genesis", (layout: Layout) => buildLayout(layout, "genesis").info],
  ])("%s that is torn", async (_, path) => {
    const layout = await initLayout();
    writeFileSync(path(layout), "torn");
    const { what, next } = await refused({});
    expect(what).toContain(path(layout));
    expect(next).toContain(`${path(layout)}.bad`);
  });

  test("a current that is no link", async () => {
    const layout = await initLayout();
    unlinkSync(layout.current);
    mkdirSync(layout.current);
    expect((await refused({})).why).toBe("it is a file or a folder");
  });

  test.each(["../../etc", "a/b", ".hidden", "genesis"])("the id %p, which would name another folder", async (id) => {
    expect(await refused({ settings: { id } })).toBeInstanceOf(UsageError);
  });

  test("a daemon's name that is not what the binary says", async () => {
    expect((await refused({ variables: { DAEMON_NAME: "nym-api" } })).what).toContain("is a nym-node");
  });

  test("no home, and a home of two minds", async () => {
    const settings = new Map<string, string>();
    const missing = initialise({ daemonBinary: binary, settings, output: "text" }, environmentIn(home));
    expect(await failureOfAsync(missing)).toBeInstanceOf(UsageError);
    await refused({ settings: { "daemon-backup-data-directory": home.at("node/data") } });
  });

  test("a name that is nowhere", async () => {
    expect(await refused({ daemonBinary: "no-such-daemon" })).toBeInstanceOf(UsageError);
  });
});
