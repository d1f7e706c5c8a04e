import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { waitFor } from "../../support/wait.ts";
import { type Snapshot, snapshot } from "../../upgrade/archive/tree-snapshot.ts";
import { readJson } from "./instance.ts";
import type { RunningNymvisor } from "./nymvisor.ts";
import { type NodeOptions, type PreparedNode, prepareNode } from "./prepared-node.ts";
import { mountSmallDisk, type SmallDisk } from "./small-disk.ts";

/** How the home is saved before an upgrade; "archive": there is no room for a copy, so the archive is all there is. */
export type Saving = "copy" | "archive" | "nothing";

export interface TrialOptions extends NodeOptions {
  /** "copy" unless it says otherwise. */
  saving?: Saving;
  /** Of the disk for the home where only an archive is made; there is no room for a copy on one below 64 MiB. */
  diskSize?: number;
}

/** As it stands in `upgrade-outcomes.json`. */
export interface OutcomeEntry {
  kind: string;
  name: string;
  version: string;
  home: string;
  state: string;
  why: string | null;
  wentBack: string | null;
  kept: string | null;
  backup: string | null;
  byHand: boolean;
  downtime: string | null;
}

export interface TrialStatus {
  probation: { name: string; unwell: string | null; failed: string | null; noWayBack: string | null } | null;
  stays: { name: string; why: string } | null;
  wayBack: { from: string; to: string; why: string; kept: string | null } | null;
}

/** A new version has that long, unless a test says otherwise. */
const BRISK = { NYMVISOR_HEALTH_PROBATION: "1s", NYMVISOR_HEALTH_INTERVAL: "100ms" };

/** A node with something in its home, whose new versions have to prove themselves within moments. */
export class TrialNode implements AsyncDisposable {
  constructor(
    readonly node: PreparedNode,
    readonly disk: SmallDisk | null,
  ) {}

  /** A path in the daemon's home, wherever that is mounted. */
  at(...names: string[]): string {
    const { daemonHome } = this.node;
    return join(this.disk?.seen(daemonHome) ?? daemonHome, ...names);
  }

  /** Starts `nymvisor run`. */
  run(words: readonly string[] = [], variables: Readonly<Record<string, string>> = {}): Promise<RunningNymvisor> {
    const { node, disk } = this;
    return node.run(["run", "--home", node.daemonHome, ...words], { variables, through: disk?.through ?? [] });
  }

  /** Everything that a way back promises to bring back. */
  contents(): Record<string, Snapshot> {
    return snapshot(this.at(), (path) => path === "nymvisor");
  }

  /** The oldest first. */
  outcomes(): OutcomeEntry[] {
    const path = join(this.node.data, "upgrade-outcomes.json");
    return existsSync(path) ? readJson<{ outcomes: OutcomeEntry[] }>(path).outcomes : [];
  }

  /** Each with its version, the oldest first. */
  verdicts(): string[] {
    return this.outcomes().map(({ name, state }) => `${name} ${state}`);
  }

  /** Waits until everything is written down that follows from these, the oldest first: `1.1.0 rolled-back`. */
  async decided(...verdicts: string[]): Promise<void> {
    const pending = ["probation.json", "way-back.json"].map((name) => join(this.node.instanceData, name));
    await waitFor(`the verdicts ${verdicts}`, () => {
      return Bun.deepEquals(this.verdicts(), verdicts) && !pending.some((path) => existsSync(path));
    });
  }

  status(): TrialStatus {
    return readJson(join(this.node.instanceData, "upgrade-status.json"));
  }

  isOnProbation(): boolean {
    return existsSync(join(this.node.instanceData, "probation.json"));
  }

  /** Folders in which what a version had made of the home is kept. */
  rolledBack(): string[] {
    return this.#list("nymvisor/rolled-back");
  }

  copies(): string[] {
    return this.#list("nymvisor/copies");
  }

  /** Waits until its database is there. */
  async migrated(): Promise<void> {
    const path = this.at("migrations");
    await waitFor("the migrations", () => existsSync(path) && statSync(path).size > 0);
  }

  /** Waits until the copy of the home has its archive, which is all that would be left of it after a verdict. */
  async archived(run: RunningNymvisor): Promise<void> {
    await run.waitForLog(/backed up into/, { within: 45_000 });
    const isNoted = (copy: string) => readJson<{ archived: boolean }>(join(copy, "archive.json")).archived;
    await waitFor("the note about the archive", () => this.copies().every(isNoted));
  }

  #list(folder: string): string[] {
    const path = this.at(folder);
    return existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disk?.[Symbol.asyncDispose]();
    await this.node[Symbol.asyncDispose]();
  }
}

export async function prepareTrial(options: TrialOptions = {}): Promise<TrialNode> {
  const { saving = "copy", diskSize = 32 << 20, settings, ...others } = options;
  const skip: Record<string, string> = saving === "nothing" ? { DAEMON_UNSAFE_SKIP_BACKUP: "true" } : {};
  const node = await prepareNode({ ...others, settings: { ...BRISK, ...skip, ...settings } });
  fill(node.daemonHome);
  if (saving !== "archive") return new TrialNode(node, null);
  const disk = await mountSmallDisk(node.daemonHome, diskSize);
  cpSync(node.daemonHome, disk.seen(node.daemonHome), { recursive: true, verbatimSymlinks: true, force: true });
  return new TrialNode(node, disk);
}

/** Where an archive goes that has no room beside the home: for a node of `saving: "archive"`. */
export function backupsElsewhere(trial: TrialNode): Record<string, string> {
  return { DAEMON_BACKUP_DATA_DIRECTORY: trial.node.home.at("backups") };
}

function fill(home: string): void {
  mkdirSync(join(home, "data", "empty"), { recursive: true, mode: 0o750 });
  writeFileSync(join(home, "data", "ed25519.pem"), "the identity", { mode: 0o600 });
  writeFileSync(join(home, "data", "store.sqlite"), crypto.getRandomValues(Buffer.alloc(50_000)));
  writeFileSync(join(home, "data", `it's "odd" & é`), "");
  symlinkSync("data/ed25519.pem", join(home, "identity"));
  utimesSync(join(home, "data", "ed25519.pem"), 1_700_000_000, 1_700_000_000);
}

/** What an archive holds, as plain tar unpacks it. */
export function unpackedArchive(archive: string, into: string): Record<string, Snapshot> {
  mkdirSync(into);
  const { exitCode, stderr } = Bun.spawnSync(["tar", "-xzpf", archive, "-C", into]);
  if (exitCode !== 0) throw new Error(`tar: ${stderr}`);
  return snapshot(into, (path) => path === ".nymvisor-manifest.json");
}

/** Last lines of a version that was gone back from. */
export function linesKept(folder: string): string[] {
  return readFileSync(join(folder, "output.log"), "utf8").split("\n").slice(0, -1);
}
