import { readdirSync, readFileSync } from "node:fs";
import { testExecutable } from "../../support/executable.ts";
import { type SampleEvent, SampleEvents } from "../../support/sample-events.ts";
import type { TemporaryHome } from "../../support/temporary-home.ts";
import { isAlive, waitFor } from "../../support/wait.ts";

/**
 * The compiled executable, started as a person or systemd would: away from a terminal, with nothing of the environment of
 * the tests. Its home is a temporary one, and sample daemons write their events into `<home>/events`.
 */

export interface Ended {
  /** Null when a signal ended it. */
  status: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

export interface Surroundings {
  /** Laid over those that the home gives. */
  variables?: Readonly<Record<string, string>>;
  /** The home unless it says otherwise. */
  cwd?: string;
  /** What nymvisor is started through, with its words behind it: `setpriv …`, `qemu-x86_64 …`. */
  through?: readonly string[];
  /** A copy of the executable, for somebody who cannot reach it where it lies. */
  executable?: string;
}

/** Longer than anything here takes on a busy machine; a command that hangs is ended then, and the test fails. */
const COMMAND_LIMIT = 40_000;

/** Long enough for a machine that runs the whole suite on two cores. */
const LOG_LIMIT = 20_000;

/** Tells what one start of nymvisor began from what others in the same home did. */
const MARK = "E2E_START";

/** The events of every sample daemon of this home. */
export function sampleEvents(home: TemporaryHome): SampleEvents {
  return new SampleEvents(home.at("events"));
}

/** Runs nymvisor to its end. @throws Error if it does not come to one. */
export async function nymvisor(
  home: TemporaryHome,
  words: readonly string[],
  surroundings: Surroundings = {},
): Promise<Ended> {
  await using running = await startNymvisor(home, words, surroundings);
  return await running.ended(COMMAND_LIMIT);
}

/** As `nymvisor`, for a step that has to succeed. @returns its stdout. @throws Error with all that it printed. */
export async function succeed(
  home: TemporaryHome,
  words: readonly string[],
  surroundings: Surroundings = {},
): Promise<string> {
  const { status, signal, stdout, stderr } = await nymvisor(home, words, surroundings);
  if (status !== 0) {
    throw new Error(`nymvisor ${words.join(" ")} ended with ${signal ?? status}\n${stdout}\n${stderr}`);
  }
  return stdout;
}

/** `await using run = await startNymvisor(home, ["run", …]);` */
export async function startNymvisor(
  home: TemporaryHome,
  words: readonly string[],
  { variables = {}, cwd = home.path, through = [], executable }: Surroundings = {},
): Promise<RunningNymvisor> {
  const events = sampleEvents(home);
  const mark = crypto.randomUUID();
  const child = Bun.spawn([...through, executable ?? (await testExecutable()), ...words], {
    cwd,
    env: { ...home.env, SAMPLE_EVENTS: events.path, [MARK]: mark, ...variables },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  return new RunningNymvisor(child, words, events, mark);
}

type Child = Bun.Subprocess<"ignore", "pipe", "pipe">;

/** A nymvisor that runs. It, its daemon and whatever else it started are killed when the test's scope ends. */
export class RunningNymvisor implements AsyncDisposable {
  readonly pid: number;
  /** Of its daemons. */
  readonly events: SampleEvents;
  /** As soon as it is gone, though a daemon that outlived it may still hold its output. */
  readonly exited: Promise<Pick<Ended, "status" | "signal">>;
  readonly #child: Child;
  readonly #words: readonly string[];
  readonly #mark: string;
  readonly #stdout: Captured;
  readonly #stderr: Captured;

  constructor(child: Child, words: readonly string[], events: SampleEvents, mark: string) {
    this.pid = child.pid;
    this.events = events;
    this.#child = child;
    this.#words = words;
    this.#mark = mark;
    this.#stdout = new Captured(child.stdout);
    this.#stderr = new Captured(child.stderr);
    this.exited = child.exited.then(() => ({
      status: child.exitCode,
      signal: child.signalCode === null ? null : String(child.signalCode),
    }));
  }

  /** So far: nymvisor's results, and what its daemon writes there. */
  get stdout(): string {
    return this.#stdout.text;
  }

  /** So far: nymvisor's log and errors, and what its daemon writes there. */
  get stderr(): string {
    return this.#stderr.text;
  }

  /** How long `stderr` is by now: for `waitForLog`, when only what comes later counts. */
  get mark(): number {
    return this.#stderr.text.length;
  }

  /**
   * Waits until a line of stderr matches, and returns it.
   * @param after a `mark`: earlier lines do not count.
   * @throws Error with the whole log, if nymvisor ends before that or it takes too long.
   */
  async waitForLog(
    pattern: RegExp,
    { after = 0, within = LOG_LIMIT }: { after?: number; within?: number } = {},
  ): Promise<string> {
    const find = () =>
      this.#stderr.text
        .slice(after)
        .split("\n")
        .slice(0, -1)
        .find((line) => line.search(pattern) !== -1);
    const found = await this.#stderr.until(find, within);
    if (found !== undefined) return found;
    throw new Error(`no line of the log matches ${pattern}; ${this.#account()}`);
  }

  /** Waits until stdout as a whole matches. @throws Error as `waitForLog`. */
  async waitForOutput(pattern: RegExp, within = LOG_LIMIT): Promise<string> {
    const found = await this.#stdout.until(() => pattern.exec(this.#stdout.text)?.[0], within);
    if (found !== undefined) return found;
    throw new Error(`stdout does not match ${pattern}; ${this.#account()}`);
  }

  /**
   * As `SampleEvents.wait`, with the log in the message of a failure. What nymvisor notes of a daemon's start is noted when
   * this settles: it writes that down beside the process, and says that it has started after that.
   */
  waitForEvent: SampleEvents["wait"] = async (event, options) => {
    try {
      const found = await this.events.wait(event, options);
      const entry: SampleEvent = found;
      const isOurs = entry.event === "started" && entry.parent === this.pid;
      if (isOurs && / INFO {2}nymvisor: /.test(this.stderr)) {
        await this.#stderr.until(() => this.stderr.includes(`started (pid ${found.pid})`) || undefined, LOG_LIMIT);
      }
      return found;
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.#account()}`, { cause: error });
    }
  };

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** SIGTERM, and all that it printed. */
  async stop(within = LOG_LIMIT): Promise<Ended> {
    this.signal("SIGTERM");
    return await this.ended(within);
  }

  /** Its end and all that it printed. @throws Error if it does not end, or something keeps its output open. */
  async ended(within = LOG_LIMIT): Promise<Ended> {
    const all = Promise.all([this.exited, this.#stdout.closed, this.#stderr.closed]);
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), within);
    const ending = await Promise.race([all, late.promise]);
    clearTimeout(timer);
    if (ending === undefined) throw new Error(`it did not end within ${within} ms; ${this.#account()}`);
    return { ...ending[0], stdout: this.stdout, stderr: this.stderr };
  }

  #account(): string {
    const state = isAlive(this.pid) ? "still running" : `ended with ${this.#child.signalCode ?? this.#child.exitCode}`;
    return `nymvisor ${this.#words.join(" ")} (${state}) wrote:\n${this.stderr}\n--- to stdout:\n${this.stdout}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (isAlive(this.pid)) this.#child.kill("SIGKILL");
    await this.#child.exited;
    await killAllWith(MARK, this.#mark);
  }
}

/** A stream's text so far, with those who wait for it to grow. */
class Captured {
  text = "";
  readonly closed: Promise<void>;
  #isClosed = false;
  #grown = Promise.withResolvers<void>();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.closed = this.#read(stream);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true });
      this.#wake();
    }
    this.#isClosed = true;
    this.#wake();
  }

  #wake(): void {
    this.#grown.resolve();
    this.#grown = Promise.withResolvers();
  }

  /** What `look` finds at last; undefined when the stream ends or the milliseconds are over without it. */
  async until<T>(look: () => T | undefined, within: number): Promise<T | undefined> {
    const late = Promise.withResolvers<void>();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      late.resolve();
    }, within);
    try {
      for (;;) {
        const grown = this.#grown.promise;
        const found = look();
        if (found !== undefined || isLate || this.#isClosed) return found;
        await Promise.race([grown, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The processes of this home that live now, daemons and what they started too. */
export function processesOf(home: TemporaryHome): number[] {
  return processesWith("SAMPLE_EVENTS", sampleEvents(home).path);
}

/** SIGKILL to every process that inherited this variable, until none is left: nothing of a test outlives it. */
async function killAllWith(variable: string, value: string): Promise<void> {
  await waitFor("every process of the test to end", () => {
    const left = processesWith(variable, value);
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself between the two looks.
      }
    }
    return left.length === 0;
  });
}

/** The processes that live and were started with `variable=value`. */
function processesWith(variable: string, value: string): number[] {
  const entry = Buffer.from(`\0${variable}=${value}\0`);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const environment = Buffer.concat([Buffer.of(0), readFileSync(`/proc/${pid}/environ`)]);
        return environment.includes(entry) && isAlive(pid);
      } catch {
        return false;
      }
    });
}
