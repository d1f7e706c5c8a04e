import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Assailant } from "./assailant.ts";
import { Backups, readTree } from "./backups.ts";
import { type Box, makeBox } from "./box.ts";
import { nodePlaces, readHistory, readOutcomes, type SharedPlaces, sharedPlaces } from "./disk.ts";
import { FlakyServer } from "./flaky-server.ts";
import { furnish } from "./furnish.ts";
import * as invariants from "./invariants.ts";
import { Ledger } from "./ledger.ts";
import { HEALTH_COMMAND, MARKS } from "./marked-daemon.ts";
import { ChaosNode } from "./node.ts";
import { OnlookerProcess } from "./onlooker-process.ts";
import { processesWith, signalProcess } from "./processes.ts";
import type { Random } from "./random.ts";
import { comeToRest, type Scene } from "./standing.ts";
import type { Surroundings } from "./surroundings.ts";
import { checkSwitches } from "./switches.ts";
import type { Tally } from "./tally.ts";
import { Timeline } from "./timeline.ts";
import { turmoil } from "./turmoil.ts";
import { Violation } from "./violation.ts";
import { Writers } from "./writers.ts";

/** Tells the processes of one world from all others. */
const WORLD_VARIABLE = "CHAOS_WORLD";

/** How many milliseconds upgrades are waited for that are still to come when the turmoil of a round is over. */
const PATIENCE_MS = 900;

export interface WorldOptions {
  /** Made and removed by the world. */
  folder: string;
  nymvisor: string;
  random: Random;
  tally: Tally;
  /** Whether the box is a file system of its own. */
  mounted: boolean;
}

/** Who lives in a world. */
interface Inhabitants {
  nodes: readonly ChaosNode[];
  /** Of each node. */
  backups: readonly Backups[];
  writers: Writers;
  assailant: Assailant;
  onlooker: OnlookerProcess;
}

/** One to three nodes of a daemon that share their upgrade data, with all that may befall them. */
export class World {
  readonly timeline = new Timeline();
  private readonly ledger = new Ledger();
  private readonly shared: SharedPlaces;
  private readonly box: Box;
  private readonly id = crypto.randomUUID();
  private readonly failed = Promise.withResolvers<never>();
  private readonly over = new AbortController();
  /** What goes on in it, also after it has failed. */
  private activity: Promise<unknown> = Promise.resolve();
  private readonly around: Surroundings;
  private upgradesCounted = 0;

  private constructor(
    private readonly options: WorldOptions,
    private readonly server: FlakyServer,
  ) {
    const { folder, nymvisor, random, tally, mounted } = options;
    mkdirSync(folder, { recursive: true });
    this.box = makeBox(join(folder, "box"), mounted, random.weighted({ roomy: 80, narrow: 20 }));
    this.shared = sharedPlaces(this.box.path);
    this.failed.promise.catch(() => {});
    const restartOnFailure = random.chance(0.6);
    const asksForHealth = random.chance(0.5);
    this.around = {
      nymvisor,
      env: {
        HOME: this.box.path,
        PATH: process.env.PATH ?? "/usr/bin:/bin",
        LANG: "C.UTF-8",
        [WORLD_VARIABLE]: this.id,
        [MARKS.silence]: join(folder, "silence"),
        NYMVISOR_UPSTREAM_SOURCE: "nym",
        // Each of them is looked at, long after it was made.
        NYMVISOR_BACKUP_KEEP: "10000",
        NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: server.baseUrl,
        NYMVISOR_UPSTREAM_POLLING_RATE: random.pick(["80ms", "200ms", "1s"]),
        DAEMON_SHUTDOWN_GRACE_PERIOD: "50ms",
        DAEMON_RESTART_ON_FAILURE: `${restartOnFailure}`,
        DAEMON_FAILURE_RESTART_DELAY: "10ms",
        DAEMON_MAX_STARTUP_FAILURES: random.pick(["2", "3"]),
        // Whatever ran for longer may die without being given up.
        DAEMON_STARTUP_PERIOD_DURATION: "10ms",
        NYMVISOR_HEALTH_PROBATION: random.pick(["60ms", "150ms", "400ms"]),
        NYMVISOR_HEALTH_INTERVAL: "40ms",
        ...(asksForHealth ? { NYMVISOR_HEALTH_COMMAND: HEALTH_COMMAND } : {}),
      },
      box: this.box,
      timeline: this.timeline,
      tally,
      restartOnFailure,
      asksForHealth,
      fateOf: (version) => this.ledger.fateOf(version),
      fail: (violation) => this.failed.reject(violation),
      over: this.over.signal,
    };
  }

