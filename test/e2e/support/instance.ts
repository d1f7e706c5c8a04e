import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BuildInfo } from "../../../src/model/build-info.ts";
import type { SampleBehaviour } from "../../support/sample-behaviour.ts";
import { type SampleOptions, writeSampleDaemon } from "../../support/sample-daemon.ts";
import type { TemporaryHome } from "../../support/temporary-home.ts";
import { type Surroundings, succeed } from "./nymvisor.ts";

/** A document's entry, as it stands in the file. */
export interface Entry {
  manual: boolean;
  name: string;
  notes: string;
  publishDate: string | null;
  version: string;
  platforms: Record<string, unknown>;
  upgradeTime: string;
  binaryDetails: BuildInfo | null;
}

export interface PlanFile {
  current: Entry;
  queuedUp: Entry[];
}

interface HistoryFile {
  history: { performedAt: string; info: Entry }[];
}

interface RecordFile {
  name: string;
  version: string;
  upgradeTime: string;
  binaryDetails: BuildInfo;
}

/** Where an instance keeps what, spelled out here once more: these paths are promised. */
export class Instance {
  readonly id: string;
  readonly daemon: string;
  readonly daemonHome: string;
  /** The upgrade data of the daemon. */
  readonly data: string;
  readonly config: string;
  readonly instanceData: string;
  readonly planPath: string;
  readonly historyPath: string;
  readonly recordPath: string;
  readonly backups: string;

  constructor(
    home: TemporaryHome,
    {
      daemon = "nym-node",
      id = `${daemon}-default`,
      daemonHome = home.at("node"),
      data = home.at(".nym/nymvisors/data", daemon),
    }: { id?: string; daemon?: string; daemonHome?: string; data?: string } = {},
  ) {
    this.id = id;
    this.daemon = daemon;
    this.daemonHome = daemonHome;
    this.data = data;
    this.config = home.at(".nym/nymvisors/instances", id, "config/config.toml");
    this.instanceData = home.at(".nym/nymvisors/instances", id, "data");
    this.planPath = join(data, "upgrade-plan.json");
    this.historyPath = join(data, "upgrade-history.json");
    this.recordPath = join(daemonHome, "nymvisor/current-version-info.json");
    this.backups = join(daemonHome, "nymvisor/backups");
  }

  plan(): PlanFile {
    return readJson(this.planPath);
  }

  /** Names of what is queued, in the plan's order. */
  queue(): string[] {
    return this.plan().queuedUp.map(({ name }) => name);
  }

  writePlan(plan: unknown): void {
    writeFileSync(this.planPath, JSON.stringify(plan, null, 2));
  }

  /** Names of the upgrades that were performed, oldest first. */
  performed(): string[] {
    return existsSync(this.historyPath)
      ? readJson<HistoryFile>(this.historyPath).history.map(({ info }) => info.name)
      : [];
  }

  record(): RecordFile {
    return readJson(this.recordPath);
  }

  /** What `current` holds. */
  current(): string {
    return readlinkSync(join(this.data, "current"));
  }

  /** `genesis` or an upgrade's name. */
  binaryOf(name: string): string {
    return join(this.data, name === "genesis" ? name : join("upgrades", name), "bin", this.daemon);
  }

  infoPathOf(name: string): string {
    return join(this.data, name === "genesis" ? name : join("upgrades", name), "upgrade-info.json");
  }

  infoOf(name: string): Entry {
    return readJson(this.infoPathOf(name));
  }
}

/** @throws Error if the file is not there, or no JSON. */
export function readJson<T = unknown>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Where releases are announced unless a test says otherwise: nothing listens there, and no name is looked up. */
const NOWHERE = "http://127.0.0.1:1/";

export interface TakeIn extends Surroundings, Partial<SampleOptions> {
  id?: string;
  /** What the daemon does beside running. */
  behaviour?: SampleBehaviour;
  /** Flags of `init` beside `--daemon-home` and `--id`. */
  flags?: readonly string[];
  daemonHome?: string;
}

/** A sample daemon of version 1.0.0, unless it says otherwise, with a file in its home, taken in by `nymvisor init`. */
export async function takeIn(home: TemporaryHome, options: TakeIn = {}): Promise<Instance> {
  const { id, behaviour = {}, flags = [], daemonHome = home.at("node"), ...rest } = options;
  const sample = { ...rest, version: rest.version ?? "1.0.0" };
  const binary = writeSampleDaemon(home.at("binaries", sample.version, sample.name ?? "nym-node"), sample, behaviour);
  mkdirSync(daemonHome, { recursive: true });
  writeFileSync(join(daemonHome, "key.pem"), "the key of the node\n");
  const words = ["init", "--daemon-home", daemonHome, ...flags, binary];
  if (!flags.includes("--upstream-base-upgrade-url")) words.splice(1, 0, "--upstream-base-upgrade-url", NOWHERE);
  if (id !== undefined) words.splice(1, 0, "--id", id);
  await succeed(home, words, options);
  return new Instance(home, {
    daemonHome,
    ...(sample.name === undefined ? {} : { daemon: sample.name }),
    ...(id === undefined ? {} : { id }),
  });
}

/** A sample daemon of another version, for `add-upgrade`. */
export function nextBinary(home: TemporaryHome, version: string, behaviour: SampleBehaviour = {}): string {
  const path = home.at("binaries", version, "nym-node");
  mkdirSync(dirname(path), { recursive: true });
  return writeSampleDaemon(path, { version }, behaviour);
}
