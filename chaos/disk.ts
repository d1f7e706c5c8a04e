import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { DAEMON } from "./marked-daemon.ts";

/** Where an instance keeps what, and how its documents read: spelled out once more, because both are promised. */

export interface Entry {
  name: string;
  version: string;
  upgradeTime: string;
  platforms: { any?: { url: string } };
}

export interface PlanFile {
  current: Entry;
  queuedUp: Entry[];
}

/** Why upgrades wait or were refused. */
export interface StatusFile {
  upgrades: Record<string, { state: string; reason: string | null }>;
  refused: Record<string, string>;
}

/** Of the upgrade data that all nodes of a world share. */
export interface SharedPlaces {
  data: string;
  current: string;
  plan: string;
  history: string;
}

/** Of one node. */
export interface NodePlaces {
  home: string;
  instanceData: string;
  journal: string;
  status: string;
  versionRecord: string;
  daemonRecord: string;
  backups: string;
  /** Copies of the home that are being made, or wait for their archives. */
  copies: string;
}

export function sharedPlaces(homeDirectory: string): SharedPlaces {
  const data = join(homeDirectory, ".nym/nymvisors/data", DAEMON);
  return {
    data,
    current: join(data, "current"),
    plan: join(data, "upgrade-plan.json"),
    history: join(data, "upgrade-history.json"),
  };
}

export function nodePlaces(homeDirectory: string, id: string): NodePlaces {
  const home = join(homeDirectory, "nodes", id);
  const instanceData = join(homeDirectory, ".nym/nymvisors/instances", id, "data");
  return {
    home,
    instanceData,
    journal: join(instanceData, "journal.json"),
    status: join(instanceData, "upgrade-status.json"),
    versionRecord: join(home, "nymvisor/current-version-info.json"),
    daemonRecord: join(home, "nymvisor/daemon.json"),
    backups: join(home, "nymvisor/backups"),
    copies: join(home, "nymvisor/copies"),
  };
}

export function buildFolder({ data }: SharedPlaces, name: string): string {
  return name === "genesis" ? join(data, name) : join(data, "upgrades", name);
}

export const binaryIn = (folder: string): string => join(folder, "bin", DAEMON);

/** The name of the build that `current` points to. */
export function readCurrent({ current }: SharedPlaces): string {
  return basename(readlinkSync(current));
}

export function readPlan({ plan }: SharedPlaces): PlanFile {
  return readJson(plan);
}

/** Names of the upgrades that were performed, oldest first. */
export function readHistory({ history }: SharedPlaces): string[] {
  if (!existsSync(history)) return [];
  return readJson<{ history: { info: Entry }[] }>(history).history.map(({ info }) => info.name);
}

export function readRecord({ versionRecord }: NodePlaces): Entry {
  return readJson(versionRecord);
}

export function readStatus({ status }: NodePlaces): StatusFile {
  return existsSync(status) ? readJson(status) : { upgrades: {}, refused: {} };
}

/** What an upgrade that is under way has come to; "none" when there is none, "torn" when that cannot be read. */
export function journalState({ journal }: NodePlaces): string {
  try {
    return readJson<{ state: string }>(journal).state;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "none" : "torn";
  }
}

/** @throws Error if the file is not there, or no JSON. */
export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Every path below a folder, relative to it; links are not followed. */
export function pathsBelow(root: string, folder = ""): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [path, ...pathsBelow(root, path)] : [path];
  });
}
