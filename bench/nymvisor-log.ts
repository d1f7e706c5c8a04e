import { existsSync, readFileSync } from "node:fs";
import { parseDuration, toMilliseconds } from "../src/model/duration.ts";
import { waitFor } from "../test/support/wait.ts";

/** Lines that tell of a step, and in its parentheses how long it took, where it says so. */
const LINES = {
  started: /upgrading from /,
  copyStarted: /copying the home for the upgrade/,
  copied: /the home is copied: .* in ([^;]+);/,
  noRoom: /there is no room to copy the home/,
  stopping: /stopping the daemon/,
  exited: /the daemon (?:ended|was ended) /,
  copyDone: /the copy is complete: .* in (.+)$/,
  switched: /current is now /,
  archived: /backed up into .* in (.+)$/,
  passed: / has proven itself$/,
  failed: / did not prove itself: /,
} as const;

export type Step = keyof typeof LINES;

export interface Told {
  /** Milliseconds since 1970. */
  at: number;
  /** Milliseconds that it took. */
  took: number;
  line: string;
}

/** What a nymvisor writes to stderr, into a file. */
export class NymvisorLog {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  find(step: Step): Told | undefined {
    for (const line of this.lines()) {
      const found = LINES[step].exec(line);
      if (found === null) continue;
      const took = found[1] === undefined ? Number.NaN : toMilliseconds(parseDuration(found[1]));
      return { at: Date.parse(line.split(" ")[0] ?? ""), took, line };
    }
    return undefined;
  }

  async wait(step: Step, within = 600_000): Promise<Told> {
    return waitFor(`${step} in the log`, () => this.find(step), { within, file: this.path });
  }

  lines(): string[] {
    return existsSync(this.path) ? readFileSync(this.path, "utf8").split("\n").slice(0, -1) : [];
  }
}
