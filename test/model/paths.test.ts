import { expect, test } from "bun:test";
import {
  buildLayout,
  defaultConfigFile,
  defaultUpgradeFolder,
  instancesFolder,
  isWithin,
  layoutOf,
} from "../../src/model/paths.ts";
import { configurationWith } from "../support/configuration.ts";

test("the layout is that of the reference", () => {
  const configuration = configurationWith({ DAEMON_HOME: "/var/node" });
  const upgradeData = defaultUpgradeFolder("/home/op", configuration);
  const layout = layoutOf("/home/op", configuration, upgradeData);
  expect(defaultConfigFile("/home/op", "a")).toBe("/home/op/.nym/nymvisors/instances/a/config/config.toml");
  expect(instancesFolder("/home/op/")).toBe("/home/op/.nym/nymvisors/instances");
  expect(layout).toMatchObject({
    instanceData: "/home/op/.nym/nymvisors/instances/nym-node-default/data",
    upgradeData: "/home/op/.nym/nymvisors/data/nym-node",
    plan: "/home/op/.nym/nymvisors/data/nym-node/upgrade-plan.json",
    history: "/home/op/.nym/nymvisors/data/nym-node/upgrade-history.json",
    current: "/home/op/.nym/nymvisors/data/nym-node/current",
    versionRecord: "/var/node/nymvisor/current-version-info.json",
    rustVersionRecord: "/var/node/nymvisor/current-version.json",
    backups: "/var/node/nymvisor/backups",
  });
});

test("folders of the operator's choice take the place of the usual ones", () => {
  const configuration = configurationWith({
    DAEMON_HOME: "/var/node",
    NYMVISOR_UPGRADE_DATA_DIRECTORY: "/data",
    DAEMON_BACKUP_DATA_DIRECTORY: "/backups",
  });
  expect(defaultUpgradeFolder("/home/op", configuration)).toBe("/data/nym-node");
  expect(layoutOf("/home/op", configuration, "/data/nym-node").backups).toBe("/backups");
});

test("a build lies in genesis or below upgrades, and is linked from beside", () => {
  const layout = layoutOf("/h", configurationWith({ DAEMON_HOME: "/n" }), "/d");
  expect(buildLayout(layout, "genesis")).toMatchObject({ binary: "/d/genesis/bin/nym-node", link: "genesis" });
  expect(buildLayout(layout, "1.1.0")).toMatchObject({
    folder: "/d/upgrades/1.1.0",
    binary: "/d/upgrades/1.1.0/bin/nym-node",
    info: "/d/upgrades/1.1.0/upgrade-info.json",
    link: "upgrades/1.1.0",
  });
});

test.each(["../../etc", "a/b", "", "current", ".x"])("no path is built from the name %p", (name) => {
  const layout = layoutOf("/h", configurationWith({ DAEMON_HOME: "/n" }), "/d");
  expect(() => buildLayout(layout, name)).toThrow("an upgrade cannot be called");
});

test.each([
  ["/a", "/a", true],
  ["/a/b", "/a", true],
  ["/ab", "/a", false],
  ["/a", "/a/b", false],
  ["/a", "/", true],
])("whether %s lies in %s: %p", (inner, outer, expected) => {
  expect(isWithin(inner, outer)).toBe(expected);
});