  /** An empty world; `close` or `abandon` it in any case. */
  static async make(options: WorldOptions): Promise<World> {
    return new World(options, await FlakyServer.start(options.random.branch("server")));
  }

  /** Takes the nodes in, lives through that many rounds, and ends as a node should. @throws {Violation} */
  async live(rounds: number, beginsRound: (number: number) => boolean): Promise<void> {
    const inhabitants = await this.settle();
    try {
      for (let number = 1; number <= rounds; number += 1) {
        if (!beginsRound(number)) return;
        await this.orFailure(this.round(number, inhabitants));
      }
      await this.orFailure(this.end(inhabitants));
    } finally {
      await inhabitants.onlooker.close();
    }
  }

  /** Ends whatever still runs, and removes everything, or leaves it for a person to look at. */
  async close({ keep }: { keep: boolean }): Promise<void> {
    this.over.abort();
    this.server.close();
    this.killAll();
    await Promise.allSettled([this.activity]);
    while (this.killAll() > 0) await Bun.sleep(5);
    if (keep) {
      this.box.preserve();
      writeFileSync(join(this.options.folder, "timeline.txt"), `${this.timeline.whole}\n`);
    } else {
      this.remove();
    }
  }

  /** For an end that leaves no time to wait. */
  abandon(): void {
    this.over.abort();
    this.killAll();
    this.remove();
  }

  private async settle(): Promise<Inhabitants> {
    const { folder, random, tally } = this.options;
    await this.command(["mkfifo", join(folder, "silence")], this.around.env);
    const count = Number(random.weighted({ 1: 60, 2: 25, 3: 15 }));
    tally.worlds += 1;
    if (count > 1) tally.worldsWithSeveralNodes += 1;
    const nodes = Array.from({ length: count }, (_, index) => this.makeNode(`node-${index + 1}`));
    const binaries = join(folder, "binaries");
    const writers = new Writers(this.around, this.shared, nodes, this.server, this.ledger, binaries);
    const genesis = writers.writeGenesis();
    const backups: Backups[] = [];
    for (const { id, env, places } of nodes) {
      await this.command([this.around.nymvisor, "init", "--id", id, "--daemon-home", places.home, genesis], env);
      backups.push(new Backups(places, readTree(places.home, ["nymvisor"]), join(folder, id)));
    }
    const onlooker = this.startOnlooker(nodes);
    await this.orFailure(onlooker.started);
    return { nodes, backups, writers, assailant: new Assailant(this.around, nodes), onlooker };
  }

  private makeNode(id: string): ChaosNode {
    const { folder, random } = this.options;
    const places = nodePlaces(this.box.path, id);
    furnish(places.home, random.branch(id));
    const events = join(folder, `${id}.events`);
    const variables = { NYMVISOR_ID: id, [MARKS.events]: events, [MARKS.life]: join(folder, `${id}.life`) };
    return new ChaosNode(id, places, variables, events, this.around, random.branch(`${id} restarts`));
  }

  private startOnlooker(nodes: readonly ChaosNode[]): OnlookerProcess {
    return new OnlookerProcess(
      { shared: this.shared, nodes: nodes.map(({ places }) => places) },
      {
        currentSeen: (target, digest) => {
          if (this.ledger.versionOf(digest) !== undefined) return;
          this.around.fail(new Violation("whole-current", `${target} holds a binary that was never served or added`));
        },
        taken: (name) => {
          const entry = this.ledger.get(name);
          if (entry !== undefined) entry.taken = true;
        },
        violation: (violation) => this.around.fail(violation),
      },
      { PATH: process.env.PATH ?? "/usr/bin:/bin" },
    );
  }

  /** Everything at once, then rest, then the reading of what is there. */
  private async round(number: number, { nodes, backups, writers, assailant }: Inhabitants): Promise<void> {
    const random = this.options.random.branch(`round ${number}`);
    this.timeline.beginRound(number);
    this.server.kind = false;
    // One that is off for a round comes forward when it is started again.
    const off = nodes.length > 1 && random.chance(0.3) ? random.pick(nodes) : undefined;
    for (const node of nodes) if (node !== off) node.start();
    await turmoil(random, writers, assailant, this.over.signal);
    this.server.kind = random.chance(0.7);
    await comeToRest(this.scene(nodes, writers, random.chance(0.5)), PATIENCE_MS);
    await this.check(nodes, backups);
    if (random.chance(0.5)) await stopAll(nodes);
    this.options.tally.rounds += 1;
  }

