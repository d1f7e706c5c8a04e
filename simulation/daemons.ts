import { constants } from "node:fs";
import { HOME_VARIABLE } from "../src/daemon/record.ts";
import type { Child, Ending, SpawnRequest } from "../src/daemon/spawn.ts";
import { systemError } from "./disk.ts";
import { endOf, type Health, isWellAt } from "./health.ts";
import type { Machine } from "./machine.ts";
import { isLiving, type SimulatedProcess } from "./processes.ts";
import { buildInfoOfProgram, decodeProgram, type Program, sha256 } from "./program.ts";

/** What the kernel and the daemons report to the rest of the world. */
export interface DaemonListener {
  /** Before a process is made; may throw the system's error, or end the caller. */
  spawning(caller: SimulatedProcess, path: string): void;
  /** With what a program is about to be executed. */
  starts(args: readonly string[], environment: Readonly<Record<string, string>>): void;
  /** A program is about to be executed. */
  executes(caller: SimulatedProcess, path: string, digest: string): void;
  /** It runs as a daemon of that home. */
  /** @returns whether it can work on that home. */
  started(process: SimulatedProcess, home: string, build: string, program: Program, digest: string): boolean;
  spawned(caller: SimulatedProcess): void;
  /** The last that it does, because it was asked to stop. */
  stops(home: string): void;
  /** Whether daemons behave from now on. */
  isCalm(): boolean;
}

const SECOND = 1_000_000;

const WELL: Health = { is: "well" };

/** Takes the place of the kernel's part in `spawnChild`, and is what the started programs do. */
export class Daemons {
  /** What a mutation makes of a child's handle, and of what is asked for. */
  alter: (child: Child) => Child = (child) => child;
  alterRequest: (request: SpawnRequest) => SpawnRequest = (request) => request;

  /** How often each program was started on each home. */
  readonly #starts = new Map<string, number>();
  readonly #lives = new Map<SimulatedProcess, { health: Health; since: number }>();

  constructor(
    private readonly machine: Machine,
    private readonly listener: DaemonListener,
  ) {}

  readonly spawn = async (request: SpawnRequest): Promise<Child> => {
    const { command, environment, output } = this.alterRequest(request);
    const { machine, listener } = this;
    const caller = machine.requireRunning();
    machine.requireLiving(caller);
    const [path, ...args] = command;
    listener.spawning(caller, path);
    listener.starts(args, environment);
    const { bytes, real } = this.#load(path);
    const digest = sha256(bytes);
    listener.executes(caller, path, digest);
    const program = decodeProgram(bytes);
    if (program === undefined) throw Object.assign(new Error(`ENOEXEC: ${path}`), { code: "ENOEXEC" });
    const asked = output === "pipe" && args.includes("build-info");
    const home = environment[HOME_VARIABLE];
    const child = machine.spawn({
      role: asked ? "probe" : "daemon",
      name: asked ? "build-info" : `daemon of ${home}`,
      parent: caller,
      environment,
    });
    const exited = Promise.withResolvers<Ending>();
    let print = () => {};
    let closed = false;
    const stdout = new ReadableStream<Uint8Array>({
      start(controller) {
        print = () => {
          if (closed) return;
          if (asked) controller.enqueue(new TextEncoder().encode(JSON.stringify(buildInfoOfProgram(program))));
          controller.close();
        };
      },
      cancel() {
        closed = true;
      },
    });
    child.onEnd.push((exitCode, signal) => {
      print();
      exited.resolve({ exitCode, signal });
    });
    if (asked) {
      machine.schedule(child, child.random.int(2_000, 40_000), "answers", () => machine.end(child, 0, null));
    } else {
      const build = /\/upgrades\/([^/]+)\/bin\/[^/]+$/.exec(real)?.[1] ?? "genesis";
      const works = listener.started(child, home ?? "", build, program, digest);
      const start = this.#countStart(`${home} ${digest}`);
      this.#lives.set(child, { health: program.health ?? WELL, since: machine.now });
      if (works) this.#live(child, environment, endOf(program.health ?? WELL, start));
      else machine.schedule(child, child.random.int(1_000, 200_000), "refuses", () => machine.end(child, 1, null));
    }
    listener.spawned(caller);
    const members = () => [...machine.processes.values()].filter((one) => one.group === child.pid && isLiving(one));
    return this.alter({
      pid: child.pid,
      stdout: output === "pipe" ? stdout : null,
      stderr: null,
      exited: exited.promise,
      signal: (name) => {
        if (isLiving(caller)) machine.signal(child, name);
      },
      killGroup: () => {
        if (!isLiving(caller)) return;
        for (const member of members()) machine.signal(member, "SIGKILL");
      },
      groupAlive: () => isLiving(caller) && members().length > 0,
    });
  };

  /** Whether it does its work now. */
  isWell(daemon: SimulatedProcess): boolean {
    const life = this.#lives.get(daemon);
    if (life === undefined || daemon.state !== "running") return false;
    return isWellAt(life.health, (this.machine.now - life.since) / SECOND);
  }

  #countStart(what: string): number {
    const start = (this.#starts.get(what) ?? 0) + 1;
    this.#starts.set(what, start);
    return start;
  }

  #load(path: string): { bytes: Uint8Array; real: string } {
    const { observer } = this.machine;
    const real = observer.realpathSync(path);
    observer.accessSync(real, constants.X_OK);
    if (observer.statSync(real).isDirectory()) throw systemError("EACCES", "posix_spawn", path);
    return { bytes: observer.readFileSync(real), real };
  }

  /** A daemon's life: how it stops, whether it dies, whom it leaves behind. */
  #live(
    daemon: SimulatedProcess,
    environment: Readonly<Record<string, string>>,
    end: { after: number; code: number } | undefined,
  ): void {
    const { machine, listener } = this;
    const { random } = daemon;
    const rough = (probability: number) => !listener.isCalm() && random.chance(probability);
    const deaf = rough(0.06);
    const slow = rough(0.2);
    let stopping = false;
    daemon.onSignal = (name) => {
      if (name !== "SIGINT" || deaf || stopping) return;
      stopping = true;
      const needs = slow ? random.int(0, 6 * SECOND) : random.int(1_000, 300_000);
      machine.schedule(daemon, needs, "has stopped", () => {
        listener.stops(environment[HOME_VARIABLE] ?? "");
        machine.end(daemon, 0, null);
      });
    };
    if (rough(0.15)) {
      const child = machine.spawn({ role: "daemon", name: "child of a daemon", group: daemon.pid, environment });
      child.onSignal = () => {};
      const lingers = rough(0.5);
      const look = () => {
        if (isLiving(daemon)) machine.schedule(child, SECOND, "looks for its parent", look);
        else if (!lingers) machine.end(child, 0, null);
      };
      machine.schedule(child, SECOND, "looks for its parent", look);
    }
    if (end !== undefined) {
      const { after, code } = end;
      machine.schedule(daemon, after * SECOND, "is sick", () => machine.end(daemon, code, null));
    }
    if (rough(0.1)) {
      const code = random.pick([1, 1, 0, 137]);
      machine.schedule(daemon, random.int(1_000, 120 * SECOND), "fails", () => machine.end(daemon, code, null));
    }
  }
}
