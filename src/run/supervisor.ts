import type { Daemon } from "../daemon/daemon.ts";
import { stopOrphans } from "../daemon/daemon.ts";
import { type BuildInfo, sameBuild } from "../model/build-info.ts";
import type { Plan } from "../model/documents.ts";
import { toMilliseconds } from "../model/duration.ts";
import { adviceOf, NymvisorError, reasonOf } from "../model/errors.ts";
import type { NymvisorEvent } from "../model/events.ts";
import { describeCheck } from "../model/health.ts";
import type { Instant } from "../model/instant.ts";
import { buildLayout } from "../model/paths.ts";
import { LOCAL_BACKOFF } from "../policy/backoff.ts";
import { isOnHold, objectionToStop } from "../policy/next-target.ts";
import { decide, initialState, nextWake } from "../policy/run.ts";
import { startedOnProbation, tryOut } from "../policy/run-probation.ts";
import type { Effect, Moment, PlanView, RunInput, RunState, Target, UpgradeResult } from "../policy/run-state.ts";
import { disk } from "../system/disk.ts";
import { type Lock, tryLock, withLock } from "../system/lock.ts";
import { groupMembers } from "../system/process-table.ts";
import { settleRestore } from "../upgrade/backups/restore.ts";
import { noteBuild } from "../upgrade/build-information.ts";
import { requireOperator, writeOperator } from "../upgrade/operator.ts";
import { requireOutcomes } from "../upgrade/outcomes.ts";
import { copyOnProbation, whyNoWayBack } from "../upgrade/probation-note.ts";
import { LocalStagingError } from "../upgrade/stage.ts";
import { type Forth, perform } from "../upgrade/transaction.ts";
import type { WayBackResult } from "../upgrade/way-back/turn-back.ts";
import { DownloadError } from "../upstream/download-error.ts";
import { Archivist } from "./archivist.ts";
import { AwaitedTrial } from "./awaited-trial.ts";
import { DocumentOrder } from "./document-order.ts";
import type { GithubSource } from "./github-source.ts";
import { goBack, keepLines } from "./go-back.ts";
import { readPlanView } from "./plan-view.ts";
import type { PlanWatcher } from "./plan-watcher.ts";
import { polledSources } from "./polled-sources.ts";
import { Poller } from "./poller.ts";
import type { RunContext } from "./run-context.ts";
import type { Services } from "./services.ts";
import { Stagings } from "./stagings.ts";
import { examine, startBuild } from "./start-daemon.ts";
import { StatusFile } from "./status-file.ts";
import { Trial } from "./trial.ts";

export interface SupervisorContext extends RunContext {
  services: Services;
  /** Of the environment; the daemon does not get it. */
  githubToken: string | null;
}

/** How long the wall clock is trusted to run evenly: a due time is looked at again at least this often. */
const WALL_CLOCK_LOOK_MS = 1_000;

/** How long after a failure the plan is read again, though nobody has changed it. */
const READ_AGAIN_MS = 10_000;

/** How long an archive may still take when nymvisor was asked to end, in milliseconds. */
const ARCHIVES_AT_THE_END_MS = 2_000;

/** How long after a start of the daemon things have calmed down. */
const REST_MS = 5_000;

/**
 * Turns what happens into inputs of `policy/run.ts`, and what that decides into effects. It decides nothing itself.
 * Inputs are taken one after the other; effects are started and report back as inputs.
 */
