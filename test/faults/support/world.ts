import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { tryLock } from "../../../src/system/lock.ts";
import { readFinishedCopy } from "../../../src/upgrade/copy/finished-copy.ts";
import { settleCopy } from "../../../src/upgrade/copy/settle-copy.ts";
import { Instance } from "../../e2e/support/instance.ts";
import { testExecutable } from "../../support/executable.ts";
import type { ReleaseServer } from "../../support/release-server.ts";
import { isAlive, waitFor } from "../../support/wait.ts";
import { FAULT_MARK, FAULT_VARIABLE, type Fault, RECORD_VARIABLE } from "../build/fault.ts";
import { faultExecutable } from "./fault-executable.ts";
import { TRACES, tinyDaemon, traceOf, writeTinyDaemon } from "./tiny-daemon.ts";

/** A home with a node in it, or several, small enough that hundreds of them are made, broken and looked at in a minute. */

/** Of the node that is tried, and of others that share its upgrade data. */
export type NodeName = "n1" | "n2" | "n3";

const WITHIN = 30_000;

export interface Ended {
  status: number | null;
  signal: string | null;
  stderr: string;
}

export interface StartOptions {
  node?: NodeName;
  fault?: Fault;
  variables?: Readonly<Record<string, string>>;
}

export class World {
  static #made = 0;
  /** Names it at the server. */
  readonly #name = `world-${++World.#made}`;
  readonly path: string;
  readonly #running = new Set<Running>();