  /** All that is open is done; then a clean start and stop, after which nothing is left. */
  private async end({ nodes, backups, writers, onlooker }: Inhabitants): Promise<void> {
    const { tally } = this.options;
    const scene = this.scene(nodes, writers, true);
    this.timeline.note("chaos", "the end of this world");
    this.server.kind = true;
    for (const node of nodes) node.start();
    await comeToRest(scene);
    await stopAll(nodes);
    for (const node of nodes) node.start();
    await comeToRest(scene);
    await stopAll(nodes);
    await this.check(nodes, backups);
    invariants.checkNothingLeft(this.box.path);
    for (const { name, kind, state, byHand } of readOutcomes(this.shared)) {
      const what = kind === "rollback" ? "by rollback" : `${state}${byHand ? " by hand" : ""}`;
      const { outcomes } = tally;
      outcomes[what] = (outcomes[what] ?? 0) + 1;
      const fate = this.ledger.fateOf(this.ledger.get(name)?.version ?? "");
      if (state === "passed" && fate !== "well")
        outcomes[`passed, though ${fate}`] = (outcomes[`passed, though ${fate}`] ?? 0) + 1;
    }
    const left = processesWith(WORLD_VARIABLE, this.id);
    if (left.length > 0) throw new Violation("tidy", `processes are left: ${left.map(({ pid }) => pid).join(", ")}`);
    const { looks, executions } = await onlooker.tally();
    tally.looks += looks;
    tally.executions += executions;
    addUp(tally.serverMishaps, this.server.mishaps);
    for (const { count, moves, keptCount } of backups) {
      tally.keptHomes += keptCount;
      tally.backups += count;
      tally.moves += moves;
    }
  }

  private async check(nodes: readonly ChaosNode[], backups: readonly Backups[]): Promise<void> {
    for (const node of nodes) node.measure();
    invariants.checkMarks(nodes, this.box);
    invariants.checkNothingSetAside(this.box.path);
    invariants.checkLedger(this.shared, nodes, this.ledger);
    await invariants.checkBackups(this.shared, backups, this.ledger);
    await checkSwitches(this.shared, nodes, this.ledger);
    const upgrades = readHistory(this.shared).length;
    this.options.tally.upgrades += upgrades - this.upgradesCounted;
    this.upgradesCounted = upgrades;
  }

  /** @param letsGoOn whether an operator ends holds and pins meanwhile */
  private scene(nodes: readonly ChaosNode[], writers: Writers, letsGoOn: boolean): Scene {
    const tend = async () => {
      try {
        await writers.mendBroken();
        if (letsGoOn) await writers.letGoOn();
      } catch (error) {
        // At the end of a world the command is killed with everything else in it.
        if (this.over.signal.aborted) return;
        if (!(error instanceof Violation)) throw error;
        this.around.fail(error);
      }
    };
    return { shared: this.shared, nodes, ledger: this.ledger, tend, over: this.over.signal };
  }

  /** What is awaited, unless the world fails before. */
  private orFailure<T>(work: Promise<T>): Promise<T> {
    this.activity = work;
    return Promise.race([work, this.failed.promise]);
  }

  /** @returns how many there were. */
  private killAll(): number {
    const left = processesWith(WORLD_VARIABLE, this.id);
    for (const process of left) signalProcess(process, "SIGKILL");
    return left.length;
  }

  private remove(): void {
    this.box.remove();
    rmSync(this.options.folder, { recursive: true, force: true });
  }

  private async command(words: readonly string[], env: Record<string, string>): Promise<void> {
    const child = Bun.spawn([...words], { env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const [said] = await Promise.all([child.stderr.text(), child.exited]);
    if (child.exitCode !== 0) throw new Error(`${words.join(" ")} ended with ${child.exitCode}: ${said}`);
  }
}

/** Adds counts to counts of the same names. */
function addUp<K extends string>(sum: Partial<Record<K, number>>, counts: Partial<Record<K, number>>): void {
  for (const [name, count] of Object.entries(counts) as [K, number][]) sum[name] = (sum[name] ?? 0) + count;
}

async function stopAll(nodes: readonly ChaosNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop()));
}
