import { resolveConfiguration } from "../src/model/configuration.ts";
import { reasonOf } from "../src/model/errors.ts";
import { layoutOf } from "../src/model/paths.ts";
import type { Configuration } from "../src/model/settings.ts";
import type { Services } from "../src/run/services.ts";
import { type Disk, nodeDisk } from "../src/system/disk.ts";
import { Archives } from "./archives.ts";
import { Backups } from "./backups.ts";
import { Copies } from "./copies.ts";
import { Daemons } from "./daemons.ts";
import { Deeds } from "./deeds.ts";
import { ProcessDied } from "./disk.ts";
import { Faults } from "./faults.ts";
import { isWatched, kindOf } from "./files.ts";
import { Guard } from "./guard.ts";
import { Homes } from "./homes.ts";
import type { Violation } from "./invariants.ts";
import { Machine } from "./machine.ts";
import type { Mutation } from "./mutation.ts";
import { type Node, startNymvisor } from "./node.ts";
import { isLiving, type SimulatedProcess } from "./processes.ts";
import { Random } from "./random.ts";
import type { Script } from "./script.ts";
import { setUp } from "./set-up.ts";
import { unsettled } from "./settled.ts";
import { Upstream } from "./upstream.ts";

const SECOND = 1_000_000;
/** How long a calm world may take to put itself in order: longer than the longest pause between two attempts. */
const CALM_LIMIT = 16 * 3600 * SECOND;
/** How long a stop may take: the grace period, the extra second, and the longest timer's lateness. */
const STOP_LIMIT = 30 * SECOND;
const CALM_STEPS = 20_000;
const LOOK_EVERY = 25;

export interface Tally {
  steps: number;
  effects: number;
  powerLosses: number;
  kills: number;
  upgrades: number;
  /** Homes that were saved by a copy. */
  copies: number;
  recoveries: number;
  /** Homes that went back. */
  waysBack: number;
  errors: number;
}

export function noTally(): Tally {
  return {
    steps: 0,
    effects: 0,
    powerLosses: 0,
    kills: 0,
    upgrades: 0,
    copies: 0,
    recoveries: 0,
    waysBack: 0,
    errors: 0,
  };
}

export interface Outcome {
  violation: Violation | undefined;
  tally: Tally;
  digest: number;
  trace: readonly string[];
}

export interface WorldOptions {
  keepTrace?: boolean;
  mutation?: Mutation | undefined;
  /** After so many steps it is stopped, without a verdict about what was not reached. */
  mostSteps?: number;
}

/** A box with its nodes, what is done to it, and who watches. */
export class World {
  readonly machine: Machine;
  readonly nodes: readonly Node[];
  readonly homes: Homes;
  readonly guard: Guard;
  readonly faults: Faults;
  readonly upstream: Upstream;
  readonly backups: Backups;
  readonly random: Random;
  readonly tally: Tally = noTally();
  /** For mutations that have to remember something. */
  readonly memory = new Map<unknown, unknown>();
  calm = false;
  powered = true;
  /** The service manager starts what ends. */
  restarting = true;
  readonly services: Services;
  readonly #managed = new Map<number, SimulatedProcess>();
  readonly #watchers = new Set<{ owner: SimulatedProcess; changed: () => void; pending: boolean }>();
  readonly #daemons: Daemons;
  readonly #mutation: Mutation | undefined;