  /** @param folder for worlds; there may be others in it */
  constructor(
    private readonly server: ReleaseServer,
    folder: string,
    template?: World,
  ) {
    this.path = join(folder, this.#name);
    if (template === undefined) mkdirSync(this.path);
    else cpSync(template.path, this.path, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    if (template !== undefined) this.takeOver(template);
    rmSync(this.at("record"), { force: true });
    rmSync(this.at("events"), { force: true });
    rmSync(this.at("events.pids.n1"), { force: true });
  }

  /** Documents that name a home, or what lies in it, name this one's. */
  private takeOver(template: World): void {
    const { data, instanceData } = this.instance();
    const copies = below(join(this.instance().daemonHome, "nymvisor/copies"));
    const documents = [
      join(data, "upgrade-outcomes.json"),
      join(instanceData, "probation.json"),
      ...copies.map((copy) => join(copy, "archive.json")),
    ];
    for (const path of documents.filter(existsSync)) {
      writeFileSync(path, readFileSync(path, "utf8").replaceAll(`${template.path}/`, `${this.path}/`));
    }
  }

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  instance(node: NodeName = "n1"): Instance {
    const home = { path: this.path, at: (...names: string[]) => this.at(...names), env: {}, [Symbol.dispose]() {} };
    return new Instance(home, { id: node, daemonHome: this.at(node) });
  }

  /** Takes a node in, with a key in its home. */
  async takeIn(node: NodeName): Promise<void> {
    this.prepare(node);
    await this.succeed(["init", "--id", node, this.binary("1.0.0")], { node });
  }

  prepare(node: NodeName): void {
    mkdirSync(this.at(node));
    Bun.write(this.at(node, "key.pem"), "the key of the node\n");
    this.binary("1.0.0");
  }

  /** A binary of a version, outside of what nymvisor keeps. */
  binary(version: string): string {
    const path = this.at("binaries", version, "nym-node");
    return existsSync(path) ? path : writeTinyDaemon(path, version);
  }

  /** Publishes a version that is due now. */
  announce(version: string, fields: object = {}): void {
    const content = Buffer.from(tinyDaemon(version));
    const path = `/binaries/${version}`;
    this.server.serveFile(path, content);
    const checksum = new Bun.CryptoHasher("sha256").update(content).digest("hex");
    this.server.announce(`${this.#name}/nym-node`, {
      manual: false,
      name: version,
      notes: "",
      publishDate: null,
      version,
      platforms: { any: { checksum, checksumAlgorithm: "sha256", url: `${this.server.url}${path}` } },
      upgradeTime: "2026-01-01T00:00:00Z",
      binaryDetails: null,
      ...fields,
    });
  }

  /** From now on nothing is announced; what was can be downloaded still. */
  silence(): void {
    this.server.remove(`/${this.#name}/nym-node/upgrade-info.json`);
  }

  /** Starts the release executable, or the fault build if there is a fault or a record to be made. */
  async start(words: readonly string[], options: StartOptions = {}, recorded = false): Promise<Running> {
    const faulty = recorded || options.fault !== undefined;
    const executable = faulty ? await faultExecutable() : await testExecutable();
    const running = new Running(executable, words, this.path, this.environment(options, faulty));
    this.#running.add(running);
    running.exited.then(() => this.#running.delete(running));
    return running;
  }

  async succeed(words: readonly string[], options: StartOptions = {}): Promise<void> {
    const { status, signal, stderr } = await (await this.start(words, options)).ended();
    if (status !== 0) throw new Error(`${words.join(" ")} ended with ${signal ?? status}:\n${stderr}`);
  }

  private environment({ node = "n1", fault, variables }: StartOptions, faulty: boolean): Record<string, string> {
    return {
      PATH: process.env.PATH ?? "/usr/bin:/bin",
      HOME: this.path,
      NYMVISOR_ID: node,
      DAEMON_HOME: this.at(node),
      NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: `${this.server.url}/${this.#name}/`,
      NYMVISOR_UPSTREAM_POLLING_RATE: "1h",
      SAMPLE_EVENTS: this.at("events"),
      ...(faulty ? { [RECORD_VARIABLE]: this.at("record") } : {}),
      ...(fault === undefined ? {} : { [FAULT_VARIABLE]: JSON.stringify(fault) }),
      ...variables,
    };
  }

  /** The effects of the fault build so far, in order. */
  effects(): string[] {
    return this.recordLines().filter((line) => !line.startsWith(FAULT_MARK));
  }

  /** How often the fault has happened. */
  faults(): number {
    return this.recordLines().filter((line) => line.startsWith(FAULT_MARK)).length;
  }

  private recordLines(): string[] {
    return existsSync(this.at("record")) ? readFileSync(this.at("record"), "utf8").split("\n").slice(0, -1) : [];
  }

  events(): { event: string; pid: number; version: string }[] {
    if (!existsSync(this.at("events"))) return [];
    const lines = readFileSync(this.at("events"), "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }

  /** The daemons that run. */
  daemons(): { pid: number; version: string }[] {
    return this.events().filter(({ event, pid }) => event === "started" && isAlive(pid));
  }

  /** Whether an upgrade is in the plan, or beyond it. */
  knows(name: string): boolean {
    if (name === "genesis") return false;
    const instance = this.instance();
    const isQueued = instance.plan().queuedUp.some((entry) => entry.name === name);
    return isQueued || instance.current() === `upgrades/${name}`;
  }

  /** Whether a build (`genesis`, or a version) is what the node runs, wholly written down. */
  runs(name: string, node: NodeName = "n1"): boolean {
    const instance = this.instance(node);
    if (existsSync(join(instance.instanceData, "journal.json"))) return false;
    if (name !== "genesis" && !instance.performed().includes(name)) return false;
    const record = instance.record();
    return record.name === name && this.daemons().some(({ version }) => version === record.version);
  }

  /** Waits until `running` has made it so. @throws Error with the log, if it is not in time, or ends before. */
  async waitUntilRuns(
    version: string,
    running: Running,
    node: NodeName = "n1",
    isOver = () => this.runs(version, node),
  ): Promise<void> {
    try {
      // A daemon that another nymvisor left may be of that version.
      await running.waitForLog(/ started \(pid /, WITHIN);
      await waitFor(`${version} to run`, () => isOver() || (running.hasEnded && "ended"), { within: WITHIN });
      if (!isOver()) throw new Error(`nymvisor has ended before ${version} ran`);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}; its log:\n${running.stderr}`, {
        cause: error,
      });
    }
  }

  /** What is wrong with what a reader finds at this moment, whatever was interrupted. */
  *tornThings(nodes: readonly NodeName[] = ["n1"]): Generator<string> {
    const { data } = this.instance();
    const binary = join(data, "current/bin/nym-node");
    if (!existsSync(binary)) yield "current leads to no binary";
    else if ((statSync(binary).mode & 0o111) === 0) yield "the binary of current is not executable";
    for (const path of this.documents(nodes)) {
      try {
        JSON.parse(readFileSync(path, "utf8"));
      } catch (error) {
        yield `${path.slice(this.path.length)} is torn or missing: ${error}`;
      }
    }
  }

  private documents(nodes: readonly NodeName[]): string[] {
    const { planPath, historyPath } = this.instance();
    const own = nodes.flatMap((node) => {
      const { instanceData, recordPath } = this.instance(node);
      const others = ["journal.json", "upgrade-status.json"].map((name) => join(instanceData, name));
      return [recordPath, ...others.filter(existsSync)];
    });
    return [planPath, ...[historyPath].filter(existsSync), ...own];
  }

  /** What is wrong once an upgrade is over and nymvisor was stopped. */
  async *leftovers(name: string, nodes: readonly NodeName[] = ["n1"]): AsyncGenerator<string> {
    const { data } = this.instance();
    const isUpgrade = name !== "genesis";
    const current = this.instance().current();
    if (current !== (isUpgrade ? `upgrades/${name}` : name)) yield `current is ${current}`;
    const times = this.instance()
      .performed()
      .filter((performed) => performed === name).length;
    if (times !== (isUpgrade ? 1 : 0)) yield `the history has ${name} ${times} times`;
    const plan = this.instance().plan();
    const waiting = plan.queuedUp.length;
    if (plan.current.name !== name || waiting > 0) yield `the plan is at ${plan.current.name}, and ${waiting} wait`;
    for (const { event, pid, version } of this.events()) {
      if (event === "two") yield `two daemons ran, the second is ${pid}`;
      if (event === "foreign") yield `${version} was started on what a newer one had made of the home`;
    }
    for (const { pid, version: its } of this.daemons()) yield `a daemon runs on: ${its}, ${pid}`;
    for (const node of nodes) {
      const instance = this.instance(node);
      if (instance.record().name !== name) yield `the record of ${node} says ${instance.record().name}`;
      if (isUpgrade) yield* this.backupFaults(name, node);
      for (const path of below(join(instance.daemonHome, "nymvisor/copies"))) {
        if (!existsSync(join(path, "archive.json"))) yield `${path} is left`;
      }
    }
    const paths = [data, ...nodes.flatMap((node) => [this.at(node), this.at(".nym/nymvisors/instances", node)])];
    for (const root of paths) {
      for (const path of readdirSync(root, { recursive: true, encoding: "utf8" })) {
        if (path.startsWith("current/")) continue;
        if (/\.tmp-|\.part(\.|$)|\.corrupt-|journal\.json$|daemon\.json$/.test(path)) yield `${path} is left`;
        // The file of a lock outlives a holder that was killed; the lock itself does not.
        if (path.endsWith(".lock") && isHeld(join(root, path))) yield `${path} is held`;
      }
    }
  }

  /** An archive of an earlier upgrade, of which nothing but its name matters. */
  addArchive(name: string, stamp: string, node: NodeName = "n1"): void {
    const folder = join(this.instance(node).backups, name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, `backup-${stamp}-preupgrade.tar.gz`), gzipSync(Buffer.alloc(1024)), { mode: 0o600 });
  }

  /** The archives that were made before an upgrade, or (`manual`) by a person. */
  archives(name: string, node: NodeName = "n1"): string[] {
    return below(join(this.instance(node).backups, name)).filter((path) => path.endsWith(".tar.gz"));
  }

  manualBackups(): string[] {
    return this.archives("manual");
  }

  /** What is wrong with an archive of the home as it was at first. */
  archiveFaults(path: string): Iterable<string> {
    return savedFaults(path, "1.1.0", () => gunzipSync(readFileSync(path)));
  }

  /** Holds what a nymvisor holds that runs this node. */
  pretendToRun(node: NodeName = "n1"): Disposable {
    const folder = this.instance(node).instanceData;
    mkdirSync(folder, { recursive: true });
    const { lock } = tryLock(join(folder, "run.lock"), "run");
    if (lock === null) throw new Error("a nymvisor runs already");
    return { [Symbol.dispose]: () => lock.release() };
  }

  /** Whether a copy of the home is left, or an archive is still to be made of one. */
  hasCopies(node: NodeName = "n1"): boolean {
    return below(join(this.instance(node).daemonHome, "nymvisor/copies")).length > 0;
  }

  /**
   * What is wrong with the backups that were made before an upgrade, at this moment, whatever was interrupted: each is
   * whole, and the home as it was before the new version ran on it; there is one if that has happened.
   */
  async *backupFaults(name: string, node: NodeName = "n1"): AsyncGenerator<string> {
    const { backups, daemonHome } = this.instance(node);
    let whole = 0;
    for (const path of below(join(backups, name)).filter((path) => path.endsWith(".tar.gz"))) {
      const faults = [...savedFaults(path, name, () => gunzipSync(readFileSync(path)))];
      if (faults.length === 0) whole += 1;
      yield* faults;
    }
    for (const path of below(join(daemonHome, "nymvisor/copies"))) {
      const copy = existsSync(join(path, "archive.json")) ? readFinishedCopy(path) : undefined;
      if (copy === undefined) continue;
      // The copy itself is left as it is for the next nymvisor.
      const scratch = this.at("settled");
      cpSync(path, scratch, { recursive: true, verbatimSymlinks: true });
      const { tree } = await settleCopy({ ...copy, path: scratch, tree: join(scratch, "home") });
      const faults = [
        ...savedFaults(path, name, () =>
          Buffer.concat(
            ["key.pem", TRACES]
              .map((file) => join(tree, file))
              .filter((path) => existsSync(path))
              .map((path) => readFileSync(path)),
          ),
        ),
      ];
      if (faults.length === 0) whole += 1;
      yield* faults;
      rmSync(scratch, { recursive: true });
    }
    const traces = join(daemonHome, TRACES);
    const isTouched = existsSync(traces) && readFileSync(traces, "utf8").includes(traceOf(name));
    if (isTouched && whole === 0) yield `${name} has run on the home of ${node}, and there is no backup of it`;
  }

  [Symbol.dispose](): void {
    this.silence();
    for (const running of this.#running) running.kill();
    for (const { pid } of this.daemons()) process.kill(pid, "SIGKILL");
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

function isHeld(path: string): boolean {
  const { lock } = tryLock(path, "the tests");
  lock?.release();
  return lock === null;
}

function below(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function* savedFaults(path: string, name: string, read: () => Buffer): Generator<string> {
  let saved: Buffer;
  try {
    saved = read();
  } catch (error) {
    yield `${path} is torn: ${error}`;
    return;
  }
  if (!saved.includes("the key of the node")) yield `${path} lacks the key`;
  if (saved.includes(traceOf(name))) yield `${path} holds what ${name} has made of the home`;
}

/** A nymvisor, and what it has logged so far. */
export class Running {
  readonly exited: Promise<void>;
  stderr = "";
  hasEnded = false;
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;

  constructor(executable: string, words: readonly string[], cwd: string, env: Record<string, string>) {
    this.#child = Bun.spawn([executable, ...words], { cwd, env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    this.exited = this.#child.exited.then(() => {
      this.hasEnded = true;
    });
    void this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) this.stderr += decoder.decode(chunk, { stream: true });
  }

  async waitForLog(pattern: RegExp, within: number): Promise<void> {
    await waitFor(`${pattern} in the log`, () => pattern.test(this.stderr) || this.hasEnded, { within });
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#child.kill(signal);
  }

  async ended(): Promise<Ended> {
    await waitFor("nymvisor to end", () => this.hasEnded, { within: WITHIN }).catch((error: unknown) => {
      throw new Error(`${error}; its log:\n${this.stderr}`);
    });
    const { exitCode: status, signalCode } = this.#child;
    return { status, signal: signalCode === null ? null : String(signalCode), stderr: this.stderr };
  }

  stop(): Promise<Ended> {
    this.kill("SIGTERM");
    return this.ended();
  }
}