export class Supervisor {
  private state: RunState | undefined;
  private daemon: Daemon | undefined;
  private runs: BuildInfo | undefined;
  /** The build that was started last; it is not that of `current` where the home could not be brought after it. */
  private runsBuild: string | undefined;
  private plan: Plan | undefined;
  private readonly queue: RunInput[] = [];
  private draining = false;
  private cancelTimer: () => void = () => {};
  private cancelRest: () => void = () => {};
  private cancelReading: () => void = () => {};
  /** The moment of the last decision: what has fallen due since then is still to be decided. */
  private decidedAt: Moment | undefined;
  private readonly stagings: Stagings;
  private upgrade: AbortController | undefined;
  /** The last start: given up if it has not come to the daemon yet. */
  private starting: AbortController | undefined;
  private turn: Lock | undefined;
  private recording = false;
  private stopRequested: string | undefined;
  private planUnreadable: string | undefined;
  private readonly documents: DocumentOrder;
  /** Aborted at the end of the run: everything that still goes on in the background gives up. */
  private readonly over = new AbortController();
  private readonly ended = Promise.withResolvers<number>();
  private poller: Poller | undefined;
  private watcher: PlanWatcher | undefined;
  private readonly background = new Set<Promise<unknown>>();
  private readonly status: StatusFile;
  private readonly archivist: Archivist;
  private endArchives: () => void = () => {};
  /** How the run ends, once that is decided. */
  private ending: Extract<NymvisorEvent, { type: "run.ended" }> | undefined;
  /** The copy of the upgrade that is under way. */
  private copyInUse: string | null = null;
  /** The source that lists releases, if it is asked. */
  private github: GithubSource | undefined;
  private readonly trial: Trial;
  private readonly awaited: AwaitedTrial;
  /** The daemon that was started last, whether or not it still runs. */
  private started: Daemon | undefined;
  /** What people had said when that was read last. */
  private wishes: string | undefined;

  constructor(
    private readonly context: SupervisorContext,
    private readonly args: readonly string[],
  ) {
    this.status = new StatusFile(context.layout, context.emit);
    this.archivist = new Archivist({
      ...context,
      ...context.services,
      copyInUse: () => this.copyInUse,
      copyOnProbation: () => copyOnProbation(context.layout, this.trial.note()),
    });
    this.awaited = new AwaitedTrial(context.clock);
    this.documents = new DocumentOrder(context);
    this.stagings = new Stagings({ ...context, failed: (error) => this.passOver(error) });
    this.trial = new Trial({ ...context, signal: this.over.signal });
  }

  /** Runs until the daemon has ended for good. @returns the exit status. @throws {NymvisorError} if it cannot begin. */
  async run(): Promise<number> {
    try {
      await this.begin();
      return await this.ended.promise;
    } catch (error) {
      if (this.stopRequested === undefined || !this.over.signal.aborted) throw error;
      this.ending = { type: "run.ended", exitCode: 0, why: `it was asked to stop by ${this.stopRequested}` };
      return 0;
    } finally {
      await this.finish();
      // Last of all: whoever looks why nymvisor is gone looks at the end.
      if (this.ending !== undefined) this.context.emit(this.ending);
    }
  }

  /** A signal asked for the end. A second one changes nothing. */
  requestStop(signal: string): void {
    const first = this.stopRequested === undefined;
    this.stopRequested ??= signal;
    const left = this.daemon?.graceLeft();
    const seconds = left === undefined ? {} : { secondsLeft: Math.ceil(toMilliseconds(left) / 1000) };
    this.context.emit({ type: "signal.received", signal, meaning: "stop", ...seconds });
    this.endArchives();
    if (!first) return;
    if (this.state === undefined)
      this.over.abort(new NymvisorError({ what: `nymvisor was asked to stop by ${signal}` }));
    else this.take({ type: "stop-requested", signal });
  }

  /** Looks for news now: in the plan, and upstream. */
  reload(): void {
    this.readPlan();
    this.poller?.askNow();
  }

  /** The last resort, for an end that nothing can be waited for in. */
  killDaemon(): void {
    this.daemon?.kill();
  }