  constructor(
    readonly script: Script,
    { keepTrace = false, mutation }: WorldOptions,
  ) {
    this.random = new Random(script.seed);
    this.#mutation = mutation;
    this.machine = new Machine(this.random.fork("machine"), keepTrace);
    this.nodes = Array.from({ length: script.nodes }, (_, index) => nodeOf(index, script.settings));
    this.homes = new Homes(this.machine, this.random.fork("homes"));
    const { probation, backups } = script.settings;
    this.guard = new Guard(this.machine, this.nodes, this.homes, {
      probation: probation * SECOND,
      backups,
      overlooks: mutation?.overlooks ?? [],
    });
    this.faults = new Faults(this.machine);
    this.upstream = new Upstream(this.machine);
    this.backups = new Backups(this.machine, this.guard);
    this.backups.roomyForCopy = script.roomForCopies;
    const copies = new Copies(this.machine, this.homes);
    const archives = new Archives(this.machine);
    archives.isCalm = () => this.calm;
    this.#daemons = new Daemons(this.machine, {
      spawning: (caller, path) => this.#strike("before", caller, path),
      spawned: (caller) => this.#strike("after", caller, "spawn"),
      starts: (args, environment) => this.guard.reach.starts(args, environment),
      executes: (_, path, digest) => this.guard.executes(path, digest),
      started: (process, home, build, { version }, digest) =>
        this.guard.daemonStarted(process, home, build, { digest, version }),
      stops: (home) => this.homes.stops(home),
      isCalm: () => this.calm,
    });
    this.#daemons.alterRequest = mutation?.spawn ?? this.#daemons.alterRequest;
    if (mutation?.child !== undefined) this.#daemons.alter = mutation.child.bind(mutation, this);
    const services: Services = {
      askSources: this.upstream.askSources as Services["askSources"],
      // Nobody lists releases here: the announcements alone tell of them.
      askGithub: notThere,
      confirmGithub: notThere,
      download: this.upstream.download,
      checkBackupRoom: this.backups.checkRoom,
      backUp: this.backups.backUp,
      beginCopy: copies.begin,
      warmUp: async () => {},
      mappedShared: this.homes.mappedShared,
      archiveInBackground: archives.archiveInBackground,
      discardCopy: copies.discard,
      settleCopy: (copy, signal) => archives.settle(copy, signal),
      extractArchive: archives.extract,
      probe: (checks) => ({
        look: (signal) => (checks.length === 0 ? Promise.resolve({ well: true, reasons: [] }) : this.#look(signal)),
      }),
      watchPlan: (_, changed) => this.#watch(changed),
      releaseMemory: () => {},
    };
    this.services = mutation?.services?.(this, services) ?? services;
    this.machine.onMistake = (process, error) => this.#mistake(process, error);
    this.machine.hooks = {
      disk: (process) => ({
        onEffect: (effect, path, destination) => {
          this.tally.effects += 1;
          this.machine.trace.note(
            process.name,
            `${effect} ${path}${destination === undefined ? "" : ` ${destination}`}`,
          );
          this.#strike("before", process, path, destination);
          this.faults.refuse(effect, path, destination);
          this.guard.before(process, effect, path, destination);
          return effect === "write" && process.random.chance(0.03) ? process.random.int(1, 50) : undefined;
        },
        afterEffect: (effect, path, destination) => {
          this.guard.after(process, effect, path, destination);
          const name = destination ?? path;
          if (effect === "rename" && isWatched(name)) this.planTouched();
          this.#strike("after", process, path, destination);
        },
        onLook: (look, path) => {
          this.faults.refuseLook(look, path);
          if (look === "open") this.guard.looks(process, path);
        },
      }),
      wrap: (process, disk) => this.#wrap(process, disk),
      ended: (process) => this.#ended(process),
    };
  }

  #strike(moment: "before" | "after", process: SimulatedProcess, path: string, destination?: string): void {
    this.faults.at(moment, process, path, destination);
    this.machine.requireLiving(process);
  }

  /** Notes who has locked what, beneath whatever a mutation does. */
  #wrap(process: SimulatedProcess, disk: Disk): Disk {
    const names = Object.keys(nodeDisk) as (keyof Disk)[];
    const bound = Object.fromEntries(
      names.map((name) => [name, (disk[name] as (...values: unknown[]) => unknown).bind(disk)]),
    ) as unknown as Disk;
    const open = new Map<number, string>();
    const noting: Disk = {
      ...bound,
      openSync: (path, flags, mode) => {
        const descriptor = disk.openSync(path, flags, mode);
        open.set(descriptor, path);
        return descriptor;
      },
      tryExclusiveLock: (descriptor) => {
        const taken = disk.tryExclusiveLock(descriptor);
        if (taken && kindOf(open.get(descriptor) ?? "") === "upgrade-lock") {
          this.guard.lockTaken(process, Number(disk.fstatSync(descriptor).ino));
        }
        return taken;
      },
    };
    return { ...noting, ...this.#mutation?.disk?.(this, process, noting) };
  }

  /** How a daemon answers its nymvisor, which takes its time. */
  async #look(signal: AbortSignal): ReturnType<ReturnType<Services["probe"]>["look"]> {
    const { machine, guard } = this;
    const process = machine.requireRunning();
    const node = this.nodes.find(({ nymvisor }) => nymvisor === process);
    const daemon = guard.homes.get(node?.layout.home ?? "")?.daemon;
    const slow = process.random.chance(0.05);
    await machine.pause(process.random.int(500, slow ? 5 * SECOND : 300_000), "its health is looked at", signal);
    const well = daemon !== undefined && this.#daemons.isWell(daemon);
    if (node !== undefined && daemon !== undefined) guard.trials.looked(node.layout.home, daemon, well);
    return { well, reasons: well ? [] : ["it does not do its work"] };
  }

  #watch(changed: () => void): { close(): Promise<void> } {
    const watcher = { owner: this.machine.requireRunning(), changed, pending: false };
    this.#watchers.add(watcher);
    return {
      close: async () => {
        this.#watchers.delete(watcher);
      },
    };
  }

  /** The plan or `current` was changed, by whoever: watchers learn it soon, or when they next look by themselves. */
  planTouched(): void {
    for (const watcher of this.#watchers) {
      const { owner, changed } = watcher;
      if (!isLiving(owner)) {
        this.#watchers.delete(watcher);
        continue;
      }
      if (watcher.pending) continue;
      watcher.pending = true;
      const delay = owner.random.chance(0.8) ? owner.random.int(200, 20_000) : owner.random.int(1_000, SECOND);
      this.machine.schedule(owner, delay, "sees a change", () => {
        watcher.pending = false;
        if (this.#watchers.has(watcher)) changed();
      });
    }
  }

  #mistake(process: SimulatedProcess | undefined, error: unknown): void {
    if (error instanceof ProcessDied || (process !== undefined && !isLiving(process))) return;
    const stack = error instanceof Error ? error.stack : undefined;
    this.guard.report("no-mistakes", `${process?.name ?? "the world"}: ${stack ?? reasonOf(error)}`);
  }

  /** An error that no code waited for. */
  unhandled(error: unknown): void {
    this.#mistake(this.machine.running, error);
  }

  /** The service manager's part. @param managed false: a person starts it beside the service. */
  start(node: Node, managed = true): SimulatedProcess | undefined {
    const before = this.#managed.get(node.index);
    if (!this.powered || (managed && before !== undefined && isLiving(before))) return undefined;
    const process = startNymvisor(this.machine, node, {
      services: this.services,
      doubled: () => this.guard.report("one-daemon", `two nymvisors run ${node.layout.home}`),
      said: (speaker, of, event) => {
        const detail = "name" in event ? ` ${event.name}` : "";
        const reason = "reason" in event ? `: ${event.reason}` : "why" in event ? `: ${event.why}` : "";
        this.machine.trace.note(speaker.name, `says ${event.type}${detail}${reason}`);
        if (event.type === "upgrade.recovered") this.tally.recoveries += 1;
        if (event.type === "copy.done") this.tally.copies += 1;
        this.guard.said(speaker, of, event);
      },
    });
    if (managed) this.#managed.set(node.index, process);
    return process;
  }

  managed(node: Node): SimulatedProcess | undefined {
    const process = this.#managed.get(node.index);
    return process !== undefined && isLiving(process) ? process : undefined;
  }

  #ended(process: SimulatedProcess): void {
    this.guard.processEnded(process);
    const node = this.nodes.find(({ index }) => this.#managed.get(index) === process);
    if (node === undefined || !this.powered || !this.restarting) return;
    const delay = this.random.fork(`restart/${process.name}/${this.machine.now}`).int(100_000, 6 * SECOND);
    this.machine.schedule(null, delay, `the service manager starts node ${node.index}`, () => {
      if (this.restarting) this.start(node);
    });
  }

  losePower(): void {
    this.tally.powerLosses += 1;
    this.powered = false;
    const chance = this.random.fork(`power/${this.tally.powerLosses}`);
    this.#watchers.clear();
    this.machine.losePower(chance);
    this.guard.powerLost();
    this.machine.schedule(null, chance.int(SECOND, 20 * SECOND), "the power is back", () => {
      this.powered = true;
      for (const node of this.nodes) {
        this.machine.schedule(null, chance.int(0, 3 * SECOND), `boot starts node ${node.index}`, () =>
          this.start(node),
        );
      }
    });
  }

  kill(process: SimulatedProcess): void {
    this.tally.kills += 1;
    this.machine.end(process, null, "SIGKILL");
  }

  /** Runs it to its end. */
  async run(mostSteps: number): Promise<void> {
    setUp(this);
    const deeds = new Deeds(this);
    for (const action of this.script.actions) {
      this.machine.schedule(null, action.at * SECOND, action.kind, () => deeds.carryOut(action));
    }
    const end = this.script.length * SECOND;
    this.machine.schedule(null, end, "calm", () => deeds.calmDown());
    for (const node of this.nodes) this.machine.schedule(null, node.index * 1000, "begins", () => this.start(node));
    while (this.guard.violation === undefined && this.tally.steps < mostSteps) {
      const more = await this.machine.step();
      this.tally.steps += 1;
      if (this.guard.violation === undefined) this.guard.afterStep();
      if (!more || (this.calm && this.tally.steps % LOOK_EVERY === 0)) {
        const left = unsettled(this);
        if (left === undefined) break;
        const late = this.machine.now > end + CALM_LIMIT || deeds.stepsSinceCalm() > CALM_STEPS;
        if (!more || late) this.guard.report(left.invariant, left.what);
      }
    }
    if (this.guard.violation === undefined && this.tally.steps < mostSteps) await this.#stop();
    this.tally.upgrades = this.guard.upgradesPerformed;
    this.tally.waysBack = this.guard.waysBack.done;
    this.tally.errors = this.faults.errorsGiven;
  }

  /** The end of a world: every nymvisor is asked to stop, and leaves nothing running. */
  async #stop(): Promise<void> {
    this.restarting = false;
    const runs = () => this.nodes.flatMap((node) => this.managed(node) ?? []);
    for (const process of runs()) this.machine.signal(process, "SIGTERM");
    const limit = this.machine.now + STOP_LIMIT;
    while (runs().length > 0 && this.machine.now < limit && (await this.machine.step())) this.tally.steps += 1;
    for (const { layout } of this.nodes) {
      if (this.guard.livesOn(layout.home)) this.guard.report("stops", `a daemon still lives on ${layout.home}`);
    }
    for (const process of runs()) this.guard.report("stops", `${process.name} has not ended`);
  }

  outcome(): Outcome {
    const { digest, lines } = this.machine.trace;
    return { violation: this.guard.violation, tally: this.tally, digest, trace: lines };
  }

  install(): () => void {
    return this.machine.install(this.#daemons.spawn, this.#mutation?.blind);
  }
}

