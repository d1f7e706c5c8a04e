import { closeSync, fstatSync, ftruncateSync, readSync } from "node:fs";
import { systemClock } from "../system/clock.ts";
import { openMemoryFile, openPipe } from "../system/descriptors.ts";
import { type ChildEnvironment, type LaunchedProcess, launch } from "./launch.ts";
import { TAIL_BYTES, type Tail } from "./tail.ts";

/**
 * An output that is a pipe cannot be read twice. The daemon is given another pipe, to a tee(1) that writes to ours what
 * it reads, and to a file in memory as well. A program of its own, because nymvisor may be killed: then the daemon's
 * output must go on, as it does when it is inherited. tee, because it is on every machine, needs a megabyte of memory,
 * and copies some hundred megabytes a second. A file in memory, because it takes no room on the node's disk, never waits
 * for one, and is gone with the processes that have it open; it is emptied before it grows large.
 */
export class Tee {
  readonly #memory: number;
  /** The writing ends that the daemon is given, by which descriptor of ours they lead to. */
  readonly #inputs = new Map<number, number>();
  readonly #processes: LaunchedProcess[] = [];
  /** What was in the file when it was last emptied. */
  #before: Tail = { bytes: Buffer.alloc(0), cut: false };
  #overflown = false;
  #cancelLook = () => {};

  /** @param descriptors of ours, each with a reader of its own. @throws if there is no tee, or it cannot be started. */
  constructor(descriptors: readonly number[], environment: ChildEnvironment) {
    const path = environment.PATH ?? USUAL_PATH;
    const program = Bun.which("tee", { PATH: path });
    if (program === null) throw new Error("this machine has no tee");
    this.#memory = openMemoryFile("daemon output");
    try {
      for (const descriptor of descriptors) this.#start(program, descriptor);
    } catch (error) {
      this.handedOver();
      closeSync(this.#memory);
      throw error;
    }
    this.#look();
  }

  #start(program: string, descriptor: number): void {
    const { read, write } = openPipe();
    this.#inputs.set(descriptor, write);
    try {
      const tee = launch({
        command: ["/bin/sh", "-c", BECOME_TEE, program],
        environment: {},
        stdin: read,
        stdout: descriptor,
        stderr: this.#memory,
      });
      // It lives as long as anybody has its pipe, be it a process that the daemon leaves behind.
      tee.unref();
      this.#processes.push(tee);
    } finally {
      closeSync(read);
    }
  }

  /** What the daemon writes to in place of our descriptor. */
  inputFor(descriptor: number): number | undefined {
    return this.#inputs.get(descriptor);
  }

  /** The daemon has its ends of the pipes: tee sees the end of its input when the last process that has them is gone. */
  handedOver(): void {
    for (const write of this.#inputs.values()) closeSync(write);
    this.#inputs.clear();
  }

  /** @throws if it printed faster than could be kept. */
  tail(): Tail {
    const now = readTail(this.#memory, 0, fstatSync(this.#memory).size);
    if (this.#overflown) throw new Error("it printed faster than its lines could be kept");
    const bytes = Buffer.concat([this.#before.bytes, now.bytes]);
    return { bytes: bytes.subarray(-TAIL_BYTES), cut: this.#before.cut || now.cut || bytes.length > TAIL_BYTES };
  }

  /** Waits until all that was printed has arrived, but not for a reader that stands still. */
  async drained(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = systemClock.after(PATIENCE_MS, late.resolve);
    await Promise.race([Promise.all(this.#processes.map(({ exited }) => exited)), late.promise]);
    cancel();
  }

  close(): void {
    this.#cancelLook();
    closeSync(this.#memory);
  }

  #look(): void {
    const { size } = fstatSync(this.#memory);
    // Beyond its limit tee does without the file, and what is in it gets old.
    if (size >= FULL_BYTES) this.#overflown = true;
    if (size > TAIL_BYTES) {
      this.#before = readTail(this.#memory, 0, size);
      ftruncateSync(this.#memory);
    }
    this.#cancelLook = systemClock.after(LOOK_MS, () => this.#look());
  }
}

const USUAL_PATH = "/usr/local/bin:/usr/bin:/bin";

/** The file is emptied so often; what is printed in between has room up to its limit. */
const LOOK_MS = 100;

/** `ulimit -f` counts blocks of 512 bytes (POSIX): 32 MiB. A nymvisor that was killed empties nothing any more. */
const FULL_BLOCKS = 65_536;
const FULL_BYTES = FULL_BLOCKS * 512;

/** A tee that is held up by nobody ends within milliseconds of the daemon. */
const PATIENCE_MS = 250;

/**
 * Whoever stops nymvisor may signal everything that it has started; tee ends when its input does, not before the daemon.
 * The file takes the place of its stderr, and what it might complain of has no place in the daemon's output. It is opened
 * anew, for appending, so that emptying it leaves no gap.
 */
const BECOME_TEE = `trap '' HUP INT QUIT TERM USR1 USR2 XFSZ
ulimit -f ${FULL_BLOCKS}
exec 3>&2 2>/dev/null
exec "$0" -a /proc/self/fd/3`;

/** What an open file holds from `start` to `end`, no more than the last MiB of it. */
export function readTail(descriptor: number, start: number, end: number): Tail {
  const from = Math.max(start, end - TAIL_BYTES);
  const bytes = Buffer.alloc(Math.max(0, end - from));
  const length = readSync(descriptor, bytes, 0, bytes.length, from);
  return { bytes: bytes.subarray(0, length), cut: from > start };
}