  private async begin(): Promise<void> {
    const { layout, configuration, clock, emit } = this.context;
    await stopOrphans(layout, configuration.daemon.shutdown_grace_period, emit);
    const signal = this.over.signal;
    signal.throwIfAborted();
    // A home whose restore was interrupted may be half of the one and half of the other: nothing is started on that.
    const restored = await settleRestore(layout);
    if (restored !== "none") emit({ type: "restore.recovered", home: layout.home, outcome: restored });
    await this.documents.settleWayBack();
    const settled = await this.documents.settle(signal);
    await this.documents.sweepUnpacked();
    const home = await examine({ ...this.context, signal });
    this.runs = home.record?.binaryDetails ?? home.buildInfo;
    const first = this.firstView(home.current.name, this.runs, settled);
    const { view, lookAgainIn } = this.awaited.judge(first);
    signal.throwIfAborted();
    const { daemon, policy, health, rollback } = configuration;
    this.state = initialState(
      {
        restartAfterUpgrade: daemon.restart_after_upgrade,
        restartOnFailure: daemon.restart_on_failure,
        failureRestartDelay: daemon.failure_restart_delay,
        maxStartupFailures: daemon.max_startup_failures,
        startupPeriod: daemon.startup_period_duration,
        windows: policy.window,
        probation: {
          limit: health.probation ?? daemon.startup_period_duration,
          grace: health.grace ?? 0n,
          interval: health.interval,
        },
        goBackByItself: rollback.automatic,
      },
      { ...view, queue: [], behind: home.agreement.state === "behind" },
      settled ? null : { failures: 1, retryAt: clock.monotonic() + LOCAL_BACKOFF.first },
    );
    this.goOnWithTrial(home.record?.name);
    if (settled) this.recallVerdict();
    for (const hold of view.holds) if (isOnHold([hold], this.now())) emit({ type: "upgrades.held", ...hold });
    this.take({ type: "time-passed" });
    this.watcher = this.context.services.watchPlan(layout, () => this.readPlan(), emit);
    this.take({ type: "plan-read", plan: { ...view, behind: home.agreement.state === "behind" } });
    // As in `readPlan`: the node that is waited for may never tell.
    if (lookAgainIn !== null) this.readPlanIn(lookAgainIn);
  }

  /** The version that an earlier run was trying goes on where it was. */
  private goOnWithTrial(runs: string | undefined): void {
    const note = this.trial.note();
    if (note === undefined || note.name !== runs || this.state === undefined) return;
    const { layout, configuration } = this.context;
    const noWayBack = whyNoWayBack(layout, configuration, note);
    this.state = tryOut(this.state, { ...note, noWayBack }, this.now(), note.progress);
  }

  /** A start that could not put the documents in order did not know either that what it starts is being tried. */
  private takeUpTrial(): void {
    if (this.state === undefined || this.state.probation !== null) return;
    this.goOnWithTrial(this.runsBuild);
    if (this.daemon !== undefined) this.state = startedOnProbation(this.state, this.now());
  }

  /** What became of the last switch of this node stays in its state until the next one. */
  private recallVerdict(): void {
    const { layout } = this.context;
    const last = requireOutcomes(layout).outcomes.findLast(({ home }) => home === layout.home);
    if (last === undefined) return;
    const { name, version, from, why, kept, state } = last;
    if (state === "rolled-back") this.status.putBack({ from: name, to: from, why: why ?? "", kept });
    if (state === "failed") this.status.stays({ name, version, why: why ?? "" });
  }

  /** The plan as it is at the start. One that is not in order yet is read again when it is. */
  private firstView(current: string, runs: BuildInfo, settled: boolean): PlanView {
    try {
      const { layout, configuration, clock } = this.context;
      const { view, plan, wishes } = readPlanView(layout, runs, configuration.policy, clock.wall());
      this.wishes = wishes;
      this.plan = plan;
      return view;
    } catch (error) {
      if (settled) throw error;
      const none = { forwardObjection: null, forwardWaitsFor: null, goBack: null };
      return { current, behind: false, currentOrdered: false, queue: [], holds: [], ...none };
    }
  }

  /** What can wait until the daemon runs for the first time. */
  private startBackground(): void {
    if (this.poller !== undefined || this.over.signal.aborted) return;
    const { layout, emit, platform, configuration, clock } = this.context;
    const { sources, github } = polledSources({
      ...this.context,
      running: () => this.requireRunning(),
      refused: (name, reason) => this.status.refused(name, reason),
      signal: this.over.signal,
    });
    this.github = github;
    this.poller = new Poller({
      layout,
      sources,
      pollingRate: configuration.nymvisor.upstream_polling_rate,
      staleAfter: configuration.upstream.stale_after,
      clock,
      emit,
      signal: this.over.signal,
    });
    this.tellAndKeep();
    const plan = this.plan;
    const noting = async () => {
      if (plan !== undefined && plan.current.name === this.runsBuild)
        await noteBuild(buildLayout(layout, plan.current.name), plan.current, this.requireRunning(), platform);
    };
    const about = "the note about the running binary";
    this.inBackground(
      noting()
        .catch((error: unknown) => emit({ type: "warning", about, reason: reasonOf(error) }))
        .then(() => this.poller?.run()),
    );
  }

