import { describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describeGolden, readGolden } from "../support/golden.ts";
import { startReleaseServer } from "../support/release-server.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { goldenBuildInfo, goldenDaemon, inGoldenWords, layGoldenInstance } from "./support/golden-instance.ts";
import { Instance, nextBinary, readJson, takeIn } from "./support/instance.ts";
import { nymvisor, startNymvisor, succeed } from "./support/nymvisor.ts";
import { stateOf } from "./support/tree.ts";

const TREES = [
  ["after-init", "1.0.0", "genesis"],
  ["after-upgrade", "1.1.0", "1.1.0"],
] as const;

describeGolden("an instance that the Rust program left", () => {
  test.each(TREES)(
    "%s is shown by config and daemon-build-info as it is, and nothing is changed",
    async (tree, version) => {
      using home = temporaryHome();
      const instance = layGoldenInstance(home, tree);
      const before = stateOf(home);
      const { daemon } = JSON.parse(await succeed(home, ["config", "-o", "json"]));
      expect(daemon.home).toBe(instance.daemonHome);
      const info = expectSuccess(await nymvisor(home, ["daemon-build-info", "-o", "json"]));
      expect(JSON.parse(info)).toEqual(goldenBuildInfo(version));
      expect(stateOf(home)).toEqual(before);
    },
  );

  test.each(TREES)(
    "%s is taken over by init with the binary of genesis, and not set back",
    async (tree, version, name) => {
      using home = temporaryHome();
      const instance = layGoldenInstance(home, tree);
      const plan = instance.plan();
      const config = readGolden(`${tree}/nymvisors/instances/nym-node-default/config/config.toml`);
      const words = ["init", "--daemon-home", instance.daemonHome, goldenDaemon(home, "1.0.0")];
      await succeed(home, words);
      expect(instance.plan()).toEqual(plan);
      expect(await succeed(home, ["daemon-build-info"])).toContain(`Build Version:      ${version}\n`);
      expect(instance.current()).toEndWith(name);
      const lines = readFileSync(instance.config, "utf8").split("\n");
      const written = lines.filter((line) => line !== "" && !line.startsWith("#")).join("\n");
      expect(inGoldenWords(home, `${written}\n`)).toBe(config.replaceAll("@SERVER@", "http://127.0.0.1:1"));
    },
  );

  test.each(TREES)(
    "%s is run as it is: its daemon starts, and the record gets its documented name",
    async (tree, version, name) => {
      using home = temporaryHome();
      const instance = layGoldenInstance(home, tree);
      const record = readJson(join(instance.daemonHome, "nymvisor/current-version.json"));
      const plan = instance.plan();
      await using run = await startNymvisor(home, ["run", "run", "--id", "x"], {
        variables: { NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: "http://127.0.0.1:1" },
      });
      const started = await run.waitForEvent("started");
      expect(started).toMatchObject({ version, args: ["run", "--id", "x"] });
      expect(await run.stop()).toMatchObject({ status: 0 });
      expect(instance.plan()).toEqual(plan);
      expect(instance.record()).toEqual(record as never);
      expect(instance.record().name).toBe(name);
      const link = join(instance.daemonHome, "nymvisor/current-version.json");
      expect(readlinkSync(link)).toBe("current-version-info.json");
      expect(existsSync(join(instance.backups, name))).toBe(name !== "genesis");
    },
  );

  test.each(TREES)(
    "%s is upgraded: add-upgrade --now, a backup, a relative link, and documents that the Rust program reads",
    async (tree, version, name) => {
      using home = temporaryHome();
      const instance = layGoldenInstance(home, tree);
      const performedBefore = instance.performed();
      expect(lstatSync(join(instance.data, "current")).isSymbolicLink()).toBe(true);
      expect(instance.current()).toStartWith("/");
      await using run = await startNymvisor(home, ["run"]);
      await run.waitForEvent("started", { version });
      const binary = nextBinary(home, "1.2.0");
      await succeed(home, ["add-upgrade", "--upgrade-name", "2026.3-z", "--now", binary]);
      await run.waitForEvent("started", { version: "1.2.0" });
      await run.waitForLog(/the upgrade 2026\.3-z .*is done/);
      await run.waitForLog(/backed up into/);
      expect(await run.stop()).toMatchObject({ status: 0 });
      expect(instance.current()).toBe("upgrades/2026.3-z");
      expect(instance.plan()).toMatchObject({ current: { name: "2026.3-z", version: "1.2.0" }, queuedUp: [] });
      expect(instance.performed()).toEqual([...performedBefore, "2026.3-z"]);
      expect(instance.record()).toMatchObject({ name: "2026.3-z", version: "1.2.0" });
      expect(readJson(join(instance.daemonHome, "nymvisor/current-version.json"))).toEqual(instance.record() as never);
      const [backup] = [...new Bun.Glob("*.tar.gz").scanSync(join(instance.backups, "2026.3-z"))];
      expect(backup).toMatch(/^backup-\d{4}-\d\d-\d\d-\d{9}-preupgrade\.tar\.gz$/);
      expect(existsSync(instance.binaryOf(name))).toBe(true);
    },
  );

  test("is not set back by what its server announces: 1.1.0 runs already", async () => {
    using home = temporaryHome();
    const server = await startReleaseServer();
    try {
      const instance = layGoldenInstance(home, "after-upgrade", server.url);
      const announced = readGolden("after-upgrade/nymvisors/data/nym-node/upgrades/1.1.0/upgrade-info.json");
      server.announce("nym-node", announced.replaceAll("@SERVER@", server.url));
      await using run = await startNymvisor(home, ["run"], { variables: { NYMVISOR_LOG: "debug" } });
      await run.waitForLog(/nothing new/);
      await run.waitForEvent("started");
      expect(instance.queue()).toEqual([]);
      expect(run.events.of("started").map(({ version }) => version)).toEqual(["1.1.0"]);
    } finally {
      server.close();
    }
  });

  test("is found where it was moved to, though its link is absolute", async () => {
    using home = temporaryHome();
    layGoldenInstance(home, "after-init");
    renameSync(home.at(".nym/nymvisors/data"), home.at("moved"));
    const variables = { NYMVISOR_UPGRADE_DATA_DIRECTORY: home.at("moved") };
    expect(await succeed(home, ["daemon-build-info"], { variables })).toContain("1.0.0");
  });

  test("with its upgrade data directly in a custom folder goes on there", async () => {
    using home = temporaryHome();
    const former = layGoldenInstance(home, "after-init");
    renameSync(former.data, home.at("custom"));
    const current = home.at("custom/current");
    rmSync(current);
    symlinkSync(home.at("custom/genesis"), current);
    const config = readFileSync(former.config, "utf8").replace("directory = ''", `directory = '${home.at("custom")}'`);
    writeFileSync(former.config, config);
    const instance = new Instance(home, { daemonHome: former.daemonHome, data: home.at("custom") });
    await using run = await startNymvisor(home, ["run"]);
    await run.waitForEvent("started", { version: "1.0.0" });
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", "--now", nextBinary(home, "1.2.0")]);
    await run.waitForEvent("started", { version: "1.2.0" });
    await waitFor("the plan to say so", () => instance.plan().current.name === "x", { file: instance.planPath });
    expect(existsSync(home.at("custom/nym-node"))).toBe(false);
  });

  test("whose record and current disagree is not started: both sides and what to type are shown", async () => {
    using home = temporaryHome();
    const instance = layGoldenInstance(home, "after-upgrade");
    const path = join(instance.daemonHome, "nymvisor/current-version.json");
    const record = readJson<{ binaryDetails: object }>(path);
    writeFileSync(
      path,
      JSON.stringify({
        ...record,
        name: "9.9.9",
        version: "9.9.9",
        binaryDetails: { ...record.binaryDetails, build_version: "9.9.9" },
      }),
    );
    const ended = await nymvisor(home, ["run"]);
    expectFailure(ended, 1, "9.9.9", "1.1.0", "mv ");
    expect(readJson(path)).toMatchObject({ name: "9.9.9" });
  });
});

describe("an instance of ours", () => {
  test("is one that the Rust program can take back: the record has its name too, and no key of ours is written", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const rust = join(instance.daemonHome, "nymvisor/current-version.json");
    expect(readJson(rust)).toEqual(instance.record() as never);
    const config = readFileSync(instance.config, "utf8");
    expect(config.match(/^\[.*\]$/gm)).toEqual(["[nymvisor]", "[daemon]"]);
  });
});
