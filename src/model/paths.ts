import { NymvisorError } from "./errors.ts";
import { objectionToUpgradeName, printable } from "./names.ts";
import type { Configuration } from "./settings.ts";

/** Every path on disk. Nothing else in the program joins these names. */

function join(...parts: string[]): string {
  return parts.map((part, index) => (index === 0 ? part.replace(/\/+$/, "") : part)).join("/");
}

/** `$NYM_HOME_DIR/.nym/nymvisors`, or `$HOME/.nym/nymvisors`. */
function nymvisorsRoot(homeDirectory: string): string {
  return join(homeDirectory, ".nym", "nymvisors");
}

export function instancesFolder(homeDirectory: string): string {
  return join(nymvisorsRoot(homeDirectory), "instances");
}

export function defaultConfigFile(homeDirectory: string, id: string): string {
  return join(instancesFolder(homeDirectory), id, "config", "config.toml");
}

/** The folder `<upgrade data>/<daemon>` of a new instance, before a look at the disk. */
export function defaultUpgradeFolder(homeDirectory: string, configuration: Configuration): string {
  const custom = configuration.nymvisor.upgrade_data_directory;
  return join(custom ?? join(nymvisorsRoot(homeDirectory), "data"), configuration.daemon.name);
}

/** All the paths of one instance. */
export interface Layout {
  /** Name of the daemon's binary. */
  daemon: string;
  /** `instances/<id>/data`: what the instance keeps. */
  instanceData: string;
  journal: string;
  /** How the version proves itself that the node was switched to; there until there is a verdict. */
  probation: string;
  /** A way back to the version before that is under way. */
  wayBack: string;
  /** Why upgrades wait, and what was refused: for an operator to read. */
  upgradeStatus: string;
  /** Copies of the documents as they last were when they could be used. */
  lastGood: string;
  /** What the delay of this instance behind others is drawn from. */
  spreadSeed: string;
  instanceLock: string;
  /** A restore of the home that is under way. */
  restoreJournal: string;
  /** What the daemons of one name share: plan, history, binaries. */
  upgradeData: string;
  plan: string;
  history: string;
  /** What became of each switch. */
  outcomes: string;
  /** What people have said about upgrades by command. */
  operator: string;
  /** When the sources of releases answered, and which entries of the plan are theirs. */
  sources: string;
  /** The last answer of a source that lists releases. */
  releaseList: string;
  /** Held by the one node that asks for the list, of all that share it. */
  listingLock: string;
  upgradeLock: string;
  /** Held by the one node that is stopped for an upgrade, of all that share the upgrade data. */
  turnLock: string;
  current: string;
  genesis: string;
  upgrades: string;
  /** The daemon's home. */
  home: string;
  /** `<home>/nymvisor`. */
  homeNymvisor: string;
  homeLock: string;
  daemonRecord: string;
  versionRecord: string;
  /** The Rust program's name of the same document. */
  rustVersionRecord: string;
  backups: string;
  /** Copies of the home until they are archived: on its own file system. */
  copies: string;
  /** What a backup is unpacked into, before it takes its place in the home. */
  restoring: string;
  /** What a restored backup has taken the place of. */
  replaced: string;
  /** What versions had made of the home that were gone back from. */
  rolledBack: string;
}

export function layoutOf(homeDirectory: string, configuration: Configuration, upgradeData: string): Layout {
  const instanceData = join(instancesFolder(homeDirectory), configuration.nymvisor.id, "data");
  const { home, name: daemon } = configuration.daemon;
  const homeNymvisor = join(home, "nymvisor");
  return {
    daemon,
    instanceData,
    journal: join(instanceData, "journal.json"),
    probation: join(instanceData, "probation.json"),
    wayBack: join(instanceData, "way-back.json"),
    upgradeStatus: join(instanceData, "upgrade-status.json"),
    lastGood: join(instanceData, "last-good"),
    spreadSeed: join(instanceData, "spread-seed.json"),
    instanceLock: join(instanceData, "run.lock"),
    restoreJournal: join(instanceData, "restore.json"),
    upgradeData,
    plan: join(upgradeData, "upgrade-plan.json"),
    history: join(upgradeData, "upgrade-history.json"),
    outcomes: join(upgradeData, "upgrade-outcomes.json"),
    operator: join(upgradeData, "operator.json"),
    sources: join(upgradeData, "sources.json"),
    releaseList: join(upgradeData, "release-list.json"),
    upgradeLock: join(upgradeData, "upgrade.lock"),
    listingLock: join(upgradeData, "listing.lock"),
    turnLock: join(upgradeData, "turn.lock"),
    current: join(upgradeData, "current"),
    genesis: join(upgradeData, "genesis"),
    upgrades: join(upgradeData, "upgrades"),
    home,
    homeNymvisor,
    homeLock: homeLockOf(home),
    daemonRecord: join(homeNymvisor, "daemon.json"),
    versionRecord: join(homeNymvisor, "current-version-info.json"),
    rustVersionRecord: join(homeNymvisor, "current-version.json"),
    copies: join(homeNymvisor, "copies"),
    backups: configuration.daemon.backup_data_directory ?? join(homeNymvisor, "backups"),
    restoring: join(homeNymvisor, "restoring"),
    replaced: join(homeNymvisor, "replaced"),
    rolledBack: join(homeNymvisor, "rolled-back"),
  };
}

/** What the one nymvisor that runs the daemon of a home holds. */
export function homeLockOf(home: string): string {
  return join(home, "nymvisor", "run.lock");
}

/** The paths of one build: `genesis`, or an upgrade. */
export interface BuildLayout {
  name: string;
  folder: string;
  bin: string;
  binary: string;
  info: string;
  /** "Staged and verified": sha256, size and build information of the binary; written last. */
  staged: string;
  /** Held by the one node that downloads the binary, of all that share the upgrade data. */
  stagingLock: string;
  /** What `current` points to, relative to the upgrade data folder. */
  link: string;
}

export function buildLayout(layout: Layout, name: string): BuildLayout {
  const objection = name === "genesis" ? undefined : objectionToUpgradeName(name);
  if (objection !== undefined) {
    throw new NymvisorError({ what: `an upgrade cannot be called "${printable(name)}"`, why: objection });
  }
  const link = name === "genesis" ? "genesis" : join("upgrades", name);
  const folder = join(layout.upgradeData, link);
  const bin = join(folder, "bin");
  return {
    name,
    folder,
    bin,
    binary: join(bin, layout.daemon),
    info: join(folder, "upgrade-info.json"),
    staged: join(folder, "staged.json"),
    stagingLock: join(bin, `.${layout.daemon}.staging.lock`),
    link,
  };
}

/** Whether `inner` is `outer` or lies in it; both absolute, without `.` and `..`. */
export function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith("/") ? outer : `${outer}/`);
}