  private requireRunning(): BuildInfo {
    if (this.runs === undefined) throw new NymvisorError({ what: "nothing runs yet" });
    return this.runs;
  }

  private async finish(): Promise<void> {
    this.cancelTimer();
    this.cancelRest();
    this.cancelReading();
    this.over.abort(new NymvisorError({ what: "nymvisor ends" }));
    this.upgrade?.abort(this.over.signal.reason);
    this.stagings.callAllOff(this.over.signal.reason);
    await this.stop("nymvisor ends");
    await this.watcher?.close();
    await this.finishArchives();
    await Promise.allSettled(this.background);
    await this.recordAtTheEnd();
    this.endTurn();
  }

  /**
   * An archive that is nearly there is finished, so that a small home is not left with a copy: but whoever asked for the
   * end does not wait long. Without such a wish all of them are finished: perhaps nobody starts nymvisor again.
   */
  private async finishArchives(): Promise<void> {
    const limit = this.stopRequested === undefined && this.ending?.exitCode === 0 ? null : ARCHIVES_AT_THE_END_MS;
    const limited = Promise.withResolvers<void>();
    this.endArchives = limited.resolve;
    const cancel = limit === null ? () => {} : this.context.clock.after(limit, limited.resolve);
    await Promise.race([this.archivist.work(), limited.promise]);
    cancel();
    await this.archivist.close();
  }

  private inBackground(work: Promise<unknown>): void {
    this.background.add(work);
    work.finally(() => this.background.delete(work));
  }

  private now(): Moment {
    return { wall: this.context.clock.wall(), monotonic: this.context.clock.monotonic() };
  }

