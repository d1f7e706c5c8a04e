import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";

/**
 * Where nymvisor and its nodes live: a small file system of their own that can be filled up, or a plain folder where only
 * an ordinary user looks on.
 */
export interface Box {
  path: string;
  canBeFilled: boolean;
  /** There is next to no room just now. */
  readonly isFull: boolean;
  /** Takes all room but for that many bytes. */
  fill(bytesLeft: number): void;
  /** Gives the room back. */
  empty(): void;
  /** Whether there was too little room at any time since that moment of `performance.now()`. */
  wasFullSince(moment: number): boolean;
  /** Makes its contents a plain folder of the same path, for a person to look at. */
  preserve(): void;
  /** Removes it with all that it holds. */
  remove(): void;
}

/**
 * Beside the 32 MiB that a backup leaves free for the node, room for some dozens of small upgrades, or for so few that
 * homes are archived while they are stopped, because there is none for a copy.
 */
const BOX_BYTES = { roomy: 96 << 20, narrow: 40 << 20 };

/** Whether this process may mount file systems; as an ordinary user, and in most containers, it may not. */
export function canMount(scratch: string): boolean {
  if (process.getuid?.() !== 0) return false;
  mkdirSync(scratch, { recursive: true });
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "nymvisor-chaos", scratch]).status !== 0) return false;
  return spawnSync("umount", [scratch]).status === 0;
}

export function makeBox(path: string, mounted: boolean, size: keyof typeof BOX_BYTES = "roomy"): Box {
  mkdirSync(path, { recursive: true });
  return mounted ? new MountedBox(path, BOX_BYTES[size]) : plainBox(path);
}

function plainBox(path: string): Box {
  return {
    path,
    canBeFilled: false,
    isFull: false,
    fill: () => {},
    empty: () => {},
    wasFullSince: () => false,
    preserve: () => {},
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

class MountedBox implements Box {
  readonly canBeFilled = true;
  private readonly filler: string;
  isFull = false;
  private lastFull = Number.NEGATIVE_INFINITY;
  private mounted = true;

  constructor(
    readonly path: string,
    bytes: number,
  ) {
    run("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=0755`, "nymvisor-chaos", path]);
    this.filler = join(path, "filler");
  }

  fill(bytesLeft: number): void {
    this.isFull = true;
    const { bavail, bsize } = statfsSync(this.path);
    const file = openSync(this.filler, "a");
    try {
      for (let left = bavail * bsize - bytesLeft; left > 0; ) {
        left -= writeSync(file, ZEROS, 0, Math.min(left, ZEROS.length));
      }
    } catch (error) {
      // Somebody else took the last of it meanwhile: full is what it was to become.
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(file);
    }
  }

  empty(): void {
    if (!this.isFull) return;
    rmSync(this.filler, { force: true });
    this.isFull = false;
    this.lastFull = performance.now();
  }

  wasFullSince(moment: number): boolean {
    return this.isFull || this.lastFull >= moment;
  }

  preserve(): void {
    if (!this.mounted) return;
    this.empty();
    const copy = `${this.path}.copy`;
    run("cp", ["-a", this.path, copy]);
    this.unmount();
    rmSync(this.path, { recursive: true, force: true });
    run("mv", [copy, this.path]);
  }

  remove(): void {
    this.unmount();
    rmSync(this.path, { recursive: true, force: true });
  }

  private unmount(): void {
    if (!this.mounted) return;
    // Lazily where something still has a file open: it goes as soon as that has ended.
    if (spawnSync("umount", [this.path]).status !== 0) run("umount", ["--lazy", this.path]);
    this.mounted = false;
  }
}

const ZEROS = new Uint8Array(1 << 20);

function run(program: string, words: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${words.join(" ")} failed: ${error?.message ?? stderr.trim()}`);
}
