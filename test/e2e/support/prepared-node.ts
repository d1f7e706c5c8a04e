import { mkdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FileBehaviour } from "../../support/file-responder.ts";
import { type ReleaseServer, startReleaseServer } from "../../support/release-server.ts";
import type { SampleBehaviour } from "../../support/sample-behaviour.ts";
import { type SampleOptions, writeSampleDaemon } from "../../support/sample-daemon.ts";
import type { SampleEvents } from "../../support/sample-events.ts";
import { type TemporaryHome, temporaryHome } from "../../support/temporary-home.ts";
import { isAlive } from "../../support/wait.ts";
import { type RunningNymvisor, type Surroundings, sampleEvents, startNymvisor, succeed } from "./nymvisor.ts";

/**
 * A node that nymvisor has taken in, with a release server of its own that has nothing new to say yet.
 *
 * Flow: `await using node = await prepareNode();` `await using run = await node.run();` `node.release("1.1.0")`, and wait
 * for events of the daemons and lines of the log.
 */
export class PreparedNode implements AsyncDisposable {
  readonly events: SampleEvents;
  /** The daemon's home. */
  readonly daemonHome: string;
  /** `data/<daemon>`: plan, history, binaries. */
  readonly data: string;
  /** `instances/<id>/data`. */
  readonly instanceData: string;
  readonly configFile: string;

  constructor(
    readonly home: TemporaryHome,
    readonly server: ReleaseServer,
    readonly id: string,
    readonly daemon: string,
    private readonly owned: boolean,
  ) {
    this.events = sampleEvents(home);
    this.daemonHome = home.at(id);
    this.data = home.at(".nym", "nymvisors", "data", daemon);
    this.instanceData = home.at(".nym", "nymvisors", "instances", id, "data");
    this.configFile = home.at(".nym", "nymvisors", "instances", id, "config", "config.toml");
  }

  /** Starts `nymvisor run`, with these words for the daemon. */
  run(words: readonly string[] = ["run"], surroundings: Surroundings = {}): Promise<RunningNymvisor> {
    const variables = { NYMVISOR_ID: this.id, ...surroundings.variables };
    return startNymvisor(this.home, ["run", ...words], { ...surroundings, variables });
  }

  /** Writes a binary of a release and serves it. @returns what announces it, not announced yet. */
  publish(version: string, options: ReleaseOptions = {}): Announcement {
    const { name = version, behaviour, due = new Date(), serving, build, platform = "any", ...others } = options;
    const path = `/binaries/${crypto.randomUUID()}`;
    const binary = this.home.at(path);
    writeSampleDaemon(binary, { name: this.daemon, version, ...build }, behaviour);
    const content = readFileSync(binary);
    this.server.serveFile(path, content, serving);
    return {
      manual: false,
      name,
      notes: "",
      publishDate: null,
      version,
      platforms: {
        [platform]: {
          checksum: new Bun.CryptoHasher("sha256").update(content).digest("hex"),
          checksumAlgorithm: "sha256",
          url: `${this.server.url}${path}`,
        },
      },
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

  get plan(): Plan {
    return readJson(join(this.data, "upgrade-plan.json"));
  }

  /** Exchanges the plan as most editors do: a whole new file is renamed into place. */
  editPlan(change: (plan: Plan) => Plan | string): void {
    const path = join(this.data, "upgrade-plan.json");
    const changed = change(this.plan);
    writeFileSync(`${path}~`, typeof changed === "string" ? changed : JSON.stringify(changed, null, 2));
    renameSync(`${path}~`, path);
  }

  get history(): History["history"] {
    return readJson<History>(join(this.data, "upgrade-history.json")).history;
  }

  get record(): { name: string; version: string; upgradeTime: string; binaryDetails: Record<string, string> } {
    return readJson(join(this.daemonHome, "nymvisor", "current-version-info.json"));
  }

  get status(): { upgrades: Record<string, { state: string; reason: string | null }>; refused: Record<string, string> } {
    return readJson(join(this.instanceData, "upgrade-status.json"));
  }

  /** What the link `current` holds. */
  get current(): string {
    return readlinkSync(join(this.data, "current"));
  }

  /** Where the binary of an upgrade belongs. */
  binaryOf(name: string): string {
    return join(this.data, "upgrades", name, "bin", this.daemon);
  }

  /** The paths that were asked of the server, oldest first, without those of announcements. */
  get downloads(): string[] {
    return this.server.requests.map(({ path }) => path).filter((path) => path.startsWith("/binaries/"));
  }

  /** The daemons that run now. */
  get running(): number[] {
    return this.events
      .of("started")
      .map(({ pid }) => pid)
      .filter(isAlive);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.owned) return;
    this.server.close();
    this.home[Symbol.dispose]();
  }
}

export interface NodeOptions {
  version?: string;
  /** Of the binary that `init` is given. */
  behaviour?: SampleBehaviour;
  /** Configuration variables; `init` writes them into the configuration. */
  settings?: Readonly<Record<string, string>>;
  /** Of the instance, and the name of the daemon's home. */
  id?: string;
  daemon?: string;
  /** Another node on the same box, with the same server. */
  beside?: PreparedNode;
}

/** Takes a node in with `nymvisor init`. Its source is asked once at the start, and then each hour. */
export async function prepareNode(options: NodeOptions = {}): Promise<PreparedNode> {
  const { version = "1.0.0", behaviour, settings = {}, id = "node", daemon = "nym-node", beside } = options;
  const home = beside?.home ?? temporaryHome();
  const server = beside?.server ?? (await startReleaseServer());
  const node = new PreparedNode(home, server, id, daemon, beside === undefined);
  const binary = writeSampleDaemon(home.at("brought", id, daemon), { name: daemon, version }, behaviour);
  mkdirSync(join(node.daemonHome, "data"), { recursive: true });
  writeFileSync(join(node.daemonHome, "data", "keys.pem"), "secret\n", { mode: 0o600 });
  const variables = {
    NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: `${server.url}/`,
    NYMVISOR_UPSTREAM_POLLING_RATE: "1h",
    ...settings,
  };
  await succeed(home, ["init", "--id", id, "--daemon-home", node.daemonHome, binary], { variables });
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
  /** Which machines the binary is announced for; `any` unless it says otherwise. */
  platform?: string;
}

/** An `upgrade-info.json`. */
export interface Announcement {
  manual: boolean;
  name: string;
  notes: string;
  publishDate: string | null;
  version: string;
  platforms: Record<string, { checksum?: string; checksumAlgorithm?: string; url: string }>;
  upgradeTime: string;
  binaryDetails: Record<string, string> | null;
}

export interface Plan {
  current: Announcement;
  queuedUp: Announcement[];
}

interface History {
  history: { performedAt: string; info: Announcement }[];
}

/** So far away that no test sees it. */
export function nextYear(): Date {
  return new Date(Date.now() + 365 * 86_400_000);
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8"));
}
