import { dirname } from "node:path";
import { inspectBinary } from "../daemon/inspect.ts";
import { absolutePath } from "../model/absolute-path.ts";
import { type BuildInfo, differingFields, sameBuild } from "../model/build-info.ts";
import { migrate } from "../model/config-migration.ts";
import { resolveConfiguration } from "../model/configuration.ts";
import { NymvisorError, UsageError } from "../model/errors.ts";
import { objectionToInstanceId, printable } from "../model/names.ts";
import { buildLayout, defaultConfigFile, type Layout } from "../model/paths.ts";
import type { InitRequest } from "../model/requests.ts";
import type { Configuration } from "../model/settings.ts";
import { systemClock } from "../system/clock.ts";
import { readConfigFile, renderConfigFile } from "../system/config-file.ts";
import { disk } from "../system/disk.ts";
import { makeFolderDurably, replaceLinkDurably, sweepTemporaries, writeFileDurably } from "../system/durable.ts";
import { daemonEnvironment, type Environment } from "../system/environment.ts";
import { withLock } from "../system/lock.ts";
import { buildInfoOf } from "../upgrade/build-information.ts";
import { readCurrent, switchCurrent } from "../upgrade/current.ts";
import { type BinaryCopy, copyBinary } from "../upgrade/place-binary.ts";
import {
  readPlan,
  readVersionRecord,
  requirePlan,
  requireUpgradeInfo,
  writePlan,
  writeUpgradeInfo,
  writeVersionRecord,
} from "../upgrade/shared-documents.ts";
import { readStaged, writeNote } from "../upgrade/staged.ts";
import { describeBuild } from "../upgrade/take-stock.ts";
import { findBinary } from "./find-binary.ts";
import { requireOurs } from "./load-configuration.ts";
import { findLayout } from "./open-instance.ts";

/** Backups hold the node's keys (invariant 10). */
const BACKUPS_MODE = 0o700;
const CONFIG_MODE = 0o600;

/**
 * `nymvisor init`: takes a node in. Everything is checked before anything is made; the
 * configuration is written last, so that an `init` that failed can just be typed again.
 * @returns the configuration of the instance.
 */
export async function initialise(request: InitRequest, environment: Environment): Promise<Configuration> {
  judgeSettings(request, environment);
  const binary = findBinary(request.daemonBinary, environment);
  const buildInfo = await inspectBinary(binary, { environment: daemonEnvironment(environment) });
  const { configuration, path } = configure(request, environment, buildInfo);
  const layout = findLayout(environment, configuration);
  requireSameDaemon(binary, buildInfo, configuration);
  await checkExisting(layout, buildInfo, environment);
  makeFolderDurably(layout.homeNymvisor);
  if (!disk.existsSync(layout.backups)) makeFolderDurably(layout.backups, { mode: BACKUPS_MODE });
  makeFolderDurably(layout.upgrades);
  makeFolderDurably(layout.instanceData);
  const genesis = buildLayout(layout, "genesis");
  const copy = disk.existsSync(genesis.binary) ? null : await copyBinary(binary, genesis);
  try {
    await withLock(layout.upgradeLock, "init", () => writeDocuments(layout, buildInfo, copy));
  } finally {
    copy?.discard();
  }
  makeFolderDurably(dirname(path));
  sweepTemporaries(dirname(path));
  writeFileDurably(path, renderConfigFile(configuration), { mode: CONFIG_MODE });
  return configuration;
}

/** What is wrong with the flags and variables is told before any binary is run. Its name matters for none of that. */
function judgeSettings({ settings }: InitRequest, { variables, workingDirectory }: Environment): void {
  resolveConfiguration({ file: null, environment: variables, flags: settings, workingDirectory, daemonName: "daemon" });
}

