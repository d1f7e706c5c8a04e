import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildInfo } from "../../../src/model/build-info.ts";
import type { FileBehaviour } from "../../support/file-responder.ts";
import { type ReleaseServer, startReleaseServer } from "../../support/release-server.ts";
import type { SampleBehaviour } from "../../support/sample-behaviour.ts";
import { type SampleOptions, writeSampleDaemon } from "../../support/sample-daemon.ts";
import type { SampleEvents } from "../../support/sample-events.ts";
import { type TemporaryHome, temporaryHome } from "../../support/temporary-home.ts";
import { isAlive, waitFor } from "../../support/wait.ts";
import { type Entry, Instance, type PlanFile, readJson, takeIn } from "./instance.ts";
import { type RunningNymvisor, type Surroundings, sampleEvents, startNymvisor } from "./nymvisor.ts";

/**
 * A node that nymvisor has taken in, with a release server of its own that has nothing new to say yet.
 *
 * Flow: `await using node = await prepareNode();` `await using run = await node.run();` `node.release("1.1.0")`, and wait
 * for events of the daemons and lines of the log.
 */
export class PreparedNode extends Instance implements AsyncDisposable {
  readonly events: SampleEvents;

  constructor(
    readonly home: TemporaryHome,
    readonly server: ReleaseServer,
    names: { id: string; daemon: string; daemonHome: string },
    private readonly isGuest: boolean,
    private readonly trial: Readonly<Record<string, string>>,
  ) {
    super(home, names);
    this.events = sampleEvents(home);
  }

  /** Starts `nymvisor run`, with these words for the daemon. */
  run(words: readonly string[] = ["run"], surroundings: Surroundings = {}): Promise<RunningNymvisor> {
    const variables = { NYMVISOR_ID: this.id, ...this.trial, ...surroundings.variables };
    return startNymvisor(this.home, ["run", ...words], { ...surroundings, variables });
  }

  /** Writes a binary of a release and serves it. @returns what announces it; it is not announced yet. */
  publish(version: string, options: ReleaseOptions = {}): Announcement {
    const {
      name = version,
      behaviour,
      due = new Date(),
      serving,
      build,
      platform = "any",
      padding = 0,
      ...others
    } = options;
    const path = `/binaries/${crypto.randomUUID()}`;
    const binary = writeSampleDaemon(this.home.at(path), { name: this.daemon, version, ...build }, behaviour);
    // Behind where the script ends.
    const content = Buffer.concat([readFileSync(binary), Buffer.alloc(padding, "# \n")]);
    this.server.serveFile(path, content, serving);
    const checksum = new Bun.CryptoHasher("sha256").update(content).digest("hex");
    return {
      manual: false,
      name,
      notes: "",
      publishDate: null,
      version,
      platforms: { [platform]: { checksum, checksumAlgorithm: "sha256", url: `${this.server.url}${path}` } },
      upgradeTime: due.toISOString(),
      binaryDetails: null,
      ...others,
    };
  }

  /** From now on the server announces this. */
  announce(announcement: Announcement): void {
    this.server.announce(this.daemon, announcement);
  }

  /** Publishes a release and announces it. */
  release(version: string, options: ReleaseOptions = {}): Announcement {
    const announcement = this.publish(version, options);
    this.announce(announcement);
    return announcement;
  }

  /** Exchanges the plan as most editors do: a whole new file is renamed into place. */
  editPlan(change: (plan: PlanFile) => PlanFile): void {
    this.replacePlan(JSON.stringify(change(this.plan()), null, 2));
  }

  /** As `editPlan`, with any text. */
  replacePlan(text: string): void {
    writeFileSync(`${this.planPath}~`, text);
    renameSync(`${this.planPath}~`, this.planPath);
  }

  /** Moves the due time of an entry of the plan. */
  reschedule(name: string, due: Date): void {
    this.editPlan((plan) => ({
      ...plan,
      queuedUp: plan.queuedUp.map((entry) =>
        entry.name === name ? { ...entry, upgradeTime: due.toISOString() } : entry,
      ),
    }));
  }

  /** What operators read about upgrades that wait. */
  status(): StatusFile {
    return readJson(join(this.instanceData, "upgrade-status.json"));
  }

  /** How often each binary was asked of the server, by what follows `/binaries/`. */
  downloads(): string[] {
    return this.server.requests.map(({ path }) => path).filter((path) => path.startsWith("/binaries/"));
  }

  /** The daemons that run now. */
  running(): number[] {
    const pids = this.events.of("started").map(({ pid }) => pid);
    return pids.filter(isAlive);
  }

  /** That one daemon runs. A daemon that was just started may not have written that down yet. */
  async oneRuns(): Promise<void> {
    await waitFor("one daemon to run", () => this.running().length === 1, { file: this.events.path });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isGuest) return;
    this.server.close();
    this.home[Symbol.dispose]();
  }
}

export interface NodeOptions {
  version?: string;
  /** What the daemon does beside running. */
  behaviour?: SampleBehaviour;
  /** Variables of the configuration; `init` writes them down. */
  settings?: Readonly<Record<string, string>>;
  /** Of the instance, and the name of the daemon's home. */
  id?: string;
  daemon?: string;
  /** Another node on the same box, with the same server. */
  beside?: PreparedNode;
}

/**
 * A new version has proven itself at once, so that the next one follows; a test that is about that says so by a setting of
 * its own.
 */
export function trialFor(settings: Readonly<Record<string, string>>): Record<string, string> {
  const isAbout = Object.keys(settings).some((name) => /^NYMVISOR_(HEALTH|ROLLBACK)_/.test(name));
  return isAbout ? {} : { NYMVISOR_HEALTH_PROBATION: "50ms" };
}

/** Takes a node in with `nymvisor init`. Its source is asked at the start, and then once an hour. */
export async function prepareNode(options: NodeOptions = {}): Promise<PreparedNode> {
  const { version = "1.0.0", behaviour = {}, settings = {}, id = "node", daemon = "nym-node", beside } = options;
  const home = beside?.home ?? temporaryHome();
  const server = beside?.server ?? (await startReleaseServer());
  const node = new PreparedNode(
    home,
    server,
    { id, daemon, daemonHome: home.at(id) },
    beside !== undefined,
    trialFor(settings),
  );
  await takeIn(home, {
    id,
    name: daemon,
    version,
    behaviour,
    daemonHome: node.daemonHome,
    flags: ["--upstream-base-upgrade-url", `${server.url}/`, "--upstream-polling-rate", "1h"],
    variables: settings,
  });
  if (beside === undefined) node.announce(node.publish(version));
  return node;
}

export interface ReleaseOptions extends Partial<Omit<Announcement, "version" | "upgradeTime">> {
  /** Now, unless it says otherwise. */
  due?: Date;
  behaviour?: SampleBehaviour;
  /** How the binary is served. */
  serving?: FileBehaviour;
  /** What else the binary says of itself. */
  build?: Partial<SampleOptions>;
  /** Bytes that make the binary longer. */
  padding?: number;
  /** Which machines the binary is announced for; `any` unless it says otherwise. */
  platform?: string;
}

/** An `upgrade-info.json`. */
export interface Announcement extends Entry {
  platforms: Record<string, { checksum?: string; checksumAlgorithm?: string; url: string }>;
  binaryDetails: BuildInfo | null;
}

export interface StatusFile {
  upgrades: Record<string, { state: string; reason: string | null; failures: number }>;
  refused: Record<string, string>;
}

/** So far away that no test sees it. */
export function nextYear(): Date {
  return new Date(Date.now() + 365 * 86_400_000);
}
