import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Assailant } from "./assailant.ts";
import { Backups, readTree } from "./backups.ts";
import { type Box, makeBox } from "./box.ts";
import { nodePlaces, readHistory, type SharedPlaces, sharedPlaces } from "./disk.ts";
import { FlakyServer } from "./flaky-server.ts";
import * as invariants from "./invariants.ts";
import { Ledger } from "./ledger.ts";
import { MARKS } from "./marked-daemon.ts";
import { ChaosNode } from "./node.ts";
import { OnlookerProcess } from "./onlooker-process.ts";
import { processesWith, signalProcess } from "./processes.ts";
import type { Random } from "./random.ts";
import { lookAround } from "./standing.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Tally } from "./tally.ts";
import { Timeline } from "./timeline.ts";
import { Violation } from "./violation.ts";
import { Writers } from "./writers.ts";

/** Tells the processes of one world from all others. */
const WORLD_VARIABLE = "CHAOS_WORLD";

export interface WorldOptions {
  /** Made and removed by the world. */
  folder: string;
  nymvisor: string;
  random: Random;
  tally: Tally;
  /** Whether the box is a file system of its own. */
  mounted: boolean;
}

/** How long a world may take to come to rest once nothing is done to it any more. */
const REST_LIMIT_MS = 40_000;
/** How long it is waited for upgrades that are still to come, within a round. */
const OPEN_LIMIT_MS = 900;
const NUDGE_EVERY_MS = 200;
const LOOK_EVERY_MS = 8;

/** One to three nodes of a daemon that share their upgrade data, with all that may befall them. */
export class World {
  readonly timeline = new Timeline();
  private readonly ledger = new Ledger();
  private readonly shared: SharedPlaces;
  private readonly box: Box;
  private readonly id = crypto.randomUUID();
  private readonly failed = Promise.withResolvers<never>();
  private readonly around: Surroundings;
  private server: FlakyServer | undefined;
  private nodes: ChaosNode[] = [];
  private backups: Backups[] = [];
  private onlooker: OnlookerProcess | undefined;
  private writers: Writers | undefined;
  private assailant: Assailant | undefined;
  private upgradesCounted = 0;

  constructor(private readonly options: WorldOptions) {
    const { folder, nymvisor, random, tally, mounted } = options;
    mkdirSync(folder, { recursive: true });
    this.box = makeBox(join(folder, "box"), mounted);
    this.shared = sharedPlaces(this.box.path);
    this.failed.promise.catch(() => {});
    this.around = {
      nymvisor,
      env: {
        HOME: this.box.path,
        PATH: process.env.PATH ?? "/usr/bin:/bin",
        LANG: "C.UTF-8",
        [WORLD_VARIABLE]: this.id,
        [MARKS.silence]: join(folder, "silence"),
        NYMVISOR_UPSTREAM_POLLING_RATE: random.pick(["80ms", "200ms", "1s"]),
        DAEMON_SHUTDOWN_GRACE_PERIOD: "50ms",
        DAEMON_FAILURE_RESTART_DELAY: "10ms",
        DAEMON_MAX_STARTUP_FAILURES: "1000000",
      },
      box: this.box,
      timeline: this.timeline,
      tally,
      restartOnFailure: random.chance(0.6),
      fail: (violation) => this.failed.reject(violation),
    };
    this.around.env.DAEMON_RESTART_ON_FAILURE = `${this.around.restartOnFailure}`;
  }

