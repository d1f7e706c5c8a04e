import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { expectFailure } from "./support/expect.ts";
import { nextBinary, takeIn } from "./support/instance.ts";
import { nymvisor, startNymvisor, succeed } from "./support/nymvisor.ts";
import { stateOf } from "./support/tree.ts";

/** The id of the instance that `config` means. */
async function chosen(home: TemporaryHome, variables: Record<string, string> = {}, cwd = home.path): Promise<string> {
  return JSON.parse(await succeed(home, ["config", "-o", "json"], { variables, cwd })).nymvisor.id;
}

async function takeInTwo(home: TemporaryHome) {
  const one = await takeIn(home, { id: "one", daemonHome: home.at("homes/one") });
  const two = await takeIn(home, { id: "two", daemonHome: home.at("homes/two") });
  return { one, two };
}

describe("which instance is meant:", () => {
  test("the only one", async () => {
    using home = temporaryHome();
    await takeIn(home, { id: "só 1" });
    expect(await chosen(home)).toBe("só 1");
  });

  test("the one of NYMVISOR_ID", async () => {
    using home = temporaryHome();
    await takeInTwo(home);
    expect(await chosen(home, { NYMVISOR_ID: "two" })).toBe("two");
    expect(await chosen(home, { NYMVISOR_ID: "one" })).toBe("one");
  });

  test("the file of NYMVISOR_CONFIG_PATH before all others, also a relative one", async () => {
    using home = temporaryHome();
    const { one } = await takeInTwo(home);
    mkdirSync(home.at("etc"));
    renameSync(one.config, home.at("etc/one.toml"));
    expect(await chosen(home, { NYMVISOR_CONFIG_PATH: home.at("etc/one.toml") })).toBe("one");
    expect(await chosen(home, { NYMVISOR_CONFIG_PATH: "one.toml" }, home.at("etc"))).toBe("one");
    expect(await chosen(home)).toBe("two");
  });

  test("the file that init wrote to NYMVISOR_CONFIG_PATH", async () => {
    using home = temporaryHome();
    const variables = { NYMVISOR_CONFIG_PATH: "etc/nymvisor.toml" };
    await takeIn(home, { variables });
    expect(await chosen(home, variables)).toBe("nym-node-default");
    expectFailure(await nymvisor(home, ["config"]), 1, "nymvisor init");
  });

  test("nothing that an unfinished init left, nor a stray file", async () => {
    using home = temporaryHome();
    mkdirSync(home.at(".nym/nymvisors/instances/half/config"), { recursive: true });
    writeFileSync(home.at(".nym/nymvisors/instances/README"), "x");
    expectFailure(await nymvisor(home, ["config"]), 1, "half", "nymvisor init");
    await takeIn(home, { id: "whole" });
    expect(await chosen(home)).toBe("whole");
  });
});

describe("where one instance was expected", () => {
  const COMMANDS = [
    ["config"],
    ["daemon-build-info"],
    ["run"],
    ["add-upgrade", "--upgrade-name", "x", "./binaries/1.0.0/nym-node"],
  ];

  test.each(COMMANDS)("and there are two, %s lists them, says how to choose and changes nothing", async (...words) => {
    using home = temporaryHome();
    await takeInTwo(home);
    const before = stateOf(home);
    expectFailure(await nymvisor(home, words), 1, "one", "two", "NYMVISOR_ID");
    expect(stateOf(home)).toEqual(before);
  });

  test.each(COMMANDS)("and there is none, %s says how to make one", async (...words) => {
    using home = temporaryHome();
    nextBinary(home, "1.0.0");
    const before = stateOf(home);
    expectFailure(await nymvisor(home, words), 1, home.at(".nym/nymvisors/instances"), "nymvisor init");
    expect(stateOf(home)).toEqual(before);
  });

  test("and NYMVISOR_ID names one that is not there, those that are there are listed", async () => {
    using home = temporaryHome();
    await takeInTwo(home);
    expectFailure(await nymvisor(home, ["config"], { variables: { NYMVISOR_ID: "three" } }), 1, "three", "one, two");
  });

  test("and NYMVISOR_CONFIG_PATH names no file, it is named", async () => {
    using home = temporaryHome();
    await takeInTwo(home);
    const variables = { NYMVISOR_CONFIG_PATH: "/nowhere/config.toml" };
    expectFailure(await nymvisor(home, ["config"], { variables }), 1, "/nowhere/config.toml", "NYMVISOR_CONFIG_PATH");
  });
});

describe("two nodes of one daemon", () => {
  test("share binaries and plan, and each home has a record and backups of its own", async () => {
    using home = temporaryHome();
    const { one, two } = await takeInTwo(home);
    expect(one.data).toBe(two.data);
    expect(one.record()).toMatchObject({ name: "genesis", version: "1.0.0" });
    expect(two.record()).toMatchObject({ name: "genesis", version: "1.0.0" });
    const words = ["add-upgrade", "--upgrade-name", "x", nextBinary(home, "1.1.0")];
    await succeed(home, words, { variables: { NYMVISOR_ID: "one" } });
    expect(two.queue()).toEqual(["x"]);
  });

  test("run beside each other", async () => {
    using home = temporaryHome();
    await takeInTwo(home);
    await using one = await startNymvisor(home, ["run"], { variables: { NYMVISOR_ID: "one" } });
    await using two = await startNymvisor(home, ["run"], { variables: { NYMVISOR_ID: "two" } });
    await one.waitForEvent("started", { count: 2 });
    expect([await one.stop(), await two.stop()]).toMatchObject([{ status: 0 }, { status: 0 }]);
  });

  test("that a person gives the same home are two, of which one runs", async () => {
    using home = temporaryHome();
    const one = await takeIn(home, { id: "one" });
    await takeIn(home, { id: "two" });
    await using run = await startNymvisor(home, ["run"], { variables: { NYMVISOR_ID: "one" } });
    await run.waitForEvent("started");
    const second = await nymvisor(home, ["run"], { variables: { NYMVISOR_ID: "two" } });
    expectFailure(second, 1, one.daemonHome, `pid ${run.pid}`);
  });
});

describe("nodes of different daemons", () => {
  test("keep apart", async () => {
    using home = temporaryHome();
    const node = await takeIn(home, { daemonHome: home.at("homes/node") });
    const api = await takeIn(home, { name: "nym-api", version: "1.1.5", daemonHome: home.at("homes/api") });
    expect([node.plan().current.version, api.plan().current.version]).toEqual(["1.0.0", "1.1.5"]);
    const variables = { NYMVISOR_ID: "nym-api-default" };
    expect(await succeed(home, ["daemon-build-info"], { variables })).toContain("Binary Name:        nym-api\n");
  });
});
