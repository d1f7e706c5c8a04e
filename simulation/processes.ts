import type { Disk } from "../src/system/disk.ts";
import type { ProcessTable } from "../src/system/process-table.ts";
import type { ProcessDisk } from "./disk.ts";
import type { Machine } from "./machine.ts";
import type { Appointment } from "./queue.ts";
import type { Random } from "./random.ts";

/** `subject`: runs the code that is tried: a nymvisor, an add-upgrade. */
export type Role = "subject" | "daemon" | "probe" | "bystander";

/** A process of the simulated machine. */
export interface SimulatedProcess {
  pid: number;
  /** Ticks since boot. */
  startTime: number;
  group: number;
  role: Role;
  /** For the trace. */
  name: string;
  parent: SimulatedProcess | null;
  environment: Uint8Array;
  /** Files that it has mapped writable and shared, `dev:ino` each. */
  mapped: string[];
  /** It cannot outlive its parent (PR_SET_PDEATHSIG). */
  diesWithParent: boolean;
  state: "running" | "stopped" | "zombie" | "gone";
  /** What its code calls, and the same without anything that a mutation has laid over it. */
  disk: Disk;
  ownDisk: ProcessDisk;
  random: Random;
  /** What it does with a signal that can be caught; absent: it ends of it. */
  onSignal?: (name: NodeJS.Signals) => void;
  /** Called once when it has ended, with what its parent would learn. */
  onEnd: ((exitCode: number | null, signal: string | null) => void)[];
  /** What it would have done while it was stopped. */
  late: Appointment[];
}

export function isLiving({ state }: SimulatedProcess): boolean {
  return state === "running" || state === "stopped";
}

/** The kernel's view of the simulated machine, as the process that runs sees it. */
export class SimulatedProcessTable implements ProcessTable {
  constructor(
    private readonly machine: Machine,
    private readonly blind: boolean,
  ) {}

  ownPid(): number {
    return this.machine.requireRunning().pid;
  }

  bootId(): string {
    return this.machine.bootId;
  }

  pids(): number[] {
    return this.blind ? [] : [...this.machine.processes.keys()];
  }

  stat(pid: number): { state: string; group: number; startTime: number } | undefined {
    const process = this.machine.processes.get(pid);
    if (process === undefined) return undefined;
    const states = { running: "S", stopped: "T", zombie: "Z", gone: "X" } as const;
    return { state: states[process.state], group: process.group, startTime: process.startTime };
  }

  environment(pid: number): Uint8Array | undefined {
    return this.machine.processes.get(pid)?.environment;
  }

  signal(pid: number, name: NodeJS.Signals): void {
    const caller = this.machine.requireRunning();
    if (!isLiving(caller)) return;
    const process = this.machine.processes.get(pid);
    if (process === undefined) throw Object.assign(new Error("kill ESRCH"), { code: "ESRCH" });
    this.machine.trace.note(caller.name, `sends ${name} to ${process.name}`);
    this.machine.signal(process, name);
  }
}
