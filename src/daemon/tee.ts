import { closeSync, fstatSync, ftruncateSync, readSync } from "node:fs";
import { NymvisorError } from "../model/errors.ts";
import { systemClock } from "../system/clock.ts";
import { openMemoryFile } from "../system/descriptors.ts";
import { findProgram } from "./find-program.ts";
import type { ChildEnvironment } from "./launch.ts";
import { MOST_KEPT_BYTES, type Relay, startRelay } from "./relay.ts";
import { joinTails, TAIL_BYTES, type Tail } from "./tail.ts";

/** What is printed between two looks has room in the file. */
const LOOK_MS = 100;

/** A tee that is held up by nobody ends within milliseconds of the daemon. */
const PATIENCE_MS = 250;

/**
 * An output that is a pipe cannot be read twice. The daemon is given another pipe, to a tee(1) that writes to ours what
 * it reads, and to a file in memory as well. A program of its own, because nymvisor may be killed: then the daemon's
 * output must go on, as it does when it is inherited. tee, because it is on every machine, needs a megabyte of memory,
 * and copies a hundred megabytes a second on a slow one. A file in memory, because it takes no room on the node's disk,
 * never waits for one, and is gone with the processes that have it open; it is emptied before it grows large.
 */
export class Tee {
  readonly #file = openMemoryFile("daemon output");
  readonly #relay: Relay;
  /** What was in the file when it was last emptied. */
  #before: Tail = { bytes: Buffer.alloc(0), cut: false };
  #incomplete = false;
  #closed = false;
  #cancelLook = () => {};

  /** @param output a descriptor of ours. @throws if there is no tee, or it cannot be started. */
  constructor(output: number, environment: ChildEnvironment) {
    try {
      const program = findProgram("tee", environment);
      this.#relay = startRelay(program, output, () => (this.#closed ? "ignore" : this.#file));
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
    // Beyond its limit tee does without the file, and says so in the end.
    this.#relay.ended.then(({ exitCode }) => {
      if (exitCode !== null && exitCode !== 0) this.#incomplete = true;
    });
    this.#look();
  }

  /** What the daemon writes to in place of our descriptor. */
  get input(): number {
    return this.#relay.write;
  }

  /** The daemon has its end of the pipe. The one here would keep the pipe open beyond it. */
  handedOver(): void {
    closeSync(this.#relay.write);
  }

  /** @throws {NymvisorError} if more was printed than could be kept. */
  tail(): Tail {
    if (this.#incomplete) throw new NymvisorError({ what: "it printed faster than its lines could be kept" });
    return joinTails(this.#before, this.#readFile());
  }

  /** Waits until all that was printed has arrived, but not for a reader that stands still. */
  async drained(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = systemClock.after(PATIENCE_MS, late.resolve);
    await Promise.race([this.#relay.ended, late.promise]);
    cancel();
  }

  close(): void {
    this.#cancelLook();
    this.#closed = true;
    closeSync(this.#file);
  }

  #look(): void {
    const { size } = fstatSync(this.#file);
    if (size >= MOST_KEPT_BYTES) this.#incomplete = true;
    if (size > TAIL_BYTES) {
      this.#before = this.#readFile();
      ftruncateSync(this.#file);
    }
    this.#cancelLook = systemClock.after(LOOK_MS, () => this.#look());
  }

  #readFile(): Tail {
    return readTail(this.#file, 0, fstatSync(this.#file).size);
  }
}

/** What an open file holds from `start` to `end`, no more than the last MiB of it. */
export function readTail(descriptor: number, start: number, end: number): Tail {
  const from = Math.max(start, end - TAIL_BYTES);
  const bytes = Buffer.alloc(Math.max(0, end - from));
  const length = readSync(descriptor, bytes, 0, bytes.length, from);
  return { bytes: bytes.subarray(0, length), cut: from > start };
}
