import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ARCHIVE_CHILD } from "../src/system/own-program.ts";
import { childrenWith, cpuSecondsOf, memoryOf } from "./process-figures.ts";

const LOOK_EVERY_MS = 40;

export interface ArchiverFigures {
  /** Milliseconds since 1970 when it was first seen, when its archive last grew, and when it was last seen. */
  began: number;
  written: number;
  ended: number;
  /** Mebibytes. */
  peakMemory: number;
  /** Seconds of processor time. */
  cpu: number;
}

/** Looks on while a nymvisor's process archives. */
export class ArchiveWatch {
  /** Of the last one. */
  figures: ArchiverFigures | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  #bytes = 0;

  /** @param backups the folder of the backups. */
  constructor(nymvisor: number, backups: string) {
    this.#timer = setInterval(() => this.#look(nymvisor, backups), LOOK_EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(nymvisor: number, backups: string): void {
    try {
      const [pid] = childrenWith(ARCHIVE_CHILD, nymvisor);
      if (pid === undefined) return;
      const now = Date.now();
      const [cpu, { peak }] = [cpuSecondsOf(pid), memoryOf(pid)];
      // Nothing can be told of a process that has ended and was not waited for.
      if (Number.isNaN(peak)) return;
      this.figures ??= { began: now, written: now, ended: now, peakMemory: 0, cpu: 0 };
      const bytes = sizeOfAll(backups);
      if (bytes > this.#bytes) this.figures.written = now;
      this.#bytes = bytes;
      Object.assign(this.figures, { ended: now, peakMemory: peak, cpu });
    } catch {
      // It, or a thread of nymvisor, has ended between two looks.
    }
  }
}

function sizeOfAll(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}
