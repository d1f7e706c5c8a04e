import type { ChildEnvironment } from "../daemon/spawn.ts";
import type { BuildInfo } from "../model/build-info.ts";
import { type Duration, toMilliseconds } from "../model/duration.ts";
import { reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { HealthCheck } from "../model/health.ts";
import type { Layout } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import { LOCAL_BACKOFF } from "../policy/backoff.ts";
import type { Look, ProbationProgress } from "../policy/probation.ts";
import type { Clock } from "../system/clock.ts";
import { withLock } from "../system/lock.ts";
import { changeOutcome } from "../upgrade/outcomes.ts";
import { type ProbationNote, readProbation, removeProbation, writeProbation } from "../upgrade/probation-note.ts";
import { answeredChecks } from "./health/answered.ts";
import { findChecks } from "./health/find-checks.ts";
import type { Services } from "./services.ts";

export interface TrialContext {
  layout: Layout;
  configuration: Configuration;
  clock: Clock;
  emit: Emit;
  environment: ChildEnvironment;
  services: Pick<Services, "probe">;
  /** Of the run: what goes on gives up at its end. */
  signal: AbortSignal;
}

/** Progress is noted no more often, in milliseconds, unless something has happened. */
const NOTE_EVERY_MS = 1_000;

/** Carries out what a run decides about a version on probation: looks at its health, and keeps the documents. */
export class Trial {
  private probe: ReturnType<Services["probe"]> | undefined;
  private noted: { progress: ProbationProgress; at: bigint } | undefined;
  private complained = false;
  /** What is tried since this run has switched to it. */
  private begun: ProbationNote | undefined;
  private downtime: Duration | undefined;

  constructor(private readonly context: TrialContext) {}

  /** A version is tried from now on; that is noted later, or cannot be. */
  begins(note: ProbationNote): void {
    this.begun = note;
    this.probe = undefined;
    this.noted = undefined;
  }

  /** The version on probation; undefined: none is, or that cannot be read, which is told. Never throws. */
  note(): ProbationNote | undefined {
    const { emit, layout } = this.context;
    try {
      return this.readNote();
    } catch (error) {
      if (!this.complained) emit({ type: "warning", about: layout.probation, reason: reasonOf(error) });
      this.complained = true;
      return this.begun;
    }
  }

  private readNote(): ProbationNote | undefined {
    const { begun } = this;
    const found = readProbation(this.context.layout);
    // What is noted counts: another node may have fixed the moment of the switch before.
    const isNoted = found.state === "found" && (begun === undefined || begun.name === found.value.name);
    return isNoted ? found.value : begun;
  }

  /** Waits for a disk that does not let it be read: its verdict would be lost. */
  private async noteInTheEnd(): Promise<ProbationNote | undefined> {
    const { begun } = this;
    // Another that is tried meanwhile has the note to itself.
    while (!this.context.signal.aborted && this.begun === begun) {
      try {
        return this.readNote();
      } catch {
        await this.pause();
      }
    }
    return undefined;
  }

  /** How a next version is to be judged: what a person has set, and what the one that runs answers now. */
  async checksFor(
    running: BuildInfo | undefined,
    args: readonly string[],
    signal: AbortSignal,
  ): Promise<HealthCheck[]> {
    const { layout, configuration, environment, emit } = this.context;
    const { set, found, trouble } = findChecks(layout, configuration, { args, variables: environment });
    if (trouble !== null) emit({ type: "warning", about: "the health of the node", reason: trouble });
    if (running === undefined) return set;
    const [answered] = await Promise.all([
      answeredChecks(found, running, signal),
      this.tellUnmet(set, running, signal),
    ]);
    return [...set, ...answered];
  }

  /** What a person has set counts in any case; but that it does not even hold for what runs well is worth knowing. */
  private async tellUnmet(set: readonly HealthCheck[], running: BuildInfo, signal: AbortSignal): Promise<void> {
    const { configuration, environment, emit, services } = this.context;
    const commandLimit = configuration.health.command_timeout;
    const { well, reasons } = await services.probe(set, running, { commandLimit, environment }).look(signal);
    if (well) return;
    const reason = `the version that runs does not meet it either, so the next one will be gone back from: ${reasons.join("; ")}`;
    emit({ type: "warning", about: "what [health] asks for", reason });
  }

  /** A process has started: what an earlier one has answered is no measure for it. */
  started(): void {
    this.probe = undefined;
  }

  /** @throws the signal's reason. */
  async look(): Promise<Look> {
    const { configuration, environment, services, signal } = this.context;
    if (this.probe === undefined) {
      const note = this.note();
      if (note === undefined) return { well: true, reasons: [] };
      const commandLimit = configuration.health.command_timeout;
      this.probe = services.probe(note.checks, note.build, { commandLimit, environment });
    }
    return this.probe.look(signal);
  }

  /** What cannot be noted is noted next time: a run that goes on from less proves more. */
  noteProgress(progress: ProbationProgress): void {
    const { clock, emit, layout } = this.context;
    const now = clock.monotonic();
    const before = this.noted;
    const happened =
      before === undefined ||
      before.progress.failed !== progress.failed ||
      before.progress.deaths !== progress.deaths ||
      before.progress.quits !== progress.quits;
    if (!happened && toMilliseconds(now - before.at) < NOTE_EVERY_MS) return;
    try {
      // Where the switch is not noted yet, what follows from it is not either.
      const found = readProbation(layout);
      if (found.state !== "found") return;
      writeProbation(layout, { ...found.value, progress });
      this.noted = { progress, at: now };
      this.complained = false;
    } catch (error) {
      if (!this.complained) emit({ type: "warning", about: layout.probation, reason: reasonOf(error) });
      this.complained = true;
    }
  }

  /** The node did not run for so long at the switch: for the history, once that is written. */
  wasDownFor(downtime: Duration): void {
    this.downtime = downtime;
  }

  /** Notes what is known by now of a switch that is written down. Never throws. */
  async switchNoted(): Promise<void> {
    const { downtime } = this;
    const note = this.note();
    if (downtime === undefined || note === undefined) return;
    const { layout } = this.context;
    const key = { home: layout.home, performedAt: note.performedAt };
    const noted = await this.change("the outcome of the upgrade", () => changeOutcome(layout, key, { downtime }));
    if (noted) this.downtime = undefined;
  }

  /** Nothing is tried any more: the node went back. */
  forget(): void {
    this.probe = undefined;
    this.noted = undefined;
    this.begun = undefined;
    this.downtime = undefined;
  }

  /** The version has passed, or stays although it has failed. Tries until it is written, or the run ends. */
  async end(failed: string | null): Promise<void> {
    const { layout, clock, signal } = this.context;
    this.probe = undefined;
    this.noted = undefined;
    const { begun } = this;
    const decidedAt = clock.wall();
    const { performedAt } = (await this.noteInTheEnd()) ?? {};
    if (performedAt === undefined) return;
    const write = () => {
      const state = failed === null ? "passed" : "failed";
      changeOutcome(layout, { home: layout.home, performedAt }, { state, why: failed, decidedAt });
      // The next upgrade may have been performed while this could not be written.
      if (this.note()?.performedAt === performedAt) removeProbation(layout);
    };
    while (!(await this.change("the verdict on the new version", write))) {
      if (signal.aborted) return;
      await this.pause();
    }
    // Another may be tried by now. Its moment tells nothing: another node may have noted the switch at one of its own.
    if (this.begun === begun) this.forget();
  }

  /** Until it is tried again, or the run ends. */
  private async pause(): Promise<void> {
    const { clock, signal } = this.context;
    const over = Promise.withResolvers<void>();
    const cancel = clock.after(toMilliseconds(LOCAL_BACKOFF.longest), over.resolve);
    signal.addEventListener("abort", () => over.resolve(), { once: true });
    await over.promise;
    cancel();
  }

  private async change(what: string, write: () => void): Promise<boolean> {
    const { layout, emit, signal } = this.context;
    try {
      await withLock(layout.upgradeLock, what, write, { signal });
      return true;
    } catch (error) {
      if (!signal.aborted) emit({ type: "warning", about: what, reason: reasonOf(error) });
      return false;
    }
  }
}
