import { join } from "node:path";
import { NymvisorError, UsageError } from "../model/errors.ts";
import { defaultUpgradeFolder, type Layout, layoutOf } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import { disk } from "../system/disk.ts";
import type { Environment } from "../system/environment.ts";
import { type LoadedConfiguration, loadConfiguration } from "./load-configuration.ts";

export interface Instance extends LoadedConfiguration {
  layout: Layout;
}

/** The instance that the environment chooses, with its paths. @throws {NymvisorError} as `loadConfiguration`. */
export function openInstance(environment: Environment): Instance {
  const loaded = loadConfiguration(environment);
  return { ...loaded, layout: findLayout(environment, loaded.configuration) };
}

/**
 * The paths of an instance. New ones keep the upgrades of a custom folder in `<folder>/<daemon>`; the Rust program kept
 * them in the folder itself, and where it has, they stay there.
 */
export function findLayout(environment: Environment, configuration: Configuration): Layout {
  const custom = configuration.nymvisor.upgrade_data_directory;
  const direct = custom !== null && disk.existsSync(join(custom, "upgrade-plan.json"));
  const upgradeData = direct ? custom : defaultUpgradeFolder(environment.homeDirectory, configuration);
  return layoutOf(environment.homeDirectory, configuration, upgradeData);
}

/** @throws {UsageError} if the daemon's home is not there: nothing can be run or saved then. */
export function requireHome(layout: Layout): void {
  const stat = disk.statSync(layout.home, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return;
  throw new UsageError({
    what:
      stat === undefined
        ? `the daemon's home ${layout.home} is not there`
        : `the daemon's home ${layout.home} is no folder`,
    why: "its configuration, keys and data are looked for in it",
    next: "check [daemon] home in the configuration, or DAEMON_HOME: nymvisor config",
  });
}

/** @throws {NymvisorError} if the instance was configured and never set up, or its upgrade data was moved. */
export function requireUpgradeData(layout: Layout): void {
  if (disk.existsSync(layout.upgradeData)) return;
  throw new NymvisorError({
    what: `there is nothing at ${layout.upgradeData}`,
    why: "the binaries and the plan of this instance belong there",
    next: `nymvisor init --daemon-home ${layout.home} <DAEMON_BINARY>`,
  });
}
