import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sampleBuildInfo, writeSampleDaemon } from "../support/sample-daemon.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { Instance, nextBinary, readJson, takeIn } from "./support/instance.ts";
import { nymvisor, startNymvisor, succeed } from "./support/nymvisor.ts";
import { contentsOf, listTree, stateOf } from "./support/tree.ts";

describe("init a second time", () => {
  test("with the same binary succeeds and changes nothing, not even what a person has set in the configuration", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const config = readFileSync(instance.config, "utf8").replace("'1h'", "'2h'");
    writeFileSync(instance.config, config);
    const before = stateOf(home);
    await succeed(home, ["init", "--daemon-home", instance.daemonHome, home.at("binaries/1.0.0/nym-node")]);
    expect(stateOf(home)).toEqual(before);
  });

  test("with the copy that the first one made succeeds too", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    await succeed(home, ["init", "--daemon-home", instance.daemonHome, instance.binaryOf("genesis")]);
    expect(instance.plan().current.version).toBe("1.0.0");
  });

  test("with other bytes that call themselves the same build succeeds, and keeps those that are there", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const before = readFileSync(instance.binaryOf("genesis"));
    const answer = JSON.stringify({ ...sampleBuildInfo({ version: "1.0.0" }), packager: "somebody else" });
    writeFileSync(home.at("nym-node"), `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 });
    await succeed(home, ["init", "--daemon-home", instance.daemonHome, home.at("nym-node")]);
    expect(readFileSync(instance.binaryOf("genesis"))).toEqual(before);
  });

  test("takes a flag over what the file says", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const words = ["init", "--daemon-home", instance.daemonHome, "--upstream-polling-rate", "3h"];
    await succeed(home, [...words, instance.binaryOf("genesis")]);
    expect(readFileSync(instance.config, "utf8")).toContain("upstream_polling_rate = '3h'");
  });

  test("after an upgrade, with the genesis binary, succeeds and never sets the instance back", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    await using run = await startNymvisor(home, ["run"]);
    await run.waitForEvent("started", { version: "1.0.0" });
    await succeed(home, ["add-upgrade", "--upgrade-name", "next", "--now", nextBinary(home, "1.1.0")]);
    await run.waitForLog(/upgrade next .* is done/);
    await run.stop();
    const documents = () => [instance.plan(), instance.record(), instance.performed(), instance.current()];
    const before = documents();
    expect(before.slice(2)).toEqual([["next"], "upgrades/next"]);
    await succeed(home, ["init", "--daemon-home", instance.daemonHome, home.at("binaries/1.0.0/nym-node")]);
    expect(documents()).toEqual(before);
    expect(await succeed(home, ["daemon-build-info"])).toContain("1.1.0");
  });

  test("with another build is an error that shows both, and changes nothing", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const other = nextBinary(home, "1.1.0");
    const before = stateOf(home);
    const ended = await nymvisor(home, ["init", "--daemon-home", instance.daemonHome, other]);
    expectFailure(ended, 1, "1.0.0", "1.1.0", sampleBuildInfo({ version: "1.1.0" }).commit_sha, "add-upgrade");
    expect(stateOf(home)).toEqual(before);
  });

  test("with another build of the same version is an error that names what differs", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const other = writeSampleDaemon(home.at("other"), { version: "1.0.0", commit: "f".repeat(40) });
    const ended = await nymvisor(home, ["init", "--daemon-home", instance.daemonHome, other]);
    expectFailure(ended, 1, "commit_sha", "f".repeat(40), sampleBuildInfo({ version: "1.0.0" }).commit_sha);
  });

  test("at the same moment as the first: both succeed", async () => {
    using home = temporaryHome();
    const binary = nextBinary(home, "1.0.0");
    const words = ["init", "--daemon-home", home.at("node"), binary];
    const all = await Promise.all(Array.from({ length: 6 }, () => nymvisor(home, words)));
    for (const ended of all) expectSuccess(ended);
    expect(new Instance(home).plan()).toMatchObject({ current: { version: "1.0.0" }, queuedUp: [] });
    expect(listTree(home.at(".nym")).filter((line) => /tmp|lock/.test(line))).toEqual([]);
  });

  test("at the same moment as one with another build: one of them wins whole, the other says so", async () => {
    using home = temporaryHome();
    const versions = ["1.0.0", "1.1.0"];
    const all = await Promise.all(
      versions.map((version) => nymvisor(home, ["init", "--daemon-home", home.at("node"), nextBinary(home, version)])),
    );
    expect(all.map(({ status }) => status).toSorted()).toEqual([0, 1]);
    const winner = versions[all.findIndex(({ status }) => status === 0)] ?? "";
    const instance = new Instance(home);
    expect([instance.plan().current.version, instance.record().version]).toEqual([winner, winner]);
    expect(await succeed(home, ["daemon-build-info"])).toContain(winner);
  });
});

describe("a plan that is there already", () => {
  test("and says that something else is current is an error, and stays as it is", async () => {
    using home = temporaryHome();
    const binary = nextBinary(home, "1.0.0");
    const instance = new Instance(home);
    mkdirSync(instance.data, { recursive: true });
    const current = { name: "2026.1-x", version: "1.7.0", upgradeTime: "2026-01-01T00:00:00Z" };
    instance.writePlan({ current, queuedUp: [] });
    const before = stateOf(home);
    const ended = await nymvisor(home, ["init", "--daemon-home", home.at("node"), binary]);
    expectFailure(ended, 1, "2026.1-x", "1.7.0", instance.data);
    expect(stateOf(home)).toEqual(before);
  });
});

describe("an init that failed leaves nothing that blocks the next:", () => {
  const steps = ["binary", "info", "plan", "record", "current", "config"] as const;

  test.each(steps.map((step, index) => [step, steps.slice(index)] as const))(
    "broken off before its %s was written",
    async (_step, notWritten) => {
      using home = temporaryHome();
      const instance = await takeIn(home);
      const whole = contentsOf(home.at(".nym"));
      const paths = {
        binary: join(instance.data, "genesis/bin/nym-node"),
        info: join(instance.data, "genesis/upgrade-info.json"),
        plan: instance.planPath,
        record: instance.recordPath,
        current: join(instance.data, "current"),
        config: instance.config,
      };
      for (const step of notWritten) rmSync(paths[step]);
      await takeIn(home);
      const mended = contentsOf(home.at(".nym"));
      // The note speaks of one certain file, and tells when a build was noted.
      const note = "nymvisors/data/nym-node/genesis/staged.json";
      expect({ ...mended, [note]: "" }).toEqual({ ...whole, [note]: "" });
      expect(readJson(instance.recordPath)).toMatchObject({ name: "genesis", version: "1.0.0" });
    },
  );

  test("for a home that cannot be a folder", async () => {
    using home = temporaryHome();
    writeFileSync(home.at("node"), "a file");
    const words = ["init", "--daemon-home", home.at("node"), nextBinary(home, "1.0.0")];
    expectFailure(await nymvisor(home, words), 1, home.at("node"));
    expect(readFileSync(home.at("node"), "utf8")).toBe("a file");
    renameSync(home.at("node"), home.at("file"));
    await succeed(home, words);
  });

  test("for a configuration that cannot be written", async () => {
    using home = temporaryHome();
    writeFileSync(home.at("etc"), "a file");
    const words = ["init", "--daemon-home", home.at("node"), nextBinary(home, "1.0.0")];
    const variables = { NYMVISOR_CONFIG_PATH: home.at("etc/nymvisor.toml") };
    expectFailure(await nymvisor(home, words, { variables }), 1, home.at("etc"));
    await succeed(home, words);
  });

  test.each(["a file", "a folder"])("for a lock that a dead process left, as %s", async (kind) => {
    using home = temporaryHome();
    const instance = new Instance(home);
    const lock = join(instance.data, "upgrade.lock");
    mkdirSync(instance.data, { recursive: true });
    if (kind === "a file") writeFileSync(lock, '{"pid":4194303}');
    else mkdirSync(lock);
    await takeIn(home);
    expect(listTree(instance.data).filter((line) => line.endsWith("upgrade.lock"))).toEqual([]);
  });

  test("for temporary files that a killed init left", async () => {
    using home = temporaryHome();
    const instance = new Instance(home);
    mkdirSync(join(instance.data, "genesis/bin"), { recursive: true });
    copyFileSync(nextBinary(home, "1.0.0"), join(instance.data, "genesis/bin/.nym-node.tmp-4194303-1-1"));
    await takeIn(home);
    expect(instance.plan().current.version).toBe("1.0.0");
  });
});
