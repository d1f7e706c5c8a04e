import { type spawnChild, useSpawn } from "../src/daemon/spawn.ts";
import { nodeBulkDisk, useBulkDisk } from "../src/system/bulk-disk.ts";
import { type Clock, useClock } from "../src/system/clock.ts";
import { type Disk, nodeDisk, useDisk } from "../src/system/disk.ts";
import { useProcessTable } from "../src/system/process-table.ts";
import { simulateBulkDisk } from "./bulk.ts";
import { ProcessDied, type ProcessDisk, type ProcessHooks, SimulatedDisk } from "./disk.ts";
import { isLiving, type Role, type SimulatedProcess, SimulatedProcessTable } from "./processes.ts";
import { type Appointment, AppointmentQueue } from "./queue.ts";
import type { Random } from "./random.ts";
import { Trace } from "./trace.ts";

/** Where the wall clock stands when a world begins. */
const BEGINNING = 1_763_700_000_000_000n;

/** A service manager's, a shell's, a careful person's. */
const UMASKS = [0o000, 0o022, 0o077] as const;

/** What the world does to the machine's processes; see {@link ProcessHooks}. */
export interface MachineHooks {
  /** Hooks of a subject's disk. */
  disk(process: SimulatedProcess): ProcessHooks;
  /** What a subject's code calls instead of its disk: where mutations are laid over it. */
  wrap(process: SimulatedProcess, disk: Disk): Disk;
  ended(process: SimulatedProcess): void;
}

interface NewProcess {
  role: Role;
  name: string;
  parent?: SimulatedProcess;
  group?: number;
  environment?: Readonly<Record<string, string>>;
  diesWithParent?: boolean;
}

/**
 * One box: processes, a disk, two clocks and a queue of what is to happen. It runs one process at a time: whatever a
 * step resolves belongs to the step's owner, so {@link running} names, at every call of a seam, the process that calls.
 * Steps interleave where the real code awaits; between two awaits only death, power and the world's own hands come.
 */
export class Machine {
  readonly disk: SimulatedDisk;
  readonly processes = new Map<number, SimulatedProcess>();
  readonly trace: Trace;
  /** Microseconds of the monotonic clock. */
  now = 0;
  /** Nanoseconds by which the wall clock was set since the beginning. */
  wallShift = 0n;
  bootId = "boot-1";
  running: SimulatedProcess | undefined;
  hooks: MachineHooks | undefined;
  /** A fault of ours or of the code: an error that nobody caught. */
  onMistake: (process: SimulatedProcess | undefined, error: unknown) => void = () => {};
  readonly #queue = new AppointmentQueue();
  readonly #ties: Random;
  #boots = 1;
  #bootedAt = 0;
  #nextPid = 100;
  #observer: ProcessDisk;

  constructor(
    readonly random: Random,
    keepTrace: boolean,
  ) {
    this.#ties = random.fork("ties");
    this.trace = new Trace(keepTrace, () => this.now);
    this.disk = new SimulatedDisk({ random: random.fork("disk"), now: () => this.wall() });
    this.#observer = this.disk.forProcess({ pid: 1 });
  }

  wall(): bigint {
    return BEGINNING * 1000n + BigInt(this.now) * 1000n + this.wallShift;
  }

  /** A view of the disk for looking, which nothing interferes with. */
  get observer(): ProcessDisk {
    return this.#observer;
  }

  requireRunning(): SimulatedProcess {
    if (this.running === undefined) throw new Error("no simulated process runs");
    return this.running;
  }

  /**
   * Lays the machine under the real code. @returns what takes it away again.
   * @param blind the process table shows nobody: a mutation.
   */
  install(spawn: typeof spawnChild, blind = false): () => void {
    const table = new SimulatedProcessTable(this, blind);
    const clock: Clock = {
      wall: () => this.wall(),
      monotonic: () => BigInt(this.now) * 1000n,
      after: (milliseconds, callback) => this.#timer(milliseconds, callback),
    };
    const giveDiskBack = useDisk(() => this.requireRunning().disk);
    useBulkDisk(simulateBulkDisk(this));
    useClock(() => clock);
    useProcessTable(() => table);
    useSpawn(() => spawn);
    const random = Math.random;
    Math.random = () => this.requireRunning().random.float();
    return () => {
      giveDiskBack();
      useBulkDisk(nodeBulkDisk);
      useClock(undefined);
      useProcessTable(undefined);
      useSpawn(undefined);
      Math.random = random;
    };
  }

