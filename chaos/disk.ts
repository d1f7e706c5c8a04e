import { type Dirent, existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
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

/** What became of a switch of a home, or a way back that a person has ordered (`rollback`). */
export interface OutcomeEntry {
  performedAt: string;
  kind: "upgrade" | "forward" | "rollback";
  name: string;
  version: string;
  sha256: string | null;
  home: string;
  from: string;
  state: "on-probation" | "passed" | "rolled-back" | "failed" | "left";
  why: string | null;
  decidedAt: string | null;
  kept: string | null;
  byHand: boolean;
  forgiven: boolean;
}

/** What people have said, and what nymvisor holds for. */
export interface OperatorFile {
  pin: { release: string } | null;
  hold: { why?: string | null } | null;
  goBack: { home: string; to: string }[];
}

/** Of the upgrade data that all nodes of a world share. */
export interface SharedPlaces {
  data: string;
  current: string;
  plan: string;
  history: string;
  outcomes: string;
  operator: string;
}

/** Of one node. */
export interface NodePlaces {
  home: string;
  instanceData: string;
  journal: string;
  probation: string;
  wayBack: string;
  status: string;
  versionRecord: string;
  daemonRecord: string;
  backups: string;
  /** Copies of the home that are being made, or wait for their archives. */
  copies: string;
  /** What versions had made of the home that were gone back from. */
  rolledBack: string;
  /** Where archives are unpacked. */
  restoring: string;
}

export function sharedPlaces(homeDirectory: string): SharedPlaces {
  const data = join(homeDirectory, ".nym/nymvisors/data", DAEMON);
  return {
    data,
    current: join(data, "current"),
    plan: join(data, "upgrade-plan.json"),
    history: join(data, "upgrade-history.json"),
    outcomes: join(data, "upgrade-outcomes.json"),
    operator: join(data, "operator.json"),
  };
}

export function nodePlaces(homeDirectory: string, id: string): NodePlaces {
  const home = join(homeDirectory, "nodes", id);
  const instanceData = join(homeDirectory, ".nym/nymvisors/instances", id, "data");
  return {
    home,
    instanceData,
    journal: join(instanceData, "journal.json"),
    probation: join(instanceData, "probation.json"),
    wayBack: join(instanceData, "way-back.json"),
    status: join(instanceData, "upgrade-status.json"),
    versionRecord: join(home, "nymvisor/current-version-info.json"),
    daemonRecord: join(home, "nymvisor/daemon.json"),
    backups: join(home, "nymvisor/backups"),
    copies: join(home, "nymvisor/copies"),
    rolledBack: join(home, "nymvisor/rolled-back"),
    restoring: join(home, "nymvisor/restoring"),
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

/** The oldest first. */
export function readOutcomes({ outcomes }: SharedPlaces): OutcomeEntry[] {
  return existsSync(outcomes) ? readJson<{ outcomes: OutcomeEntry[] }>(outcomes).outcomes : [];
}

export function readOperator({ operator }: SharedPlaces): OperatorFile {
  return {
    pin: null,
    hold: null,
    goBack: [],
    ...(existsSync(operator) ? readJson<Partial<OperatorFile>>(operator) : {}),
  };
}

export function readRecord({ versionRecord }: NodePlaces): Entry {
  return readJson(versionRecord);
}

export function readStatus({ status }: NodePlaces): StatusFile {
  return existsSync(status) ? readJson(status) : { upgrades: {}, refused: {} };
}

/** What an upgrade that is under way has come to; "none" when there is none, "torn" when that cannot be read. */
export const journalState = ({ journal }: NodePlaces): string => stateIn(journal);

/** The same of a way back. */
export const wayBackState = ({ wayBack }: NodePlaces): string => stateIn(wayBack);

function stateIn(journal: string): string {
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

/** Every path below a folder, relative to it; links are not followed, and what vanishes meanwhile is empty. */
export function pathsBelow(root: string, folder = ""): string[] {
  return entriesOf(join(root, folder), folder !== "").flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [path, ...pathsBelow(root, path)] : [path];
  });
}

function entriesOf(path: string, mayVanish: boolean): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (mayVanish && (error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