function nodeOf(index: number, settings: Script["settings"]): Node {
  const configuration = configurationOf(index, settings);
  return {
    index,
    configuration,
    layout: layoutOf("/simulated", configuration, "/simulated/data/nym-node"),
    nymvisor: undefined,
  };
}

function notThere(): Promise<never> {
  return Promise.reject(new Error("there is no such source on a simulated machine"));
}

function configurationOf(index: number, settings: Script["settings"]): Configuration {
  const { restarts, probation, deaths, backups, withoutData, automatic } = settings;
  const variables = {
    NYMVISOR_ID: `n${index}`,
    DAEMON_HOME: `/simulated/nodes/n${index}`,
    NYMVISOR_UPSTREAM_POLLING_RATE: "2m",
    NYMVISOR_UPSTREAM_SOURCE: "nym",
    DAEMON_RESTART_ON_FAILURE: `${restarts}`,
    DAEMON_MAX_STARTUP_FAILURES: `${deaths}`,
    DAEMON_UNSAFE_SKIP_BACKUP: `${!backups}`,
    DAEMON_FAILURE_RESTART_DELAY: "2s",
    DAEMON_SHUTDOWN_GRACE_PERIOD: "3s",
    // It is not executed: what a simulated daemon says of its health is told where it is asked.
    NYMVISOR_HEALTH_COMMAND: "is-well",
    NYMVISOR_HEALTH_URL: "off",
    NYMVISOR_HEALTH_PORT: "off",
    // Whether those that are due for removal are needed still is decided by the clock, which is set here.
    NYMVISOR_BACKUP_KEEP: "100",
    NYMVISOR_HEALTH_PROBATION: `${probation}s`,
    NYMVISOR_ROLLBACK_AUTOMATIC: `${automatic}`,
    NYMVISOR_ROLLBACK_WITHOUT_DATA: `${withoutData}`,
  };
  const sources = {
    file: null,
    environment: variables,
    flags: new Map(),
    workingDirectory: "/",
    daemonName: "nym-node",
  };
  return resolveConfiguration(sources).configuration;
}

/** Runs the world of a script. The same script and options always give the same outcome. */
export async function runWorld(script: Script, options: WorldOptions = {}): Promise<Outcome> {
  const world = new World(script, options);
  const takeAway = world.install();
  const unhandled = (error: unknown) => world.unhandled(error);
  process.on("unhandledRejection", unhandled);
  try {
    await world.run(options.mostSteps ?? Number.POSITIVE_INFINITY);
    return world.outcome();
  } finally {
    process.off("unhandledRejection", unhandled);
    takeAway();
  }
}
