import { constants } from "node:fs";
import { dirname } from "node:path";
import { Aftermath } from "./disk/aftermath.ts";
import type { ProcessOptions } from "./disk/descriptor-calls.ts";
import { FileInode } from "./disk/file.ts";
import { ProcessDisk } from "./disk/process-disk.ts";
import { Volume, type VolumeOptions } from "./disk/volume.ts";
import type { Random } from "./random.ts";

/**
 * A disk in memory that the real code runs on: it keeps apart what processes see and what a loss of power would leave.
 * Flow: `new SimulatedDisk` -> `forProcess` (a `Disk` each) -> `kill` one of them, or `crash` the machine -> `forProcess`.
 *
 * What is durable follows fsync(2) and rename(2), and nothing kinder that one file system happens to add:
 * - a file's contents, size, mode, owner and times: at its own fsync;
 * - a name in a folder (made, taken, moved): at an fsync of the folder; changes get there in their order, and each is
 *   there whole or not at all. A move from one folder to another is a change of both: the name may be found in both, and it
 *   is not lost.
 * Permissions keep nobody from anything, there are no hard links, and only absolute paths are known.
 */
export class SimulatedDisk {
  readonly #volume: Volume;
  readonly #processes = new Map<number, ProcessDisk>();

  constructor(options: VolumeOptions) {
    this.#volume = new Volume(options);
  }

  /**
   * Puts a file there, or a folder where there are no contents, with the folders above it, and makes all that is on the
   * disk durable: how a simulation begins.
   */
  plant(path: string, contents?: string | Uint8Array, mode = contents === undefined ? 0o755 : 0o644): void {
    const beginning = new ProcessDisk(this.#volume, { pid: 0, umask: 0 });
    if (!beginning.existsSync(dirname(path))) this.plant(dirname(path));
    if (contents === undefined) beginning.mkdirSync(path, { mode });
    else {
      const file = beginning.openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, mode);
      const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
      if (beginning.writeSync(file, bytes) < bytes.length) throw new Error(`${path} does not fit on the disk`);
      beginning.closeSync(file);
    }
    this.sync();
  }

  /** The view of a new process. @throws if one with that pid is alive. */
  forProcess(options: ProcessOptions): ProcessDisk {
    if (this.#processes.get(options.pid)?.dead === false) throw new Error(`process ${options.pid} is alive`);
    const process = new ProcessDisk(this.#volume, options);
    this.#processes.set(options.pid, process);
    return process;
  }

  /** SIGKILL: see {@link ProcessDisk.die}. One that is dead or was never there is no error. */
  kill(pid: number): void {
    this.#processes.get(pid)?.die();
    this.#processes.delete(pid);
  }

  /** The machine loses its power, and starts again: every process is dead, and what was not durable is left to chance. */
  crash(random: Random): void {
    for (const pid of [...this.#processes.keys()]) this.kill(pid);
    this.#volume.losePower(random);
  }

  /** sync(2): everything is durable. */
  sync(): void {
    this.#volume.sync();
  }

  /** What a loss of power would leave now. */
  get aftermath(): Aftermath {
    return new Aftermath(this.#volume);
  }

  /** See {@link Volume.store}. What is not there cannot be mapped. */
  store(path: string, bytes: Uint8Array): void {
    const inode = this.#volume.walk.lookUp(path, false);
    if (inode instanceof FileInode) this.#volume.store(inode, bytes);
  }

  /** Bytes that all files together may hold; may be changed at any time, also to less than they do. */
  get capacity(): number {
    return this.#volume.capacity;
  }

  set capacity(bytes: number) {
    this.#volume.capacity = bytes;
  }

  /** Bytes that all files together hold. */
  get used(): number {
    return this.#volume.used;
  }
}

export type { Effect, Look, ProcessHooks, ProcessOptions } from "./disk/descriptor-calls.ts";
export type { ProcessDisk } from "./disk/process-disk.ts";
export { type ErrorCode, ProcessDied, systemError } from "./disk/system-error.ts";
