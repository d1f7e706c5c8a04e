import type { StopWork } from "./sample-stop-work.ts";

/**
 * What a sample node does beyond running until it is told to stop. Each can be baked into a daemon
 * (`writeSampleDaemon`), so that two versions started with the same arguments differ, or be given as an argument
 * (`run --exit-after 100`), which wins.
 */
export interface SampleBehaviour {
  /** Ends by itself after so many milliseconds. */
  exitAfter?: number;
  /** With this exit code (0), when it ends by itself. */
  exitCode?: number;
  /** Ends by itself only in the first so many starts that the event file tells of. */
  exitTimes?: number;
  /** Ends by itself by this signal instead of an exit code. */
  exitSignal?: "SIGKILL" | "SIGSEGV" | "SIGABRT" | "SIGTERM";
  /** Notes SIGINT and runs on. */
  ignoreSigint?: boolean;
  /** Milliseconds between SIGINT and its end. */
  stopDelay?: number;
  /** Its exit code after SIGINT (0). */
  stopCode?: number;
  /** Works on its home between the signal and its end. */
  atStop?: StopWork;
  /** Starts a child in its process group that ignores SIGINT and outlives it. */
  spawnChild?: boolean;
  /** Appends a line to `<home>/data.log` every so many milliseconds. */
  writeEvery?: number;
  /** Where `data.log` is; `SAMPLE_HOME` otherwise. */
  home?: string;
  /** Notes these migrations in `<home>/migrations` at its start, and does not start where it finds others there. */
  migrations?: readonly string[];
  /** Serves `/api/v1/health` and `/api/v1/build-information` on this port of 127.0.0.1; 0 takes a free one. */
  http?: number;
  /** Serves the same on this unix socket. */
  httpSocket?: string;
  /** Writes its arguments as a JSON list into this file. */
  printArgs?: string;
  /** Copies this file's bytes to stdout as they are, and then to stderr. */
  printFile?: string;
  /** Reads stdin to its end, and tells how many bytes came. */
  readStdin?: boolean;
}

/** Flag of each behaviour, and what its value is. */
const BEHAVIOUR_FLAGS: Readonly<
  Record<keyof SampleBehaviour, readonly [string, "number" | "text" | "switch" | "JSON"]>
> = {
  exitAfter: ["--exit-after", "number"],
  exitCode: ["--exit-code", "number"],
  exitTimes: ["--exit-times", "number"],
  exitSignal: ["--exit-signal", "text"],
  ignoreSigint: ["--ignore-sigint", "switch"],
  stopDelay: ["--stop-delay", "number"],
  stopCode: ["--stop-code", "number"],
  atStop: ["--at-stop", "JSON"],
  spawnChild: ["--spawn-child", "switch"],
  writeEvery: ["--write-every", "number"],
  home: ["--home", "text"],
  migrations: ["--migrations", "JSON"],
  http: ["--http", "number"],
  httpSocket: ["--http-socket", "text"],
  printArgs: ["--print-args", "text"],
  printFile: ["--print-file", "text"],
  readStdin: ["--read-stdin", "switch"],
};

const READERS = { number: Number, text: String, switch: () => true, JSON: JSON.parse } as const;

/** Finds the behaviours among a node's arguments; everything else there is left to be what it is. */
export function readBehaviour(args: readonly string[]): SampleBehaviour {
  const found: Record<string, unknown> = {};
  for (const [key, [flag, kind]] of Object.entries(BEHAVIOUR_FLAGS)) {
    const index = args.indexOf(flag);
    if (index === -1) continue;
    const value = args[index + 1] ?? "";
    found[key] = READERS[kind](value);
  }
  return found;
}
