import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { HealthCheck } from "../../../src/model/health.ts";
import { findChecks } from "../../../src/run/health/find-checks.ts";
import { configurationWith } from "../../support/configuration.ts";
import { type TemporaryHome, temporaryHome } from "../../support/temporary-home.ts";

let home: TemporaryHome;

beforeEach(() => {
  home = temporaryHome();
});

afterEach(() => home[Symbol.dispose]());

const CONFIGURATION = `
id = 'n1'
[mixnet]
bind_address = '[::]:1789'
[http]
bind_address = '0.0.0.0:8080'
`;

const URL_CHECK: HealthCheck = { kind: "url", url: "http://127.0.0.1:8080/api/v1/health" };
const UPTIME: HealthCheck = { kind: "uptime", url: "http://127.0.0.1:8080/api/v1/health" };
const VERSION: HealthCheck = { kind: "version", url: "http://127.0.0.1:8080/api/v1/build-information" };
const PORT: HealthCheck = { kind: "port", host: "127.0.0.1", port: 1789 };

function write(path: string, content: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

interface Case {
  daemon?: string;
  node?: string;
  settings?: Record<string, string>;
  started?: Parameters<typeof findChecks>[2];
}

function find({ daemon = "nym-node", node = "node", settings = {}, started }: Case = {}) {
  const variables = { DAEMON_NAME: daemon, DAEMON_HOME: home.at(node), ...settings };
  return findChecks({ daemon, home: home.at(node) }, configurationWith(variables), started);
}

describe("the checks of a node", () => {
  test("follow from the configuration in its home", () => {
    write(home.at("node/config/config.toml"), CONFIGURATION);
    expect(find()).toEqual({ set: [], found: [URL_CHECK, UPTIME, VERSION, PORT], trouble: null });
  });

  test("follow from the configuration that a flag or a variable names", () => {
    const elsewhere = write(home.at("elsewhere.toml"), CONFIGURATION);
    write(home.at("node/config/config.toml"), "");
    expect(find().found).toEqual([]);
    expect(find({ started: { args: [], variables: { NYMNODE_CONFIG: elsewhere } } }).found).toHaveLength(4);
    expect(find({ started: { args: ["run", "--config-file", elsewhere], variables: {} } }).found).toHaveLength(4);
  });

  test("follow from the configuration beside a home that is not quite the node's", () => {
    write(home.at(".nym/nym-nodes/n1/config/config.toml"), CONFIGURATION);
    expect(find({ node: ".nym/nym-node/n1" }).found).toHaveLength(4);
  });

  test("are none, without a word, where there is no configuration", () => {
    expect(find()).toEqual({ set: [], found: [], trouble: null });
    expect(find({ daemon: "other" })).toEqual({ set: [], found: [], trouble: null });
  });

  test("of a daemon that is none of Nym's do not follow from a configuration like theirs", () => {
    write(home.at("node/config/config.toml"), CONFIGURATION);
    expect(find({ daemon: "other" }).found).toEqual([]);
  });
});

describe("what is set", () => {
  beforeEach(() => void write(home.at("node/config/config.toml"), CONFIGURATION));

  test("takes the place of what would be found, and leaves the rest", () => {
    const settings = {
      NYMVISOR_HEALTH_URL: "http://mine:1/up",
      NYMVISOR_HEALTH_PORT: "9000",
      NYMVISOR_HEALTH_COMMAND: "exit 0",
    };
    expect(find({ settings })).toEqual({
      set: [
        { kind: "url", url: "http://mine:1/up" },
        { kind: "port", host: "127.0.0.1", port: 9000 },
        { kind: "command", command: "exit 0" },
      ],
      found: [UPTIME, VERSION],
      trouble: null,
    });
  });

  test("to off asks nothing of that kind", () => {
    expect(find({ settings: { NYMVISOR_HEALTH_URL: "off" } }).found).toEqual([PORT]);
    expect(find({ settings: { NYMVISOR_HEALTH_PORT: "OFF" } }).found).toEqual([URL_CHECK, UPTIME, VERSION]);
    expect(find({ settings: { NYMVISOR_HEALTH_URL: "off", NYMVISOR_HEALTH_PORT: "off" } })).toEqual({
      set: [],
      found: [],
      trouble: null,
    });
  });

  test("holds for a daemon that nothing is known of, too", () => {
    const { set } = find({ daemon: "other", settings: { NYMVISOR_HEALTH_PORT: "[::1]:7" } });
    expect(set).toEqual([{ kind: "port", host: "::1", port: 7 }]);
  });
});

describe("a configuration that cannot be used leads to no check, and to a reason:", () => {
  test.each<[string, string | Uint8Array, string]>([
    ["no TOML", "[http\n", "cannot be read"],
    ["binary", new Uint8Array([0, 1, 2, 255]), "cannot be read"],
    ["an address that is a number", "[http]\nbind_address = 8080\n", "[http] bind_address is 8080"],
    ["an address that is none", "[mixnet]\nbind_address = 'here'\n", '"here" is not host:port'],
    ["too long", "#".repeat(2 << 20), "is 2097152 bytes long"],
    ["nested without end", `a = ${"[".repeat(100_000)}`, "cannot be read"],
  ])("%s", (_, content, reason) => {
    write(home.at("node/config/config.toml"), content);
    const { found, trouble } = find();
    expect(found).toEqual([]);
    expect(trouble).toContain("nobody knows where nym-node listens: ");
    expect(trouble).toContain(reason);
    expect(trouble).not.toContain("\n");
  });

  test("a folder", () => {
    mkdirSync(home.at("node/config/config.toml"), { recursive: true });
    expect(find().trouble).toContain("it is not a regular file");
  });

  test("a link to what never ends", () => {
    mkdirSync(home.at("node/config"), { recursive: true });
    symlinkSync("/dev/zero", home.at("node/config/config.toml"));
    expect(find().trouble).toContain("it is not a regular file");
  });

  test("a link that leads in a circle", () => {
    mkdirSync(home.at("node/config"), { recursive: true });
    symlinkSync("config.toml", home.at("node/config/config.toml"));
    expect(find().trouble).toContain("cannot be read");
  });
});
