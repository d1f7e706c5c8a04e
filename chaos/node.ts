import { existsSync } from "node:fs";
import { journalState, type NodePlaces, wayBackState } from "./disk.ts";
import { EventLog } from "./event-log.ts";
import { NymvisorRun, type RunEnding } from "./nymvisor-run.ts";
import { isStillAlive, processesWith, signalProcess } from "./processes.ts";
import type { Random } from "./random.ts";
import { type LeftOut, recoveryTime } from "./recovery-time.ts";
import type { Surroundings } from "./surroundings.ts";
import { RECOVERY_GOAL_MS } from "./tally.ts";
import { readTraces } from "./traces.ts";
import { Violation } from "./violation.ts";

/** More than the daemons' grace period, and what nymvisor adds to it; a busy machine included. */
const STOP_LIMIT_MS = 20_000;

/** One home with its daemon, and the nymvisor that runs it; which is started again whenever it ends, as systemd would. */
export class ChaosNode {
  run: NymvisorRun | undefined;
  readonly events: EventLog;
  /** Since when nothing has been done that explains a slow start. */
  private quietSince = 0;
  private wanted = false;
  private patience: Readonly<Record<string, string>> = {};
  private crashed = false;
  private restart: ReturnType<typeof setTimeout> | undefined;
  private readonly lineListeners = new Set<(line: string) => void>();
  private readonly unmeasured: NymvisorRun[] = [];
  private readonly rivals = new Set<Bun.Subprocess>();
  /** Runs whose daemon somebody has killed. */
  private readonly daemonsKilled = new WeakSet<NymvisorRun>();
  /** Of commands that hold this node's locks while they work on its home. */
  private commands = 0;
  private commandEnded = Number.NEGATIVE_INFINITY;

  constructor(
    readonly id: string,
    readonly places: NodePlaces,
    /** Variables of this node's own. */
    private readonly variables: Readonly<Record<string, string>>,
    eventPath: string,
    private readonly around: Surroundings,
    private readonly random: Random,
  ) {
    this.events = new EventLog(eventPath, places.home);
  }

  /** Of whatever is started for this node. */
  get env(): Record<string, string> {
    return { ...this.around.env, ...this.variables, ...this.patience };
  }

  /** From its next run on its daemon is started again however often it dies, as an operator sets it who brings a better one. */
  bePatient(): void {
    this.patience = { DAEMON_RESTART_ON_FAILURE: "true", DAEMON_MAX_STARTUP_FAILURES: "1000000" };
  }

  get isWanted(): boolean {
    return this.wanted;
  }

  /** Starts `nymvisor run`, and keeps it running until `stop`. */
  start(): void {
    this.wanted = true;
    // One that is about to end is followed by the next when it has.
    const ending = this.run !== undefined && this.run.ending === undefined;
    if (!ending && this.restart === undefined) this.begin();
  }

  /** Calls for each line of its log, whichever run writes it. @returns what ends that. */
  onLine(listener: (line: string) => void): () => void {
    this.lineListeners.add(listener);
    return () => this.lineListeners.delete(listener);
  }

  /** SIGKILL to nymvisor. @returns whether one ran. */
  killRun(): boolean {
    const { run } = this;
    if (!run?.signal("SIGKILL", "it was killed")) return false;
    const state = this.underWay();
    const { killsByJournal } = this.around.tally;
    killsByJournal[state] = (killsByJournal[state] ?? 0) + 1;
    this.around.timeline.note(this.id, `nymvisor ${run.pid} killed; the journal says ${state}`);
    return true;
  }

  /** SIGKILL to the daemon, at once; settles when it is dead. @returns whether one ran. */
  async killDaemon(): Promise<boolean> {
    const daemon = this.events.livingDaemon();
    if (daemon === undefined) return false;
    if (this.run !== undefined) this.daemonsKilled.add(this.run);
    if (!signalProcess(daemon, "SIGKILL")) return false;
    this.around.timeline.note(this.id, `daemon ${daemon.pid} (${daemon.version}) killed`);
    while (isStillAlive(daemon)) await Bun.sleep(1);
    return true;
  }