/** A configuration that is there already keeps what a person has changed in it; flags and variables win over it. */
function configure(
  request: InitRequest,
  environment: Environment,
  buildInfo: BuildInfo,
): { configuration: Configuration; path: string } {
  const { variables, homeDirectory, workingDirectory } = environment;
  const id = variables.NYMVISOR_ID || request.settings.get("id") || `${buildInfo.binary_name}-default`;
  const objection = objectionToInstanceId(id);
  if (objection !== undefined) {
    throw new UsageError({
      what: `an instance cannot have the id "${printable(id)}"`,
      why: objection,
      next: "choose another: --id ID",
    });
  }
  const path = variables.NYMVISOR_CONFIG_PATH
    ? absolutePath(variables.NYMVISOR_CONFIG_PATH, workingDirectory)
    : defaultConfigFile(homeDirectory, id);
  const file = readConfigFile(path) ?? null;
  if (file !== null) requireOurs(file);
  const tables = file === null ? {} : (migrate(file.tables)?.tables ?? file.tables);
  const { configuration } = resolveConfiguration({
    file: file === null ? null : { ...file, tables },
    environment: variables,
    flags: request.settings,
    workingDirectory,
    daemonName: buildInfo.binary_name,
  });
  return { configuration, path };
}

function requireSameDaemon(binary: string, buildInfo: BuildInfo, { daemon }: Configuration): void {
  if (daemon.name === buildInfo.binary_name) return;
  throw new NymvisorError({
    what: `${binary} is a ${buildInfo.binary_name}, and this instance is for ${daemon.name}`,
    why: "the name comes from DAEMON_NAME, or from the configuration that is there already",
    next: "unset DAEMON_NAME, or choose another instance: --id ID",
  });
}

/** What is there already and stands against this binary. Nothing is changed. */
async function checkExisting(layout: Layout, buildInfo: BuildInfo, environment: Environment): Promise<void> {
  const genesis = buildLayout(layout, "genesis");
  const there = disk.existsSync(genesis.binary)
    ? await buildInfoOf(genesis, daemonEnvironment(environment))
    : undefined;
  if (there !== undefined && !sameBuild(there, buildInfo)) {
    throw new NymvisorError({
      what: `another build of ${layout.daemon} is set up in ${layout.upgradeData} already`,
      why: `there | given: ${differingFields(there, buildInfo).join("; ")}`,
      next: `give the one that is there: ${genesis.binary}; or keep the new one elsewhere: --upgrade-data-directory DIR; or make it an upgrade: nymvisor add-upgrade --upgrade-name NAME <DAEMON_BINARY>`,
    });
  }
  requireUpgradeInfo(genesis);
  const plan = readPlan(layout);
  if (plan.state === "missing") return;
  const { current } = requirePlan(layout);
  if (there === undefined || (current.name === "genesis" && current.version !== buildInfo.build_version)) {
    throw new NymvisorError({
      what: `the plan in ${layout.upgradeData} is that of another build`,
      why: `it says that ${printable(current.name)} (${printable(current.version)}) runs, and genesis ${there === undefined ? "is not there" : `is ${there.build_version}`}`,
      next: `choose another place: --upgrade-data-directory DIR; or move the plan away: mv ${layout.plan} ${layout.plan}.bad`,
    });
  }
  readCurrent(layout);
}

/** Under the lock. What is there and right stays as it is; an instance that was upgraded is never set back. */
function writeDocuments(layout: Layout, buildInfo: BuildInfo, copy: BinaryCopy | null): void {
  const genesis = buildLayout(layout, "genesis");
  if (copy !== null && !disk.existsSync(genesis.binary)) {
    copy.publish();
    writeNote(genesis, { sha256: copy.sha256, origin: "local", url: null, buildInfo, refused: null });
  } else {
    // It may have come since it was looked for, before the lock was ours.
    const there = readStaged(genesis)?.buildInfo;
    if (there !== undefined && !sameBuild(there, buildInfo)) {
      throw new NymvisorError({
        what: "another init has set up another build at the same moment",
        why: `there | given: ${differingFields(there, buildInfo).join("; ")}`,
        next: "look at it: nymvisor daemon-build-info",
      });
    }
  }
  const info = describeBuild("genesis", buildInfo, "");
  if (requireUpgradeInfo(genesis) === undefined) writeUpgradeInfo(genesis, info);
  if (readPlan(layout).state === "missing") writePlan(layout, { current: info, queuedUp: [] });
  if (readVersionRecord(layout).state === "missing") {
    writeVersionRecord(layout, {
      name: "genesis",
      version: buildInfo.build_version,
      upgradeTime: systemClock.wall(),
      binaryDetails: buildInfo,
    });
    replaceLinkDurably(layout.rustVersionRecord, "current-version-info.json");
  }
  if (readCurrent(layout) === undefined) switchCurrent(layout, genesis);
}
