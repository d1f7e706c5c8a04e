import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describeGolden, readGolden } from "../support/golden.ts";
import { writeSampleDaemon } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { inGoldenWords, layGoldenInstance } from "./support/golden-instance.ts";
import { Instance, takeIn } from "./support/instance.ts";
import { nymvisor, type Surroundings, succeed } from "./support/nymvisor.ts";
import { stateOf } from "./support/tree.ts";

describe("the daemon's home", () => {
  test("is required at init: without flag and variable it is a usage error that names both", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("nym-node"), { version: "1.0.0" });
    for (const variables of [{}, { DAEMON_HOME: "" }]) {
      expectFailure(await nymvisor(home, ["init", binary], { variables }), 2, "--daemon-home", "DAEMON_HOME");
    }
    expect(Object.keys(stateOf(home))).toEqual(["nym-node"]);
  });
});

describe("the daemon's name", () => {
  test("in DAEMON_NAME has to be the binary's", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("nym-node"), { version: "1.0.0" });
    const words = ["init", "--daemon-home", "n", binary];
    expectFailure(await nymvisor(home, words, { variables: { DAEMON_NAME: "nym-api" } }), 1, "nym-api", "nym-node");
    await succeed(home, words, { variables: { DAEMON_NAME: "nym-node" } });
  });
});

describe("NYM_HOME_DIR", () => {
  const elsewhere = (home: TemporaryHome): Surroundings => ({ variables: { NYM_HOME_DIR: home.at("elsewhere") } });

  test("stands in for HOME, in init and in what follows", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("nym-node"), { version: "1.0.0" });
    mkdirSync(home.at("elsewhere"));
    await succeed(home, ["init", "--daemon-home", home.at("n"), binary], elsewhere(home));
    expect(Object.keys(stateOf(home)).filter((path) => path.startsWith(".nym/"))).toEqual([]);
    expect(await succeed(home, ["config"], elsewhere(home))).toContain(
      `\ndaemon home:                       ${home.at("n")}\n`,
    );
    expect(await succeed(home, ["daemon-build-info"], elsewhere(home))).toContain("1.0.0");
    expectFailure(await nymvisor(home, ["config"]), 1, home.at(".nym/nymvisors/instances"), "init");
  });

  test("that is empty is not set", async () => {
    using home = temporaryHome();
    await takeIn(home);
    await succeed(home, ["config"], { variables: { NYM_HOME_DIR: "" } });
  });
});

describeGolden("config prints what the Rust program prints", () => {
  test("of its own instance, as text and as JSON", async () => {
    using home = temporaryHome();
    layGoldenInstance(home, "after-init");
    expect(inGoldenWords(home, expectSuccess(await nymvisor(home, ["config"])))).toBe(readGolden("config.txt"));
    const json = expectSuccess(await nymvisor(home, ["config", "--output=json"]));
    expect(inGoldenWords(home, json)).toBe(readGolden("config.json"));
  });
});

describe("config", () => {
  test("changes nothing, asks no binary and takes no lock", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    writeFileSync(instance.binaryOf("genesis"), "no binary at all");
    mkdirSync(home.at(".nym/nymvisors/data/nym-node/upgrade.lock"));
    const before = stateOf(home);
    await succeed(home, ["config"]);
    expect(stateOf(home)).toEqual(before);
  });

  test("names a key that does not exist, its line and the nearest that does", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const config = readFileSync(instance.config, "utf8").replace("shutdown_grace_period =", "shutdown_grace_perod =");
    writeFileSync(instance.config, config);
    const line = config.split("\n").findIndex((text) => text.startsWith("shutdown_grace_perod")) + 1;
    const ended = await nymvisor(home, ["config"]);
    expectFailure(ended, 1, `${instance.config}:${line}`, "shutdown_grace_perod", "shutdown_grace_period");
  });

  test("names each wrong value in the file with its line, and the wrong variable beside them", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const config = readFileSync(instance.config, "utf8")
      .replace("max_startup_failures = 10", "max_startup_failures = 'ten'")
      .replace("upstream_polling_rate = '1h'", "upstream_polling_rate = '1 fortnight'");
    writeFileSync(instance.config, config);
    const lineOf = (start: string) => config.split("\n").findIndex((text) => text.startsWith(start)) + 1;
    const ended = await nymvisor(home, ["config"], { variables: { DAEMON_UNSAFE_SKIP_BACKUP: "2" } });
    expectFailure(
      ended,
      1,
      "DAEMON_UNSAFE_SKIP_BACKUP",
      ...["max_startup_failures", "upstream_polling_rate"].map((key) => `:${lineOf(key)}`),
    );
  });

  test("brings a file of an older scheme up to date, and keeps the original beside it", async () => {
    using home = temporaryHome();
    const instance = new Instance(home);
    mkdirSync(home.at(".nym/nymvisors/instances/nym-node-default/config"), { recursive: true });
    const older = `[nymvisor]\nid = 'nym-node-default'\n[daemon]\nname = 'nym-node'\ndaemon_home = '${home.at("n")}'\n`;
    writeFileSync(instance.config, older);
    const { status, stdout, stderr } = await nymvisor(home, ["config", "-o", "json"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ daemon: { home: home.at("n") } });
    expect(stderr).toContain(`${instance.config}.v1.bak`);
    expect(readFileSync(`${instance.config}.v1.bak`, "utf8")).toBe(older);
    expect(readFileSync(instance.config, "utf8")).toContain(`home = '${home.at("n")}'`);
    expect(expectSuccess(await nymvisor(home, ["config", "-o", "json"]))).toBe(stdout);
  });
});