  /** Starts another `run` beside the one that runs. It is killed as soon as that one ends, lest it take its place. */
  startRival(): Bun.Subprocess<"ignore", "ignore", "pipe"> {
    const rival = Bun.spawn([this.around.nymvisor, "run", "run"], {
      env: this.env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    this.rivals.add(rival);
    void rival.exited.then(() => this.rivals.delete(rival));
    return rival;
  }

  /** Types a command that may keep a run of this node from beginning. */
  async beside<T>(command: () => Promise<T>): Promise<T> {
    this.commands += 1;
    try {
      return await command();
    } finally {
      this.commands -= 1;
      this.commandEnded = performance.now();
    }
  }

  /** What goes on in it at this moment, by its journals. */
  private underWay(): string {
    const back = wayBackState(this.places);
    if (back !== "none") return `way back ${back}`;
    const upgrade = journalState(this.places);
    return upgrade === "none" && existsSync(this.places.probation) ? "probation" : upgrade;
  }

  /** Why a run has ended that nobody has ended; undefined: there is no reason. */
  private reasonOf(run: NymvisorRun, { status }: RunEnding): "daemon" | "command" | "disk" | undefined {
    const last = run.log.findLast(({ line }) => line.includes("nymvisor ends with"))?.line ?? "";
    const diesByItself = this.events.all().some((event) => {
      return (
        event.event === "started" && event.parent === run.pid && this.around.fateOf(event.version).startsWith("dies")
      );
    });
    const isFailing = this.daemonsKilled.has(run) || diesByItself;
    if (isFailing && /the daemon (exited|was ended)|the daemon could not be started/.test(last)) return "daemon";
    const isBeside = this.commands > 0 || this.commandEnded >= run.startedAt;
    if (isBeside && status === 1 && !run.listens) return "command";
    return this.around.box.wasFullSince(run.startedAt) ? "disk" : undefined;
  }

  /** What is done now explains why a daemon is not there at once. */
  disturb(): void {
    this.quietSince = performance.now();
  }

  /** Ends it as an operator would. @throws {Violation} if it does not, or leaves a daemon. */
  async stop(): Promise<void> {
    this.wanted = false;
    clearTimeout(this.restart);
    this.restart = undefined;
    const { run } = this;
    if (run?.isRunning) {
      const listened = run.listens;
      run.signal("SIGTERM", "it was asked to stop");
      const ending = await Promise.race([run.exited, Bun.sleep(STOP_LIMIT_MS)]);
      if (ending === undefined) throw new Violation("conduct", `run ${run.pid} did not end within ${STOP_LIMIT_MS} ms`);
      // It may have ended with its daemon at this very moment.
      if (listened && ending.status !== 0 && this.reasonOf(run, ending) !== "daemon") {
        throw new Violation(
          "conduct",
          `run ${run.pid} was asked to stop and ended with ${ending.signal ?? ending.status}`,
        );
      }
    }
    this.measure();
    const left = processesWith("NYMVISOR_DAEMON_HOME", this.places.home);
    if (left.length > 0) {
      throw new Violation("tidy", `${left.map(({ pid }) => pid).join(", ")} still run on ${this.places.home}`);
    }
  }

  /** Adds up how long it took until a daemon ran again, for each start after a kill that nothing has come between. */
  measure(): void {
    const { recoveries, recoveriesLeftOut, slow } = this.around.tally;
    for (const run of this.unmeasured.splice(0)) {
      const milliseconds = this.disturbance(run) ?? recoveryTime(run, this.events.all());
      if (typeof milliseconds === "string") {
        recoveriesLeftOut[milliseconds] = (recoveriesLeftOut[milliseconds] ?? 0) + 1;
        continue;
      }
      recoveries.push(milliseconds);
      if (milliseconds <= RECOVERY_GOAL_MS) continue;
      const log = run.log.map(({ at, line }) => `${at - run.startedAtWall} ms ${line}`);
      slow.push({ milliseconds, world: this.around.box.path, log: log.slice(0, 20) });
    }
  }

  /** What else than nymvisor a slow start may be due to. */
  private disturbance(run: NymvisorRun): LeftOut | undefined {
    if (run.startedAt <= this.quietSince) return "something stood still";
    return this.around.box.wasFullSince(run.startedAt) ? "the disk was full" : undefined;
  }

  private begin(): void {
    this.restart = undefined;
    if (this.around.over.aborted) return;
    const run = new NymvisorRun([this.around.nymvisor, "run", "run"], this.env, this.id, this.around.timeline);
    this.run = run;
    this.around.tally.runs += 1;
    if (this.around.box.isFull) this.around.tally.runsOnFullDisks += 1;
    run.onLine((line) => {
      this.readTraces(line);
      for (const listener of this.lineListeners) listener(line);
    });
    if (this.crashed) this.unmeasured.push(run);
    this.crashed = false;
    void run.exited.then((ending) => this.ended(run, ending));
  }

  private readTraces(line: string): void {
    try {
      readTraces(line, this.around.tally.traces);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.around.fail(error);
    }
  }

  private async ended(run: NymvisorRun, ending: RunEnding): Promise<void> {
    this.crashed = ending.signal === "SIGKILL";
    const rivals = [...this.rivals];
    for (const rival of rivals) rival.kill("SIGKILL");
    await Promise.all(rivals.map(({ exited }) => exited));
    if (!this.wanted || this.run !== run || this.around.over.aborted) return;
    if (run.reasonsToEnd.length === 0) {
      const reason = this.reasonOf(run, ending);
      if (reason === undefined) {
        this.around.fail(
          new Violation("conduct", `run ${run.pid} of ${this.id} ended by itself: ${ending.signal ?? ending.status}`),
        );
        return;
      }
      if (reason === "disk") this.around.tally.runsEndedByFullDisk += 1;
      if (reason === "daemon") this.around.tally.runsEndedByDaemon += 1;
    }
    this.restart = setTimeout(() => this.begin(), this.random.between(0, 60));
  }
}
