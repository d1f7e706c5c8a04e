import type { Effect, ErrorCode } from "./disk.ts";
import { systemError } from "./disk.ts";
import { type FileKind, kindOf } from "./files.ts";
import type { Machine } from "./machine.ts";
import type { SimulatedProcess } from "./processes.ts";
import type { Random } from "./random.ts";
import type { Aim } from "./script.ts";

interface Armed {
  aim: Aim;
  left: number;
  /** Whose effects count; null: everybody's. */
  concerns: ((process: SimulatedProcess) => boolean) | null;
  strike: (process: SimulatedProcess) => void;
}

interface ErrorWindow {
  until: number;
  code: ErrorCode;
  chance: number;
  on: FileKind | null;
}

/** Which calls an error can come from. */
const FAILING: Readonly<Partial<Record<ErrorCode, ReadonlySet<Effect>>>> = {
  ENOSPC: new Set<Effect>(["open", "write", "mkdir", "symlink", "rename", "copyfile", "fsync"]),
  EIO: new Set<Effect>(["write", "fsync", "rename", "unlink", "open", "copyfile"]),
  EACCES: new Set<Effect>(["open", "rename", "unlink", "mkdir", "symlink", "chmod", "copyfile"]),
  EMFILE: new Set<Effect>(["open", "copyfile"]),
};

/** What strikes processes in the middle of their work. */
export class Faults {
  #armed: Armed[] = [];
  #errors: ErrorWindow[] = [];
  /** How often a disk call has failed. */
  errorsGiven = 0;
  readonly #random: Random;

  constructor(private readonly machine: Machine) {
    this.#random = machine.random.fork("faults");
  }

  arm(aim: Aim, concerns: Armed["concerns"], strike: Armed["strike"]): void {
    this.#armed.push({ aim, left: aim.skip, concerns, strike });
  }

  beginErrors(window: ErrorWindow): void {
    this.#errors.push(window);
  }

  cease(): void {
    this.#armed = [];
    this.#errors = [];
  }

  /** Before and after each effect of a subject. */
  at(moment: Aim["moment"], process: SimulatedProcess, path: string, destination: string | undefined): void {
    if (this.#armed.length === 0) return;
    for (const armed of this.#armed) {
      const { aim, concerns } = armed;
      if (aim.moment !== moment || (concerns !== null && !concerns(process))) continue;
      if (aim.on !== null && kindOf(path) !== aim.on && (destination === undefined || kindOf(destination) !== aim.on))
        continue;
      armed.left -= 1;
      if (armed.left >= 0) continue;
      this.#armed = this.#armed.filter((one) => one !== armed);
      this.machine.trace.note("fate", `strikes ${moment} ${path}`);
      armed.strike(process);
      return;
    }
  }

  /** @throws the system's error, where the machine says no. */
  refuse(effect: Effect, path: string, destination?: string): void {
    if (this.#errors.length === 0) return;
    this.#errors = this.#errors.filter(({ until }) => until > this.machine.now);
    for (const { code, chance, on } of this.#errors) {
      if (FAILING[code]?.has(effect) === false) continue;
      if (effect === "flock") continue;
      if (on !== null && kindOf(path) !== on && (destination === undefined || kindOf(destination) !== on)) continue;
      if (!this.#random.chance(chance)) continue;
      this.errorsGiven += 1;
      this.machine.trace.note("fate", `${code} for ${effect} ${path}`);
      throw systemError(code, effect, path, destination);
    }
  }

  /** Reading needs a descriptor too, and a disk that works. */
  refuseLook(look: string, path: string): void {
    if (look !== "open" && look !== "read") return;
    this.#errors = this.#errors.filter(({ until }) => until > this.machine.now);
    for (const { code, chance, on } of this.#errors) {
      if (code !== "EMFILE" && code !== "EIO") continue;
      if (code === "EMFILE" && look === "read") continue;
      if (on !== null && kindOf(path) !== on) continue;
      if (!this.#random.chance(chance)) continue;
      this.errorsGiven += 1;
      this.machine.trace.note("fate", `${code} for ${look} ${path}`);
      throw systemError(code, look, path);
    }
  }
}