  /** Takes the nodes in, and begins to look on. */
  async begin(): Promise<void> {
    const { folder, random, tally } = this.options;
    this.server = await FlakyServer.start(random.branch("server"));
    this.around.env.NYMVISOR_UPSTREAM_BASE_UPGRADE_URL = this.server.baseUrl;
    await this.command(["mkfifo", join(folder, "silence")]);
    const count = Number(random.weighted({ 1: 60, 2: 25, 3: 15 }));
    tally.worlds += 1;
    if (count > 1) tally.worldsWithSeveralNodes += 1;
    for (let number = 1; number <= count; number += 1) this.nodes.push(this.makeNode(`node-${number}`, random));
    this.writers = new Writers(
      this.around,
      this.shared,
      this.nodes,
      this.server,
      this.ledger,
      join(folder, "binaries"),
    );
    const genesis = this.writers.writeGenesis();
    for (const { id, env, places } of this.nodes) {
      await this.command([this.around.nymvisor, "init", "--id", id, "--daemon-home", places.home, genesis], env);
    }
    this.assailant = new Assailant(this.around, this.nodes);
    const places = this.nodes.map((node) => node.places);
    this.onlooker = new OnlookerProcess(
      { shared: this.shared, nodes: places },
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
    await this.orFailure(this.onlooker.started);
  }

  /** Everything at once, then rest, then the reading of what is there. @throws {Violation} */
  async round(number: number): Promise<void> {
    const random = this.options.random.branch(`round ${number}`);
    this.timeline.beginRound(number);
    this.requireServer().kind = false;
    const off = this.nodes.length > 1 && random.chance(0.3) ? random.pick(this.nodes) : undefined;
    for (const node of this.nodes) if (node !== off) node.start();
    await this.orFailure(this.turmoil(random));
    this.requireServer().kind = random.chance(0.7);
    this.box.empty();
    await this.orFailure(this.rest(OPEN_LIMIT_MS));
    this.check();
    if (random.chance(0.5)) await this.orFailure(this.stopAll());
    this.options.tally.rounds += 1;
  }

  /** All that is open is done; a clean start and stop; nothing is left. @throws {Violation} */
  async end(): Promise<void> {
    this.timeline.note("chaos", "the end of this world");
    this.requireServer().kind = true;
    for (const node of this.nodes) node.start();
    await this.orFailure(this.rest(REST_LIMIT_MS));
    invariants.checkReasons(this.shared, this.nodes);
    await this.orFailure(this.stopAll());
    for (const node of this.nodes) node.start();
    await this.orFailure(this.rest(REST_LIMIT_MS));
    await this.orFailure(this.stopAll());
    this.check();
    invariants.checkNothingLeft(this.box.path);
    const left = processesWith(WORLD_VARIABLE, this.id);
    if (left.length > 0) throw new Violation("tidy", `processes are left: ${left.map(({ pid }) => pid).join(", ")}`);
    const { tally } = this.options;
    const seen = await this.orFailure(this.requireOnlooker().tally());
    tally.looks += seen.looks;
    tally.executions += seen.executions;
    tally.serverMishaps += this.requireServer().mishaps;
    for (const backups of this.backups) {
      tally.backups += backups.count;
      tally.moves += backups.moves;
    }
  }

  /** Ends whatever still runs, and removes everything, or leaves it for a person to look at. */
  async close({ keep }: { keep: boolean }): Promise<void> {
    await this.onlooker?.close();
    this.server?.close();
    for (;;) {
      const left = processesWith(WORLD_VARIABLE, this.id);
      if (left.length === 0) break;
      for (const process of left) signalProcess(process, "SIGKILL");
      await Bun.sleep(LOOK_EVERY_MS);
    }
    if (keep) {
      this.box.preserve();
      writeFileSync(join(this.options.folder, "timeline.txt"), `${this.timeline}\n`);
    } else {
      this.box.remove();
      rmSync(this.options.folder, { recursive: true, force: true });
    }
  }

  /** For an end that leaves no time to wait. */
  abandon(): void {
    for (const process of processesWith(WORLD_VARIABLE, this.id)) signalProcess(process, "SIGKILL");
    this.box.remove();
    rmSync(this.options.folder, { recursive: true, force: true });
  }

  private makeNode(id: string, random: Random): ChaosNode {
    const { folder } = this.options;
    const places = nodePlaces(this.box.path, id);
    furnish(places.home, random.branch(id));
    this.backups.push(new Backups(places, readTree(places.home), join(folder, id)));
    const events = join(folder, `${id}.events`);
    const variables = { NYMVISOR_ID: id, [MARKS.events]: events, [MARKS.life]: join(folder, `${id}.life`) };
    return new ChaosNode(id, places, variables, events, this.around, random.branch(`${id} restarts`));
  }

  private async turmoil(random: Random): Promise<void> {
    const writers = this.requireWriters();
    const work: Promise<void>[] = [];
    const add = async (when: number, each: Random) => {
      await Bun.sleep(when);
      await writers.add(each);
    };
    const announce = async (when: number) => {
      await Bun.sleep(when);
      writers.announce(random.branch("release"));
    };
    if (random.chance(0.7)) work.push(announce(random.between(0, 200)));
    const added = Number(random.weighted({ 0: 45, 1: 40, 2: 10, 4: 5 }));
    for (let each = 0; each < added; each += 1) {
      work.push(add(random.between(0, 250), random.branch(`by hand ${each}`)));
    }
    const attacks = Number(random.weighted({ 1: 50, 2: 35, 3: 15 }));
    for (let each = 0; each < attacks; each += 1) {
      work.push(this.assailant?.attack(random.branch(`attack ${each}`)) ?? Promise.resolve());
    }
    await Promise.all(work);
  }

  /** @param openLimit how many milliseconds are waited for upgrades that nothing stands against; then they stay open */
  private async rest(openLimit: number): Promise<void> {
    const began = performance.now();
    for (let nudged = began; ; ) {
      const { restless, open } = lookAround(this.shared, this.nodes, this.ledger);
      const waited = performance.now() - began;
      if (restless === null && (open === null || (waited >= openLimit && openLimit < REST_LIMIT_MS))) return;
      if (waited >= REST_LIMIT_MS) {
        throw new Violation("recovery", `after ${Math.round(waited)} ms: ${restless ?? open}`);
      }
      if (performance.now() - nudged >= NUDGE_EVERY_MS) {
        // As an operator would who does not want to wait for the next try.
        for (const { run } of this.nodes) if (run?.listens) run.signal("SIGHUP");
        nudged = performance.now();
      }
      await Bun.sleep(LOOK_EVERY_MS);
    }
  }

  private check(): void {
    for (const node of this.nodes) node.measure();
    invariants.checkMarks(this.nodes);
    invariants.checkNothingSetAside(this.box.path);
    invariants.checkLedger(this.shared, this.nodes, this.ledger);
    invariants.checkBackups(this.shared, this.backups, this.ledger);
    const upgrades = readHistory(this.shared).length;
    this.options.tally.upgrades += upgrades - this.upgradesCounted;
    this.upgradesCounted = upgrades;
  }

  private async stopAll(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  /** What is awaited, unless the world fails before. */
  private orFailure<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.failed.promise]);
  }

  private async command(words: string[], env: Record<string, string> = this.around.env): Promise<void> {
    const child = Bun.spawn(words, { env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const [said] = await Promise.all([child.stderr.text(), child.exited]);
    if (child.exitCode !== 0) throw new Error(`${words.join(" ")} ended with ${child.exitCode}: ${said}`);
  }

  private requireServer(): FlakyServer {
    if (this.server === undefined) throw new Error("the world has not begun");
    return this.server;
  }

  private requireWriters(): Writers {
    if (this.writers === undefined) throw new Error("the world has not begun");
    return this.writers;
  }

  private requireOnlooker(): OnlookerProcess {
    if (this.onlooker === undefined) throw new Error("the world has not begun");
    return this.onlooker;
  }
}

/** What a node's home holds beside the daemon's marks: keys, a store that takes a while to save, a link. */
function furnish(home: string, random: Random): void {
  mkdirSync(join(home, "data/keys"), { recursive: true });
  mkdirSync(join(home, "data/empty"));
  writeFileSync(join(home, "data/keys/identity.pem"), `${random.hex(64)}\n`, { mode: 0o600 });
  writeFileSync(join(home, "data/store.db"), random.hex(random.pick([2_000, 50_000, 200_000])));
  symlinkSync("store.db", join(home, "data/latest"));
}
