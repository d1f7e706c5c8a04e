import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { SampleEvents } from "../test/support/sample-events.ts";
import { isAlive } from "../test/support/wait.ts";
import { type ArchiverFigures, ArchiveWatch } from "./archive-watch.ts";
import { type BenchHome, forgetUpgrades, NEW, OLD } from "./home.ts";
import { type NodeWork, nodeEnvironment, nodeWords } from "./node-run.ts";
import { NymvisorLog, type Step } from "./nymvisor-log.ts";
import { bytesWrittenBy, memoryOf } from "./process-figures.ts";
import { nextName, type Setting } from "./setting.ts";
import { run } from "./shell.ts";
import { endProcess } from "./undo.ts";

const MIB = 1 << 20;
const LONG = { within: 600_000 };

/** How long nymvisor may take to end: its node's grace period, and some more. */
const PATIENCE_MS = 130_000;

/** Between the stop and the start. */
const STEPS = ["stopping", "exited", "copyDone", "switched"] as const satisfies readonly Step[];

export interface Upgraded {
  /** Milliseconds from the old process's last word to the new one's first. */
  downtime: number;
  /** Seconds from the announcement to the new version's first word. */
  whole: number;
  /** Milliseconds of the downtime that saving the home took, by nymvisor's own word. */
  saving: number;
  /** Milliseconds that the copy took before the stop. */
  copying: number;
  /** Of nymvisor so far, in mebibytes. */
  peakMemory: number;
  /** Milliseconds from the old process's last word to what nymvisor told of. */
  steps: Partial<Record<Step, number>>;
}

export interface Archived {
  /** Seconds. */
  took: number;
  archiver: ArchiverFigures | undefined;
  peakMemory: number;
  /** Mebibytes that nymvisor and its processes have written, without the node's own. */
  writtenMib: number;
  /** Path of the archive. */
  path: string;
}

/** A node under `nymvisor run`, which one upgrade is announced to. */
export class Supervised {
  readonly events: SampleEvents;
  readonly log: NymvisorLog;
  readonly #setting: Setting;
  readonly #home: BenchHome;
  readonly #env: Record<string, string>;
  readonly #name: string;
  readonly #words: string[];
  #process: Bun.Subprocess | undefined;
  #watch: ArchiveWatch | undefined;
  #end: () => void = () => {};
  #announcedAt = Number.NaN;

