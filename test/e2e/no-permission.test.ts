import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { Instance, nextBinary } from "./support/instance.ts";
import { nymvisor, type Surroundings, startNymvisor } from "./support/nymvisor.ts";
import { asSomebody, canBeForbidden, giveAway } from "./support/other-user.ts";
import { stateOf } from "./support/tree.ts";

/** Two binaries, of which the first one is taken in. */
async function takeInAsSomebody(home: TemporaryHome) {
  const somebody = await asSomebody(home);
  const first = nextBinary(home, "1.0.0");
  const second = nextBinary(home, "1.1.0");
  giveAway(home);
  expectSuccess(await nymvisor(home, ["init", "--daemon-home", home.at("node"), first], somebody));
  return { somebody, instance: new Instance(home), first, second };
}

/** Runs a command that must not succeed, with a mode that forbids something, and looks that nothing has changed. */
async function forbid(home: TemporaryHome, path: string, mode: number, words: string[], somebody: Surroundings) {
  const before = stateOf(home);
  const usual = statSync(path).mode & 0o7777;
  chmodSync(path, mode);
  try {
    const ended = await nymvisor(home, words, somebody);
    expectFailure(ended, 1, path, /EACCES|EPERM/, "ls -l");
  } finally {
    chmodSync(path, usual);
  }
  expect(stateOf(home)).toEqual(before);
}

describe.skipIf(!canBeForbidden)("without permission the path is named, and nothing is changed:", () => {
  test("init, for a home where nothing may be made", async () => {
    using home = temporaryHome();
    const somebody = await asSomebody(home);
    mkdirSync(home.at("node"));
    const binary = nextBinary(home, "1.0.0");
    giveAway(home);
    await forbid(home, home.at("node"), 0o555, ["init", "--daemon-home", home.at("node"), binary], somebody);
  });

  test("init, for a .nym where nothing may be made", async () => {
    using home = temporaryHome();
    const somebody = await asSomebody(home);
    mkdirSync(home.at(".nym"));
    const binary = nextBinary(home, "1.0.0");
    giveAway(home);
    chmodSync(home.at(".nym"), 0o555);
    const ended = await nymvisor(home, ["init", "--daemon-home", home.at("node"), binary], somebody);
    expectFailure(ended, 1, home.at(".nym"), "EACCES");
    chmodSync(home.at(".nym"), 0o755);
    expectSuccess(await nymvisor(home, ["init", "--daemon-home", home.at("node"), binary], somebody));
  });

  test("init, for a binary that may not be read", async () => {
    using home = temporaryHome();
    const somebody = await asSomebody(home);
    const binary = nextBinary(home, "1.0.0");
    giveAway(home);
    await forbid(home, binary, 0o111, ["init", "--daemon-home", home.at("node"), binary], somebody);
  });

  test("every command, for a configuration that may not be read", async () => {
    using home = temporaryHome();
    const { somebody, instance, first, second } = await takeInAsSomebody(home);
    for (const words of [
      ["config"],
      ["run"],
      ["daemon-build-info"],
      ["add-upgrade", "--upgrade-name", "x", second],
      ["init", "--daemon-home", instance.daemonHome, first],
    ]) {
      await forbid(home, instance.config, 0o000, words, somebody);
    }
  });

  test("every command, for instances that may not be listed", async () => {
    using home = temporaryHome();
    const { somebody } = await takeInAsSomebody(home);
    const instances = home.at(".nym/nymvisors/instances");
    for (const words of [["config"], ["run"]]) await forbid(home, instances, 0o000, words, somebody);
  });

  test("add-upgrade and init, for a plan that may not be read", async () => {
    using home = temporaryHome();
    const { somebody, instance, first, second } = await takeInAsSomebody(home);
    for (const words of [
      ["add-upgrade", "--upgrade-name", "x", second],
      ["init", "--daemon-home", instance.daemonHome, first],
    ]) {
      const before = readFileSync(instance.planPath);
      chmodSync(instance.planPath, 0o000);
      expectFailure(await nymvisor(home, words, somebody), 1, instance.planPath, "EACCES", "ls -l");
      chmodSync(instance.planPath, 0o644);
      expect(readFileSync(instance.planPath)).toEqual(before);
    }
  });

  test("add-upgrade, for upgrade data where nothing may be made", async () => {
    using home = temporaryHome();
    const { somebody, instance, second } = await takeInAsSomebody(home);
    const upgrades = join(instance.data, "upgrades");
    chmodSync(upgrades, 0o555);
    const before = stateOf(home);
    const ended = await nymvisor(home, ["add-upgrade", "--upgrade-name", "x", second], somebody);
    expectFailure(ended, 1, upgrades, "EACCES");
    expect(stateOf(home)).toEqual(before);
    chmodSync(upgrades, 0o755);
  });

  test("any command, for a file of -c that may not be read", async () => {
    using home = temporaryHome();
    const { somebody } = await takeInAsSomebody(home);
    writeFileSync(home.at("secret.env"), "A=1\n");
    giveAway(home);
    chmodSync(home.at("secret.env"), 0o000);
    const words = ["-c", home.at("secret.env"), "config"];
    expectFailure(await nymvisor(home, words, somebody), 1, home.at("secret.env"), "EACCES");
    chmodSync(home.at("secret.env"), 0o600);
    expectSuccess(await nymvisor(home, words, somebody));
  });
});

describe.skipIf(process.getuid?.() !== 0 || !canBeForbidden)("what root makes in somebody's folders", () => {
  test("belongs to them: after `sudo nymvisor add-upgrade` they can still do everything", async () => {
    using home = temporaryHome();
    const { somebody, instance, second } = await takeInAsSomebody(home);
    const { uid } = statSync(home.path);
    expectSuccess(await nymvisor(home, ["add-upgrade", "--upgrade-name", "x", second]));
    for (const path of [
      instance.planPath,
      instance.binaryOf("x"),
      instance.infoPathOf("x"),
      dirname(instance.binaryOf("x")),
    ]) {
      expect([path, statSync(path).uid]).toEqual([path, uid]);
    }
    expectSuccess(await nymvisor(home, ["add-upgrade", "--force", "--upgrade-name", "x", second], somebody));
  });
});

describe.skipIf(!canBeForbidden)("a run without permission names the path, and starts the node all the same:", () => {
  async function runsAnyway(home: TemporaryHome, path: string, somebody: Surroundings) {
    const usual = statSync(path).mode & 0o7777;
    chmodSync(path, statSync(path).isDirectory() ? 0o555 : 0);
    const variables = { NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: "http://127.0.0.1:9/" };
    await using run = await startNymvisor(home, ["run", "run"], { ...somebody, variables });
    // What the sample is made of may lie where only root can go: that it was started is all that can be asked.
    await run.waitForLog(/genesis 1\.0\.0 started/);
    run.signal("SIGTERM");
    await run.exited;
    chmodSync(path, usual);
    expect(run.stderr).toContain(path);
    expect(run.stderr).toContain("EACCES");
  }

  test("where the documents of its home may not be written", async () => {
    using home = temporaryHome();
    const { somebody, instance } = await takeInAsSomebody(home);
    await runsAnyway(home, dirname(instance.recordPath), somebody);
  });

  test("where the plan may not be read", async () => {
    using home = temporaryHome();
    const { somebody, instance } = await takeInAsSomebody(home);
    const before = readFileSync(instance.planPath);
    await runsAnyway(home, instance.planPath, somebody);
    expect(readFileSync(instance.planPath)).toEqual(before);
  });
});
