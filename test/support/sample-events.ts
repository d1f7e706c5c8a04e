import { existsSync, readFileSync } from "node:fs";
import { type WaitOptions, waitFor } from "./wait.ts";

/** What sample nodes write down about themselves, one JSON line each, into the file that `SAMPLE_EVENTS` names. */
export type SampleEvent = {
  /** Of the process. */
  pid: number;
  /** Of the sample that wrote it. */
  version: string;
  /** Milliseconds since 1970, with fractions where the clock has them. */
  at: number;
} & (
  | { event: "asked" }
  | {
      event: "started";
      args?: string[];
      env?: Record<string, string>;
      parent?: number;
      group?: number;
      session?: number;
    }
  | { event: "listening"; port: number | null }
  | { event: "child"; child: number }
  | { event: "stdin"; bytes: number }
  | { event: "signal"; signal: string; count: number }
  | { event: "stopping" }
  | { event: "worked"; written: number }
  | { event: "dropped-everything" }
  | { event: "exiting"; code: number | string }
);

export type SampleEventName = SampleEvent["event"];
type Named<Name extends SampleEventName> = Extract<SampleEvent, { event: Name }>;

/** Reads the event file of sample nodes, and waits for what will be in it. */
export class SampleEvents {
  /** Give it to a node as `SAMPLE_EVENTS`. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Everything so far, in the order in which it was written. A line that is being written is not there yet. */
  all(): SampleEvent[] {
    if (!existsSync(this.path)) return [];
    const lines = readFileSync(this.path, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }

  /** Those of one name, of one version when it is given. */
  of<Name extends SampleEventName>(event: Name, version?: string): Named<Name>[] {
    return this.all().filter(
      (entry): entry is Named<Name> => entry.event === event && (version === undefined || entry.version === version),
    );
  }

  /**
   * Waits for an event, the first of its name unless `count` says otherwise.
   * @throws Error that lists what happened instead, when it does not come in time.
   */
  async wait<Name extends SampleEventName>(
    event: Name,
    { version, count = 1, ...options }: { version?: string; count?: number } & WaitOptions = {},
  ): Promise<Named<Name>> {
    try {
      return await waitFor(`event ${event}`, () => this.of(event, version)[count - 1], { file: this.path, ...options });
    } catch (error) {
      const happened = this.all().map((entry) => `  ${entry.version} ${entry.pid} ${entry.event}`);
      const wanted = `'${event}' number ${count}${version === undefined ? "" : ` of version ${version}`}`;
      throw new Error(`${wanted} of the sample node did not come; what came:\n${happened.join("\n")}`, {
        cause: error,
      });
    }
  }
}
