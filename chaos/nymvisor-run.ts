import type { Timeline } from "./timeline.ts";

export interface RunEnding {
  status: number | null;
  signal: string | null;
}

const LAST_LINES_MS = 50;

/** One `nymvisor run`, from its start to its end. */
export class NymvisorRun {
  /** Of `performance.now()`. */
  readonly startedAt = performance.now();
  /** Milliseconds since 1970, as the daemons' events tell theirs. */
  readonly startedAtWall = Date.now();
  readonly pid: number;
  readonly exited: Promise<RunEnding>;
  ending: RunEnding | undefined;
  /** What somebody did that it may end of. */
  readonly reasonsToEnd: string[] = [];
  /** Milliseconds since 1970, and the line. */
  readonly log: { at: number; line: string }[] = [];
  private killed = false;
  private readonly child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  private readonly listeners = new Set<(line: string) => void>();

  constructor(
    command: readonly string[],
    env: Record<string, string>,
    private readonly who: string,
    private readonly timeline: Timeline,
  ) {
    this.child = Bun.spawn([...command], { env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    this.pid = this.child.pid;
    timeline.note(who, `run starts (pid ${this.pid})`);
    const read = this.read();
    this.exited = this.child.exited.then(async () => {
      // What it said last; the daemon it may have left holds the same pipe.
      await Promise.race([read, Bun.sleep(LAST_LINES_MS)]);
      const { exitCode: status, signalCode } = this.child;
      this.ending = { status, signal: signalCode === null ? null : String(signalCode) };
      timeline.note(who, `run ${this.pid} ended: ${this.ending.signal ?? status}`);
      return this.ending;
    });
  }

  /** False from the instant of a SIGKILL on, though its end takes a while. */
  get isRunning(): boolean {
    return this.ending === undefined && !this.killed;
  }

  /** It has begun to listen to signals; before that they end it at once. */
  get listens(): boolean {
    return this.log.some(({ line }) => line.includes(" runs the instance "));
  }

  /** @returns whether it was still there. */
  signal(name: NodeJS.Signals, reason?: string): boolean {
    if (!this.isRunning) return false;
    if (reason !== undefined) this.reasonsToEnd.push(reason);
    if (name === "SIGKILL") this.killed = true;
    this.child.kill(name);
    return true;
  }

  /** Calls for each line of the log from now on. @returns what ends that. */
  onLine(listener: (line: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.child.stderr) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.hear(line);
    }
  }

  private hear(line: string): void {
    // By its own clock: it may have been written a while before it is read.
    const at = Date.parse(line.slice(0, line.indexOf(" ")));
    this.log.push({ at: Number.isNaN(at) ? Date.now() : at, line });
    // There are hundreds of these while a world is waited for.
    if (!line.includes("SIGHUP received")) this.timeline.note(this.who, `| ${line}`);
    for (const listener of this.listeners) listener(line);
  }
}