  private take(input: RunInput): void {
    this.queue.push(input);
    if (this.draining) return;
    this.draining = true;
    try {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) this.process(next);
    } finally {
      this.draining = false;
    }
    this.setTimer();
    this.tellAndKeep();
  }

  /** What is written for others to read, and for bad days: never while a node is waiting to be started. */
  private tellAndKeep(): void {
    if (this.state === undefined || this.poller === undefined) return;
    const { kind } = this.state.phase;
    if (kind === "starting" || kind === "upgrading") return;
    this.status.update(this.state);
    this.documents.keepLastGood();
  }

  private process(input: RunInput): void {
    if (this.state === undefined || this.state.phase.kind === "ended") return;
    this.decidedAt = this.now();
    const { state, effects } = decide(this.state, input, this.decidedAt);
    this.state = state;
    for (const effect of effects) this.carryOut(effect);
  }

  private setTimer(): void {
    this.cancelTimer();
    if (this.state === undefined || this.decidedAt === undefined) return;
    const { monotonic, wall } = nextWake(this.state, this.decidedAt);
    const now = this.now();
    const waits = [
      ...(monotonic === null ? [] : [toMilliseconds(monotonic - now.monotonic)]),
      ...(wall === null ? [] : [Math.min(toMilliseconds(wall - now.wall), WALL_CLOCK_LOOK_MS)]),
    ];
    if (waits.length === 0) return;
    this.cancelTimer = this.context.clock.after(Math.min(...waits), () => this.take({ type: "time-passed" }));
  }

  private carryOut(effect: Effect): void {
    switch (effect.type) {
      case "emit":
        this.context.emit(effect.event);
        if (effect.event.type === "probation.failed-stays") this.status.stays(effect.event);
        // What its source says of it has to be looked at again, or it would come back.
        if (effect.event.type === "upgrade.withdrawn") this.poller?.review();
        if (effect.event.type === "upgrade.done" && effect.event.downtime !== null) {
          this.trial.wasDownFor(effect.event.downtime);
          if (this.state?.recording === null) this.inBackground(this.trial.switchNoted());
        }
        break;
      case "start-daemon":
        this.inBackground(this.start());
        break;
      case "stop-daemon":
        this.starting?.abort(new NymvisorError({ what: `nymvisor was asked to stop by ${effect.why}` }));
        this.inBackground(this.stop(effect.why));
        break;
      case "stage":
        this.inBackground(this.stage(effect.name, effect.fingerprint));
        break;
      case "cancel-staging":
        this.stagings.callOff(effect.name);
        break;
      case "perform":
        this.inBackground(this.perform(effect.target));
        break;
      case "give-up-upgrade":
        this.upgrade?.abort(new NymvisorError({ what: effect.why }));
        break;
      case "record":
        this.inBackground(this.record());
        break;
      case "look":
        this.inBackground(this.look());
        break;
      case "note-probation":
        this.trial.noteProgress(effect.progress);
        break;
      case "end-probation":
        this.inBackground(this.trial.end(effect.failed).then(() => this.archivist.work()));
        break;
      case "drop-order":
        this.inBackground(this.dropOrder(effect.reason));
        break;
      case "end":
        this.ending = { type: "run.ended", exitCode: effect.exitCode, why: effect.why };
        this.ended.resolve(effect.exitCode);
        break;
    }
  }

  private async start(): Promise<void> {
    const starting = new AbortController();
    this.starting = starting;
    const signal = AbortSignal.any([this.over.signal, starting.signal]);
    try {
      if (disk.existsSync(this.context.layout.wayBack)) await this.documents.settleWayBack();
      const trying = this.state !== undefined && this.state.probation !== null;
      const started = await startBuild(
        { ...this.context, signal, keepLines: trying, spawned: () => this.recordSwitch() },
        this.args,
      );
      const moved = this.runs !== undefined && !sameBuild(this.runs, started.buildInfo);
      this.daemon = started.daemon;
      this.started = started.daemon;
      this.trial.started();
      this.runs = started.buildInfo;
      this.runsBuild = started.name;
      this.inBackground(
        started.daemon.ended.then(({ exitCode, signal }) => this.onExit(started.daemon, exitCode, signal)),
      );
      if (this.over.signal.aborted || this.stopRequested !== undefined) {
        await started.daemon.stop(
          this.stopRequested ?? "nymvisor ends",
          this.context.configuration.daemon.shutdown_grace_period,
        );
        return;
      }
      // Before the news: with it the next upgrade may fall due, which takes a turn of its own.
      this.endTurn();
      // What was newer than the build before may be older than this one.
      if (moved) this.readPlan();
      this.take({ type: "started" });
      if (trying) this.tellTrial();
      this.inBackground(this.archivist.work());
      this.cancelRest();
      this.cancelRest = this.context.clock.after(REST_MS, () => this.context.services.releaseMemory());
    } catch (error) {
      this.endTurn();
      this.take({ type: "start-failed", reason: adviceOf(error) });
    }
    this.startBackground();
  }

  private tellWayBack(event: NymvisorEvent): void {
    if (event.type === "node.put-back") this.status.putBack(event);
    this.context.emit(event);
  }

  private tellTrial(): void {
    const note = this.trial.note();
    const probation = this.state?.probation;
    if (note === undefined || probation === null || probation === undefined) return;
    const { name, version, checks } = note;
    const { limit } = probation.settings;
    this.context.emit({ type: "probation.started", name, version, limit, checks: checks.map(describeCheck) });
  }

  private async look(): Promise<void> {
    const looked = this.daemon;
    try {
      const look = await this.trial.look();
      this.take({ type: "looked-at", look, sameProcess: looked !== undefined && looked === this.daemon });
    } catch (error) {
      if (!this.over.signal.aborted) throw error;
    }
  }

  /** An order to go back that cannot be carried out would be tried for ever. */
  private async dropOrder(reason: string): Promise<void> {
    const { layout, emit } = this.context;
    this.status.orderRefused(reason);
    try {
      await withLock(layout.upgradeLock, "an order that cannot be carried out", () => {
        const operator = requireOperator(layout);
        const goBack = operator.goBack.filter(({ home }) => home !== layout.home);
        writeOperator(layout, { ...operator, goBack });
      });
    } catch (error) {
      emit({ type: "warning", about: layout.operator, reason: adviceOf(error) });
    }
  }

  private onExit(daemon: Daemon, exitCode: number | null, signal: string | null): void {
    if (this.daemon === daemon) this.daemon = undefined;
    this.take({ type: "exited", exitCode, signal });
  }

  private async stop(why: string): Promise<void> {
    // A daemon that is only being started is stopped by whoever starts it.
    await this.daemon?.stop(why, this.context.configuration.daemon.shutdown_grace_period);
  }

  private async stage(name: string, fingerprint: string): Promise<void> {
    const info = this.plan?.queuedUp.find((entry) => entry.name === name);
    const input = await this.stagings.stage({ name, fingerprint, info, askFrom: this.askFromOf(name) });
    if (input !== undefined) this.take(input);
  }

  /** Passes a release over whose bytes are not what was announced, so that the one before it does not wait for it. */
  private passOver(error: unknown): void {
    if (this.github === undefined) return;
    const isOther = error instanceof DownloadError && error.failure.kind === "checksum";
    if (isOther && error.failure.kind === "checksum") this.github.refuse(error.failure.expected.hex, reasonOf(error));
    if (isOther || error instanceof LocalStagingError) this.poller?.review();
  }

  private askFromOf(name: string): Instant {
    return this.state?.plan.queue.find((entry) => entry.name === name && entry.objection === null)?.askFrom ?? 0n;
  }

  private async perform(target: Target): Promise<void> {
    const controller = new AbortController();
    this.upgrade = controller;
    const result = await this.performInTurn(controller.signal, target);
    if (target.kind === "back" && result.outcome === "done") this.trial.forget();
    if ("kept" in result && result.kept !== null && result.outcome === "done") this.keepLines(result.kept);
    this.upgrade = undefined;
    if (result.outcome !== "done" && !result.stopped) this.endTurn();
    this.take({ type: "upgrade-ended", result });
    // Else nothing has changed. Reading the plan means that something has: the upgrade would be tried again at once.
    if (result.outcome === "done" || result.outcome === "given-up") this.readPlan();
    // What the attempt could not remove of its copy; where the node is started again, that sees to it.
    const mayLeave = (result.outcome === "failed" && result.unrecorded === undefined) || result.outcome === "given-up";
    if (mayLeave && !result.stopped) this.inBackground(this.archivist.work());
  }

  /** Not before the old version is started: it waits for nothing. */
  private keepLines(kept: string): void {
    const daemon = this.started;
    if (daemon !== undefined) this.inBackground(keepLines(kept, () => daemon.lastLines(), this.context.emit));
  }

  /** Nodes that share the upgrade data are stopped one after the other: the turn ends when the daemon runs again. */
  private async performInTurn(signal: AbortSignal, target: Target): Promise<UpgradeResult | WayBackResult> {
    const { layout } = this.context;
    let attempt: ReturnType<typeof tryLock>;
    try {
      attempt = tryLock(layout.turnLock, `upgrading the node in ${layout.home}`);
    } catch (error) {
      return { outcome: "failed", reason: adviceOf(error), stopped: false };
    }
    if (attempt.lock === null) {
      const who = attempt.holder === undefined ? "another node" : `the node of pid ${attempt.holder.pid}`;
      return { outcome: "postponed", reason: `${who} is being upgraded`, stopped: false };
    }
    this.turn = attempt.lock;
    if (target.kind === "upgrade") {
      try {
        await this.github?.confirm(target.name, signal);
      } catch (error) {
        return { outcome: "given-up", reason: adviceOf(error), stopped: false };
      }
    }
    // Whoever had the turn before may have begun to try what this home was about to follow to.
    const objection = target.kind === "forward" ? await this.lookOnceMore(target, signal) : null;
    if (objection !== null) return { outcome: "given-up", reason: objection, stopped: false };
    const stopDaemon = async (why: string) => {
      if (this.daemon === undefined) return false;
      await this.daemon.stop(why, this.context.configuration.daemon.shutdown_grace_period);
      return true;
    };
    const releaseCopy = (copy: string) => this.archivist.release(copy);
    const both = { ...this.context, ...this.context.services, signal, stopDaemon };
    if (target.kind === "back") {
      return goBack(
        { ...both, releaseCopy, recordsLater: true, emit: (event) => this.tellWayBack(event) },
        target,
      ).finally(() => {
        this.archivist.takeBack();
        // Else the next start of the daemon would see to it, which may be weeks away.
        if (this.daemon !== undefined) this.inBackground(this.archivist.work());
      });
    }
    return perform(
      {
        ...both,
        settle: () => this.documents.putInOrder(signal),
        lastLook: (target) => this.lastLook(target, signal),
        mapped: () => this.mapped(),
        recordsLater: ({ manual }) =>
          !manual && this.stopRequested === undefined && this.context.configuration.daemon.restart_after_upgrade,
        trialBegins: (note) => this.trial.begins(note),
        healthChecks: () => this.trial.checksFor(this.daemon === undefined ? undefined : this.runs, this.args, signal),
        beginCopy: (request) => {
          this.copyInUse = request.destination;
          return this.context.services.beginCopy(request);
        },
      },
      target,
    ).finally(() => {
      this.copyInUse = null;
    });
  }

  private async lookOnceMore(target: Forth, signal: AbortSignal): Promise<string | null> {
    // What is read within the decision that has led here is taken only after it.
    await Promise.resolve();
    return this.lastLook(target, signal);
  }

  /** What may have changed while the home was copied. */
  private async lastLook(target: Forth, signal: AbortSignal): Promise<string | null> {
    if (target.kind === "upgrade") await this.github?.confirm(target.name, signal);
    this.readPlan(true);
    const { state } = this;
    if (state === undefined || this.planUnreadable !== undefined) return null;
    return objectionToStop(state, target, this.now());
  }

  private mapped(): ReadonlySet<string> {
    const pid = this.daemon?.pid;
    return this.context.services.mappedShared(pid === undefined ? [] : groupMembers(pid).map((member) => member.pid));
  }

  private endTurn(): void {
    this.turn?.release();
    this.turn = undefined;
  }

  /** The documents of a switch follow the new process at once: whoever hears of it finds them written. */
  private async recordSwitch(): Promise<void> {
    if (this.state?.recording?.failures === 0) await this.record();
  }

  private async record(): Promise<void> {
    if (this.recording) return;
    this.recording = true;
    const isLate = (this.state?.recording?.failures ?? 0) > 0;
    try {
      await this.documents.record((event) => this.tellWayBack(event));
      // Before the news, with which the next upgrade begins: until now this home seemed to be behind.
      this.readPlan(true);
      this.takeUpTrial();
      this.take({ type: "recorded" });
      await this.trial.switchNoted();
      // Until now nobody could tell what the copy of a failed attempt was for.
      if (isLate) this.inBackground(this.archivist.work());
    } catch (error) {
      this.take({ type: "recording-failed", reason: adviceOf(error) });
    } finally {
      this.recording = false;
    }
  }

  /** A run that was asked to end between a switch and the documents; if that fails the next start finishes it. */
  private async recordAtTheEnd(): Promise<void> {
    if (this.state === undefined || this.state.recording === null || this.recording) return;
    try {
      await this.documents.record((event) => this.tellWayBack(event));
    } catch (error) {
      this.context.emit({ type: "warning", about: "the documents of the last upgrade", reason: adviceOf(error) });
    }
  }

  /** @param untouched nobody has changed it: see {@link RunInput}. */
  private readPlan(untouched = false): void {
    if (this.over.signal.aborted || this.state === undefined) return;
    const { layout, emit } = this.context;
    try {
      const { configuration, clock } = this.context;
      const { view, plan, wishes } = readPlanView(layout, this.requireRunning(), configuration.policy, clock.wall());
      if (this.wishes !== undefined && this.wishes !== wishes) this.poller?.review();
      this.wishes = wishes;
      this.plan = plan;
      if (this.planUnreadable !== undefined) emit({ type: "plan.readable-again", path: layout.plan });
      this.planUnreadable = undefined;
      this.documents.changed();
      const awaited = this.awaited.judge(view);
      this.take({ type: "plan-read", plan: awaited.view, untouched });
      // The node that is waited for may never tell.
      if (awaited.lookAgainIn !== null) this.readPlanIn(awaited.lookAgainIn);
    } catch (error) {
      const reason = adviceOf(error);
      if (reason !== this.planUnreadable) emit({ type: "plan.unreadable", path: layout.plan, reason });
      this.planUnreadable = reason;
      // What kept it from being read may go without any change of the plan that could be seen.
      this.readPlanIn(READ_AGAIN_MS);
    }
  }

  private readPlanIn(milliseconds: number): void {
    this.cancelReading();
    this.cancelReading = this.context.clock.after(milliseconds, () => this.readPlan());
  }
}