  /** @param settings of nymvisor, as variables. */
  constructor(setting: Setting, home: BenchHome, work: NodeWork, settings: Record<string, string> = {}) {
    this.#setting = setting;
    this.#home = home;
    this.#name = nextName();
    this.#words = nodeWords(work);
    this.events = new SampleEvents(join(setting.folder, `${this.#name}.jsonl`));
    this.log = new NymvisorLog(join(setting.folder, `${this.#name}.log`));
    this.#env = {
      ...nodeEnvironment(home, this.events),
      NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: `${setting.server.url}/${this.#name}/`,
      NYMVISOR_UPSTREAM_POLLING_RATE: "1s",
      // A node that rewrites everything at its stop takes its time.
      DAEMON_SHUTDOWN_GRACE_PERIOD: "120s",
      ...settings,
    };
  }

  get pid(): number {
    if (this.#process === undefined) throw new Error("nymvisor was not started");
    return this.#process.pid;
  }

  /**
   * Takes the home in as if there had never been a nymvisor, and starts the old version.
   * @returns milliseconds from nymvisor's start to the node's first word.
   */
  async start(): Promise<number> {
    forgetUpgrades(this.#home);
    await this.command("init", "--daemon-home", this.#home.path, this.#setting.oldNode);
    const took = await this.#run(this.#env);
    this.#watch = new ArchiveWatch(this.pid, join(this.#home.path, "nymvisor/backups"));
    return took;
  }

  /** Starts nymvisor once more, with nothing to do. @returns as {@link Supervised.start}. */
  async startAgain(): Promise<number> {
    return this.#run({ ...this.#env, NYMVISOR_UPSTREAM_POLLING_RATE: "1h" });
  }

  async #run(env: Record<string, string>): Promise<number> {
    const count = this.events.of("started").length + 1;
    const before = Date.now();
    this.#process = Bun.spawn([this.#setting.nymvisor, "run", ...this.#words], {
      env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(this.log.path),
    });
    this.#end = this.#setting.undo.add(`nymvisor ${this.pid}`, () => this.#endAll());
    const started = await this.events.wait("started", { count, ...LONG });
    return started.at - before;
  }

  /** Runs nymvisor with another command on the same home. @throws Error with its stderr if it fails. */
  async command(...words: string[]): Promise<void> {
    await run([this.#setting.nymvisor, ...words], this.#env);
  }

  /** @param mibPerSecond of the line that the new binary comes over. */
  announce(mibPerSecond = this.#setting.options.lineMibPerSecond): void {
    const { server, newNode, checksum } = this.#setting;
    const path = `/binaries/${this.#name}`;
    server.serveFile(path, newNode, { bytesPerSecond: mibPerSecond * MIB });
    this.#announcedAt = Date.now();
    server.announce(`${this.#name}/nym-node`, {
      manual: false,
      name: this.#name,
      notes: "",
      publishDate: null,
      version: NEW,
      platforms: { any: { checksum, checksumAlgorithm: "sha256", url: `${server.url}${path}` } },
      upgradeTime: new Date().toISOString(),
      binaryDetails: null,
    });
  }

  /** Once the new version runs. */
  async upgraded(): Promise<Upgraded> {
    const again = await this.events.wait("started", { version: NEW, ...LONG });
    const ended = await this.events.wait("exiting", { version: OLD });
    return {
      downtime: again.at - ended.at,
      whole: (again.at - this.#announcedAt) / 1000,
      saving: this.log.find("copyDone")?.took ?? Number.NaN,
      copying: this.log.find("copied")?.took ?? Number.NaN,
      peakMemory: memoryOf(this.pid).peak,
      steps: Object.fromEntries(STEPS.map((step) => [step, (this.log.find(step)?.at ?? Number.NaN) - ended.at])),
    };
  }

  /** Once the archive is whole, and was read back. */
  async archived(): Promise<Archived> {
    const { took, line } = await this.log.wait("archived");
    // Its copy goes next.
    await Bun.sleep(500);
    const [own] = this.events.of("worked");
    return {
      took: took / 1000,
      archiver: this.#watch?.figures,
      peakMemory: memoryOf(this.pid).peak,
      writtenMib: (bytesWrittenBy(this.pid) - (own?.written ?? 0)) / MIB,
      path: /backed up into (\S+):/.exec(line)?.[1] ?? "",
    };
  }

  /** Once the old version runs again. @returns milliseconds from the new process's last word to the old one's first. */
  async putBack(): Promise<number> {
    const again = await this.events.wait("started", { version: OLD, count: 2, ...LONG });
    const ended = await this.events.wait("exiting", { version: NEW });
    return again.at - ended.at;
  }

  async end(): Promise<void> {
    this.#watch?.close();
    this.#process?.kill("SIGTERM");
    await this.#process?.exited;
    this.#end();
  }

  #endAll(): void {
    endProcess(this.pid, PATIENCE_MS);
    for (const { pid } of this.events.of("started")) {
      if (isAlive(pid) && isOurs(pid, this.#home.outer)) endProcess(pid, 0);
    }
  }
}

/** Whether it still is the process that wrote the event: its number may be another's by now. */
function isOurs(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).startsWith(folder);
  } catch {
    return false;
  }
}

/** One whole upgrade of a home. */
export async function superviseUpgrade(setting: Setting, home: BenchHome, work: NodeWork): Promise<Upgraded> {
  const supervised = new Supervised(setting, home, work);
  try {
    await supervised.start();
    supervised.announce();
    return await supervised.upgraded();
  } finally {
    await supervised.end();
  }
}

/** One whole upgrade of a home with its archive. */
export async function superviseArchived(
  setting: Setting,
  home: BenchHome,
  work: NodeWork,
  then: (supervised: Supervised, archived: Archived) => Promise<void> | void = () => {},
): Promise<Upgraded & { archived: Archived }> {
  const supervised = new Supervised(setting, home, work);
  try {
    await supervised.start();
    supervised.announce();
    const upgraded = await supervised.upgraded();
    const archived = await supervised.archived();
    await supervised.end();
    await then(supervised, archived);
    return { ...upgraded, archived };
  } finally {
    await supervised.end();
  }
}