  /** A timer is never early and seldom exact. */
  #timer(milliseconds: number, callback: () => void): () => void {
    const owner = this.requireRunning();
    if (!isLiving(owner)) return () => {};
    const lateness = owner.random.chance(0.02) ? owner.random.int(0, 200_000) : owner.random.int(0, 1_000);
    const delay = Math.ceil(Math.max(0, milliseconds) * 1000);
    return this.schedule(owner, delay + (delay === 0 ? 0 : lateness), "timer", callback);
  }

  /** @param delay in microseconds. @returns what cancels it. */
  schedule(owner: SimulatedProcess | null, delay: number, what: string, act: () => void): () => void {
    const at = this.now + Math.max(0, Math.round(delay));
    const appointment: Appointment = { at, tie: this.#ties.uint32(), owner, what, act, cancelled: false };
    this.#queue.add(appointment);
    return () => {
      appointment.cancelled = true;
    };
  }

  /**
   * Does what is next, and whatever follows from it at once.
   * @returns false if nothing is left to do.
   */
  async step(): Promise<boolean> {
    for (;;) {
      const next = this.#queue.take();
      if (next === undefined) return false;
      const { owner } = next;
      if (owner !== null && !isLiving(owner)) continue;
      this.now = Math.max(this.now, next.at);
      if (owner?.state === "stopped") {
        owner.late.push(next);
        continue;
      }
      await this.#perform(next);
      return true;
    }
  }

  async #perform({ owner, what, act }: Appointment): Promise<void> {
    this.running = owner ?? undefined;
    this.trace.note(owner?.name ?? "world", what);
    try {
      act();
    } catch (error) {
      this.onMistake(owner ?? undefined, error);
    }
    // Promises settle before the event loop's next turn.
    if (owner !== null) await new Promise((resolve) => setImmediate(resolve));
    this.running = undefined;
  }

  spawn({ role, name, parent, group, environment = {}, diesWithParent = false }: NewProcess): SimulatedProcess {
    this.#nextPid += 1;
    const pid = this.#nextPid;
    const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}\0`);
    const process: SimulatedProcess = {
      pid,
      startTime: Math.floor((this.now - this.#bootedAt) / 10_000),
      group: group ?? pid,
      role,
      name: `${name}[${pid}]`,
      parent: parent ?? null,
      environment: Buffer.from(variables.join("")),
      mapped: [],
      diesWithParent,
      state: "running",
      disk: nodeDisk,
      ownDisk: this.#observer,
      random: this.random.fork(`${this.#boots}/${name}/${pid}`),
      onEnd: [],
      late: [],
    };
    if (role === "subject" || role === "bystander") {
      const hooks = role === "subject" ? (this.hooks?.disk(process) ?? {}) : {};
      process.ownDisk = this.disk.forProcess({ pid, umask: process.random.pick(UMASKS), ...hooks });
      process.disk =
        role === "subject" ? (this.hooks?.wrap(process, process.ownDisk) ?? process.ownDisk) : process.ownDisk;
    }
    this.processes.set(pid, process);
    return process;
  }

  /** Runs something as a process, at once: for what the world itself does by the code's own functions. */
  as<T>(process: SimulatedProcess, action: () => T): T {
    const before = this.running;
    this.running = process;
    try {
      return action();
    } finally {
      this.running = before;
    }
  }

  /** @param signal what ended it; null: it exited by itself. */
  end(process: SimulatedProcess, exitCode: number | null, signal: string | null): void {
    if (!isLiving(process)) return;
    this.trace.note(process.name, signal === null ? `exits with ${exitCode}` : `is ended by ${signal}`);
    const { parent } = process;
    const watched = parent !== null && isLiving(parent) && process.onEnd.length > 0;
    process.state = watched ? "zombie" : "gone";
    if (process.ownDisk !== this.#observer) this.disk.kill(process.pid);
    if (!watched) this.processes.delete(process.pid);
    else {
      this.schedule(parent, parent.random.int(50, 3_000), `reaps ${process.name}`, () => {
        process.state = "gone";
        this.processes.delete(process.pid);
        for (const tell of process.onEnd) tell(exitCode, signal);
      });
    }
    for (const child of this.processes.values()) {
      if (child.parent !== process) continue;
      child.parent = null;
      if (child.state === "zombie") {
        child.state = "gone";
        this.processes.delete(child.pid);
      } else if (child.diesWithParent) {
        this.end(child, null, "SIGKILL");
      }
    }
    this.hooks?.ended(process);
  }

  signal(process: SimulatedProcess, name: NodeJS.Signals): void {
    if (!isLiving(process)) return;
    if (name === "SIGKILL") this.end(process, null, name);
    else if (name === "SIGSTOP") process.state = "stopped";
    else if (name === "SIGCONT") this.#resume(process);
    else {
      this.schedule(process, process.random.int(10, 500), `gets ${name}`, () => {
        if (process.onSignal === undefined) this.end(process, null, name);
        else process.onSignal(name);
      });
    }
  }

  #resume(process: SimulatedProcess): void {
    if (process.state !== "stopped") return;
    process.state = "running";
    for (const appointment of process.late.splice(0)) {
      this.schedule(process, process.random.int(0, 500), `${appointment.what}, late`, () => {
        if (!appointment.cancelled) appointment.act();
      });
    }
  }

  /** The power is gone and comes back: nothing lives, and the disk has what was durable, and chance. */
  losePower(random: Random): void {
    this.trace.note("world", "loses power");
    this.disk.crash(random);
    for (const process of this.processes.values()) process.state = "gone";
    const ended = [...this.processes.values()];
    this.processes.clear();
    this.#boots += 1;
    this.#bootedAt = this.now;
    this.bootId = `boot-${this.#boots}`;
    // Early in a boot the same programs get the same numbers again.
    this.#nextPid = 100;
    this.#observer = this.disk.forProcess({ pid: 1 });
    for (const process of ended) this.hooks?.ended(process);
  }

  /** What every call of a seam by a dead process ends with. */
  requireLiving(process: SimulatedProcess): void {
    if (!isLiving(process)) throw new ProcessDied(process.pid);
  }

  /** For simulated errands: settles after so many microseconds, or rejects with the signal's reason. */
  pause(microseconds: number, what: string, signal?: AbortSignal): Promise<void> {
    const owner = this.requireRunning();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal?.aborted) {
      reject(signal.reason);
      return promise;
    }
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.schedule(owner, microseconds, what, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    return promise;
  }
}
