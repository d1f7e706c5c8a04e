import type { Duration } from "../model/duration.ts";
import type { NymvisorEvent } from "../model/events.ts";
import {
  delayAfter,
  LOCAL_BACKOFF,
  restartBackoff,
  STAGING_BACKOFF,
  TURN_DELAY,
  UPGRADE_BACKOFF,
  WAITING_BACKOFF,
} from "./backoff.ts";
import { isOnHold, nextTarget } from "./next-target.ts";
import { nextProbationMoment, passTime, progressOf } from "./probation.ts";
import { advanceProbation, afterLook, endedOnProbation, startedOnProbation, tryOut } from "./run-probation.ts";
import type {
  Effect,
  Hold,
  Moment,
  PlanView,
  Progress,
  QueuedUpgrade,
  RunInput,
  RunSettings,
  RunState,
  Target,
  UpgradeResult,
} from "./run-state.ts";
import { isOpen, nextOpen } from "./window.ts";

/**
 * Every decision of `run`: (what is known, what happened, now) -> (what is known then, what to do). It touches nothing,
 * so that a simulated machine can drive it through any order of events.
 */

export interface Decision {
  state: RunState;
  effects: Effect[];
}

/**
 * The state of a run that is about to start its daemon, or to bring its home forward first.
 * @param recording when to put the documents in order that a start could not: the daemon is started, and upgrades wait.
 */
export function initialState(settings: RunSettings, plan: PlanView, recording: RunState["recording"] = null): RunState {
  return {
    settings,
    phase: { kind: "restarting", at: 0n },
    failures: 0,
    plan,
    progress: new Map(),
    forward: { attempts: 0, heldUntil: null },
    back: NO_WAY_BACK_TRIED,
    recording,
    probation: null,
    endless: false,
  };
}

const NO_WAY_BACK_TRIED: RunState["back"] = { attempts: 0, heldUntil: null, since: null };

export function decide(before: RunState, input: RunInput, now: Moment): Decision {
  if (before.phase.kind === "ended") return { state: before, effects: [] };
  const effects: Effect[] = [];
  const say = (event: NymvisorEvent) => effects.push({ type: "emit", event });
  const reacted = react(before, input, now, effects, say);
  const state = reacted.phase.kind === "ended" ? reacted : advance(reacted, now, effects, say);
  return { state, effects };
}

type Say = (event: NymvisorEvent) => void;

function react(state: RunState, input: RunInput, now: Moment, effects: Effect[], say: Say): RunState {
  switch (input.type) {
    case "started":
      // A stop that was asked for while the daemon was being started.
      if (state.phase.kind !== "starting") return state;
      tellUpgrade(state, now.monotonic, say);
      return { ...startedOnProbation(state, now), phase: { kind: "running", since: now.monotonic } };
    case "start-failed":
      // Given up, because a stop was asked for meanwhile.
      if (state.phase.kind === "stopping")
        return end(state, 0, `it was asked to stop by ${state.phase.signal}`, effects);
      if (state.phase.kind !== "starting") return state;
      tellUpgrade(state, null, say);
      say({ type: "daemon.start-failed", reason: input.reason });
      return afterFailure(state, 0n, 1, `the daemon could not be started: ${input.reason}`, now, effects, say);
    case "exited":
      return afterExit(state, input.exitCode, input.signal, now, effects, say);
    case "stop-requested":
      return stop(state, input.signal, now, effects, say);
    case "plan-read":
      return planRead(state, input, now, effects, say);
    case "staged":
      return updateProgress(state, input.name, input.fingerprint, (progress) => ({
        ...progress,
        staging: { state: "staged" },
        stagingFailures: 0,
        reason: null,
      }));
    case "fetched":
      return updateProgress(state, input.name, input.fingerprint, (progress) => ({
        ...progress,
        staging: { state: "fetched" },
        stagingFailures: 0,
        reason: null,
      }));
    case "staging-failed":
      return stagingFailed(state, input, now, say);
    case "looked-at":
      return afterLook(state, input.look, input.sameProcess, now, effects, say);
    case "upgrade-ended":
      return upgradeEnded(state, input.result, now, effects, say);
    case "recorded":
      if (state.recording !== null && state.recording.failures > 0) say({ type: "documents.in-order" });
      return { ...state, recording: null };
    case "recording-failed":
      return postponeRecording(state, input.reason, now, say);
    case "time-passed":
      return state;
  }
}

/** That an upgrade is done is said once its daemon runs, or will not. @param runs since when it does, or null. */
function tellUpgrade({ phase }: RunState, runs: bigint | null, say: Say): void {
  if (phase.kind !== "starting" || phase.upgrade === null) return;
  const { name, version, stoppedAt, back } = phase.upgrade;
  const downtime = runs === null || stoppedAt === null ? null : runs - stoppedAt;
  say({ type: back ? "way-back.done" : "upgrade.done", name, version, downtime });
}

/** What follows from the state alone: starting what has to be staged, and whatever has fallen due. */
function advance(state: RunState, now: Moment, effects: Effect[], say: Say): RunState {
  const tried = advanceProbation(startRecording(state, now, effects), now, effects, say);
  const staging = startStaging(tried, now, effects);
  const { phase } = staging;
  if (phase.kind !== "running" && phase.kind !== "restarting") return staging;
  const target = nextTarget(staging, now);
  if (target !== null) {
    effects.push({ type: "perform", target });
    return { ...staging, phase: { kind: "upgrading", target, stopRequested: null, resume: phase } };
  }
  if (phase.kind === "restarting" && now.monotonic >= phase.at) {
    effects.push({ type: "start-daemon" });
    return { ...staging, phase: { kind: "starting", upgrade: null } };
  }
  return staging;
}

const UNRECORDED = "the documents of the last upgrade";

/** Upgrades wait until the last one is in the documents. */
function startRecording(state: RunState, now: Moment, effects: Effect[]): RunState {
  const { recording, phase } = state;
  if (recording === null || now.monotonic < recording.retryAt) return state;
  // What only waits for the daemon to run waits until it does.
  if (recording.failures === 0 && phase.kind === "starting") return state;
  effects.push({ type: "record" });
  return state;
}

function postponeRecording(state: RunState, reason: string, now: Moment, say: Say): RunState {
  const failures = (state.recording?.failures ?? 0) + 1;
  if (failures === 1) say({ type: "warning", about: UNRECORDED, reason });
  return { ...state, recording: { failures, retryAt: now.monotonic + delayAfter(failures, LOCAL_BACKOFF) } };
}

/** One at a time, in order of due time: two downloads would share the line, and the later one is not needed first. */
function startStaging(state: RunState, now: Moment, effects: Effect[]): RunState {
  const { phase } = state;
  if (phase.kind === "stopping" || (phase.kind === "upgrading" && phase.stopRequested !== null)) return state;
  const entries = state.plan.queue.filter((entry) => entry.objection === null);
  if (entries.some((entry) => state.progress.get(entry.name)?.staging.state === "running")) return state;
  const ready = (entry: QueuedUpgrade): boolean => {
    const staging = state.progress.get(entry.name)?.staging;
    if (staging?.state === "fetched") return now.wall >= entry.askFrom;
    return staging?.state === "waiting" || (staging?.state === "failed" && now.monotonic >= staging.retryAt);
  };
  const next = entries.find(ready);
  if (next === undefined) return state;
  effects.push({ type: "stage", name: next.name, fingerprint: next.fingerprint });
  return updateProgress(state, next.name, next.fingerprint, (progress) => ({
    ...progress,
    staging: { state: "running" },
  }));
}

function planRead(
  state: RunState,
  { plan, untouched = false }: Extract<RunInput, { type: "plan-read" }>,
  now: Moment,
  effects: Effect[],
  say: Say,
): RunState {
  const progress = new Map<string, Progress>();
  for (const entry of plan.queue) {
    // A plan may hold a name twice; all but one of them have an objection.
    const before = state.plan.queue.find(
      ({ name, objection }) => name === entry.name && (objection === null) === (entry.objection === null),
    );
    if (entry.objection !== null) {
      if (before?.objection === entry.objection) continue;
      say({ type: "release.refused", name: entry.name, version: entry.version, reason: entry.objection });
      continue;
    }
    progress.set(entry.name, progressAfterReading(state, entry, untouched));
    if (before?.due !== entry.due) {
      say({ type: "upgrade.scheduled", name: entry.name, version: entry.version, due: entry.due });
    }
  }
  for (const [name, { staging, fingerprint }] of state.progress) {
    if (staging.state !== "running" || progress.get(name)?.fingerprint === fingerprint) continue;
    effects.push({ type: "cancel-staging", name });
  }
  for (const name of new Set(state.plan.queue.map((entry) => entry.name))) {
    if (plan.queue.some((entry) => entry.name === name)) continue;
    const performed = state.phase.kind === "upgrading" && state.phase.target.name === name;
    if (!performed && plan.current !== name) say({ type: "upgrade.withdrawn", name });
  }
  tellHolds(state.plan.holds, plan.holds, now, say);
  return {
    ...state,
    plan,
    progress,
    forward: forwardAfterReading(state, plan, untouched),
    back: backAfterReading(state, plan),
  };
}

function backAfterReading({ back }: RunState, { goBack }: PlanView): RunState["back"] {
  return (goBack?.since ?? null) === back.since ? back : { ...NO_WAY_BACK_TRIED, since: goBack?.since ?? null };
}

function forwardAfterReading({ forward }: RunState, { behind }: PlanView, untouched: boolean): RunState["forward"] {
  if (!behind) return { attempts: 0, heldUntil: null };
  return untouched ? forward : { ...forward, heldUntil: null };
}

function tellHolds(known: readonly Hold[], read: readonly Hold[], now: Moment, say: Say): void {
  const inForce = (hold: Hold) => isOnHold([hold], now);
  const [before, holds] = [known.filter(inForce), read.filter(inForce)];
  const among = (others: readonly Hold[], { by, until }: Hold) =>
    others.some((other) => other.by === by && other.until === until);
  for (const hold of holds) if (!among(before, hold)) say({ type: "upgrades.held", ...hold });
  if (before.length > 0 && holds.length === 0) say({ type: "upgrades.resumed" });
}

function progressAfterReading(
  { progress }: RunState,
  { name, fingerprint }: QueuedUpgrade,
  untouched: boolean,
): Progress {
  const known = progress.get(name);
  if (known?.fingerprint !== fingerprint) {
    const staging = { state: "waiting" } as const;
    return { fingerprint, staging, stagingFailures: 0, attempts: 0, heldUntil: null, reason: null };
  }
  if (untouched) return known;
  // Something in the plan was touched, perhaps because a person has mended what failed: try again at once.
  const staging = known.staging.state === "failed" ? ({ state: "waiting" } as const) : known.staging;
  return { ...known, staging, heldUntil: null };
}

function stagingFailed(
  state: RunState,
  { name, fingerprint, reason, local, busy = false }: Extract<RunInput, { type: "staging-failed" }>,
  now: Moment,
  say: Say,
): RunState {
  return updateProgress(state, name, fingerprint, (progress) => {
    const failures = progress.stagingFailures + 1;
    const delay = delayAfter(failures, local ? LOCAL_BACKOFF : STAGING_BACKOFF);
    // Said once for each reason, not once for each try.
    if (progress.reason !== reason && busy) say({ type: "upgrade.waiting", name, reason });
    else if (progress.reason !== reason) say({ type: "staging.failed", name, reason, retryIn: delay });
    return {
      ...progress,
      staging: { state: "failed", reason, retryAt: now.monotonic + delay },
      stagingFailures: failures,
      reason,
    };
  });
}

function upgradeEnded(state: RunState, result: UpgradeResult, now: Moment, effects: Effect[], say: Say): RunState {
  if (state.phase.kind !== "upgrading") return state;
  const { target, stopRequested, resume } = state.phase;
  const after = recordResult(state, target, result, now, effects, say);
  // The plan was edited back and forth meanwhile.
  const staging = result.outcome === "done" && state.progress.get(target.name)?.staging.state === "running";
  if (staging) effects.push({ type: "cancel-staging", name: target.name });
  const ended = (why: string): RunState => {
    if (result.outcome === "done") {
      const type = target.kind === "back" ? "way-back.done" : "upgrade.done";
      say({ type, name: result.name, version: result.version, downtime: null });
    }
    return end(after, 0, why, effects);
  };
  if (stopRequested !== null) {
    const nothingRuns = result.outcome === "done" || result.stopped || resume.kind !== "running";
    if (nothingRuns) return ended(`it was asked to stop by ${stopRequested}`);
    effects.push({ type: "stop-daemon", why: stopRequested });
    return { ...after, phase: { kind: "stopping", signal: stopRequested } };
  }
  if (result.outcome === "done") {
    if (result.manual !== null) {
      say({ type: "upgrade.manual", name: target.name, ...result.manual });
      return ended("the upgrade asks for a person before the new version is started");
    }
    if (!after.settings.restartAfterUpgrade && target.kind === "upgrade") {
      return ended("it was told not to start the daemon after an upgrade");
    }
  } else if (!result.stopped) {
    if (resume.kind !== "ended-meanwhile") return { ...after, phase: resume };
    return afterRun(after, resume.ranFor, resume.exitCode, resume.signal, now, effects, say);
  }
  effects.push({ type: "start-daemon" });
  const told = result.outcome === "done" && target.kind !== "forward";
  const back = target.kind === "back";
  const upgrade = told ? { name: result.name, version: result.version, stoppedAt: result.stoppedAt, back } : null;
  return { ...after, phase: { kind: "starting", upgrade } };
}

function recordResult(
  before: RunState,
  target: Target,
  result: UpgradeResult,
  now: Moment,
  effects: Effect[],
  say: Say,
): RunState {
  const left = result.outcome === "done" || result.outcome === "failed" ? (result.unrecorded ?? null) : null;
  const later = result.outcome === "done" && result.toRecord === true;
  const pending = later ? { ...before, recording: { failures: 0, retryAt: now.monotonic } } : before;
  const state = left === null ? pending : postponeRecording(before, left, now, say);
  if (result.outcome === "done") {
    // Read anew right after this.
    const goBack = target.kind === "back" ? null : state.plan.goBack;
    const plan: PlanView = { ...state.plan, behind: false, goBack };
    const fresh = { failures: 0, forward: { attempts: 0, heldUntil: null }, back: NO_WAY_BACK_TRIED };
    if (target.kind === "back") return { ...state, ...fresh, plan, probation: null, endless: true };
    const queue = plan.queue.filter(({ name }) => name !== target.name);
    const progress = new Map(state.progress);
    progress.delete(target.name);
    const moved = { ...state, ...fresh, plan: { ...plan, current: target.name, queue }, progress, endless: false };
    const { version, noWayBack } = result;
    return tryOut(moved, { name: target.name, version, noWayBack }, now);
  }
  if (result.outcome === "postponed") return waitForTurn(state, target, result.reason, now, say);
  if (result.outcome === "given-up") {
    say({ type: "upgrade.aborted", name: target.name, reason: result.reason });
    if (target.kind === "back") return holdBack(state, WAITING_BACKOFF.first, now);
    // Until the plan, in which something must have changed, has been read again.
    const heldUntil = now.monotonic + WAITING_BACKOFF.first;
    if (target.kind === "forward") return { ...state, forward: { ...state.forward, heldUntil } };
    return updateProgress(state, target.name, target.fingerprint, (progress) => ({ ...progress, heldUntil }));
  }
  const backoff = result.stopped ? UPGRADE_BACKOFF : WAITING_BACKOFF;
  const announce = (before: string | null, delay: Duration) => {
    if (before === result.reason && !result.stopped) return;
    const type = target.kind === "back" ? "way-back.failed" : "upgrade.failed";
    say({ type, name: target.name, reason: result.reason, retryIn: delay });
  };
  if (target.kind === "back") {
    if (result.hopeless === true) return withoutWayBack(state, target, result.reason, effects, say);
    const delay = delayAfter(state.back.attempts + 1, backoff);
    announce(null, delay);
    const { attempts, since } = state.back;
    const endless = state.endless || result.halfway === true;
    return {
      ...holdBack(state, delay, now),
      back: { attempts: attempts + 1, heldUntil: now.monotonic + delay, since },
      endless,
    };
  }
  if (target.kind === "forward") {
    const attempts = state.forward.attempts + 1;
    const delay = delayAfter(attempts, backoff);
    announce(null, delay);
    return { ...state, forward: { attempts, heldUntil: now.monotonic + delay } };
  }
  return updateProgress(state, target.name, target.fingerprint, (progress) => {
    const attempts = progress.attempts + 1;
    const delay = delayAfter(attempts, backoff);
    announce(progress.reason, delay);
    // What was staged is looked at again before the next attempt, unless that is going on already.
    const again = { state: "failed", reason: result.reason, retryAt: now.monotonic + delay } as const;
    const staging = progress.staging.state === "running" ? progress.staging : again;
    return { ...progress, staging, attempts, heldUntil: now.monotonic + delay, reason: result.reason };
  });
}

function holdBack(state: RunState, delay: Duration, now: Moment): RunState {
  return { ...state, back: { ...state.back, heldUntil: now.monotonic + delay } };
}

/** What a person ordered cannot be done, or a version that has failed has to stay. */
function withoutWayBack(
  state: RunState,
  { order, name }: Extract<Target, { kind: "back" }>,
  reason: string,
  effects: Effect[],
  say: Say,
): RunState {
  if (order !== null) {
    say({ type: "way-back.refused", name, reason });
    // By now it was withdrawn, or is another one.
    if (state.plan.goBack?.since !== order.since) return state;
    effects.push({ type: "drop-order", reason });
    return { ...state, plan: { ...state.plan, goBack: null } };
  }
  return state.probation === null ? state : { ...state, probation: { ...state.probation, noWayBack: reason } };
}

/** Said once for each time that it waits, whoever has the turn. */
function waitForTurn(state: RunState, target: Target, reason: string, now: Moment, say: Say): RunState {
  const heldUntil = now.monotonic + TURN_DELAY;
  if (target.kind === "forward") {
    if (state.forward.heldUntil === null) say({ type: "upgrade.waiting", name: target.name, reason });
    return { ...state, forward: { ...state.forward, heldUntil } };
  }
  if (target.kind === "back") {
    if (state.back.heldUntil === null) say({ type: "upgrade.waiting", name: target.name, reason });
    return { ...state, back: { ...state.back, heldUntil } };
  }
  return updateProgress(state, target.name, target.fingerprint, (progress) => {
    if (progress.heldUntil === null) say({ type: "upgrade.waiting", name: target.name, reason });
    return { ...progress, heldUntil };
  });
}

function afterExit(
  state: RunState,
  exitCode: number | null,
  signal: string | null,
  now: Moment,
  effects: Effect[],
  say: Say,
): RunState {
  switch (state.phase.kind) {
    case "stopping":
      return end(state, 0, `it was asked to stop by ${state.phase.signal}`, effects);
    case "running":
      return afterRun(state, now.monotonic - state.phase.since, exitCode, signal, now, effects, say);
    case "upgrading": {
      const { resume } = state.phase;
      if (resume.kind !== "running") return state;
      // It may be the attempt's own doing: what follows from it is decided when the attempt has ended.
      const ended = { kind: "ended-meanwhile", ranFor: now.monotonic - resume.since, exitCode, signal } as const;
      return { ...state, phase: { ...state.phase, resume: ended } };
    }
    default:
      return state;
  }
}

function afterRun(
  state: RunState,
  ranFor: Duration,
  exitCode: number | null,
  signal: string | null,
  now: Moment,
  effects: Effect[],
  say: Say,
): RunState {
  say({ type: "daemon.exited", exitCode, signal, ranFor });
  if (exitCode === 0) {
    const ended = endedOnProbation(state, "the daemon ended by itself with 0", true, now, effects, say);
    return end(ended, 0, "the daemon ended by itself", effects);
  }
  const why = signal === null ? `the daemon exited with ${exitCode}` : `the daemon was ended by ${signal}`;
  return afterFailure(state, ranFor, exitStatus(exitCode, signal), why, now, effects, say);
}

function afterFailure(
  state: RunState,
  ranFor: Duration,
  status: number,
  why: string,
  now: Moment,
  effects: Effect[],
  say: Say,
): RunState {
  const { restartOnFailure, startupPeriod, maxStartupFailures, failureRestartDelay } = state.settings;
  if (state.probation !== null) {
    const tried = endedOnProbation(state, why, false, now, effects, say);
    const { deaths, settings, failed } = tried.probation ?? state.probation;
    if (failed === null) {
      say({
        type: "daemon.restart-scheduled",
        delay: failureRestartDelay,
        failures: deaths,
        most: settings.mostDeaths,
      });
    }
    // What has failed is gone back from, or kept: either follows now, and else it is started again by and by.
    const decided = advanceProbation(
      { ...tried, phase: { kind: "restarting", at: now.monotonic + failureRestartDelay } },
      now,
      effects,
      say,
    );
    if (decided.probation !== null) return decided;
    // However long it ran, that is no reason to trust it.
    return afterFailure(decided, 0n, status, why, now, effects, say);
  }
  const quiet = ranFor >= startupPeriod;
  const endless = state.endless && !quiet;
  if (!restartOnFailure && !endless) return end(state, status, `${why}, and restarts are off`, effects);
  const failures = quiet ? 1 : state.failures + 1;
  if (failures >= maxStartupFailures && !endless) {
    const spent = `failures in a row: ${failures} of at most ${maxStartupFailures}`;
    return end({ ...state, failures }, status, `${why}; ${spent}`, effects);
  }
  const delay = delayAfter(failures, restartBackoff(failureRestartDelay, endless));
  const most = endless ? null : maxStartupFailures;
  say({ type: "daemon.restart-scheduled", delay, failures, most });
  return { ...state, endless, failures, phase: { kind: "restarting", at: now.monotonic + delay } };
}

function stop(state: RunState, signal: string, now: Moment, effects: Effect[], say: Say): RunState {
  for (const [name, { staging }] of state.progress) {
    if (staging.state === "running") effects.push({ type: "cancel-staging", name });
  }
  if (state.probation !== null) {
    const probation = passTime(state.probation, now.monotonic);
    const { proven } = progressOf(state.probation);
    effects.push({ type: "note-probation", progress: { ...progressOf(probation), proven } });
  }
  switch (state.phase.kind) {
    case "starting":
    case "running":
      tellUpgrade(state, null, say);
      effects.push({ type: "stop-daemon", why: signal });
      return { ...state, phase: { kind: "stopping", signal } };
    case "restarting":
      return end(state, 0, `it was asked to stop by ${signal}`, effects);
    case "upgrading":
      if (state.phase.stopRequested !== null) return state;
      effects.push({ type: "give-up-upgrade", why: `nymvisor was asked to stop by ${signal}` });
      return { ...state, phase: { ...state.phase, stopRequested: signal } };
    default:
      return state;
  }
}

function end(state: RunState, exitCode: number, why: string, effects: Effect[]): RunState {
  effects.push({ type: "end", exitCode, why });
  return { ...state, phase: { kind: "ended" } };
}

function updateProgress(
  state: RunState,
  name: string,
  fingerprint: string,
  change: (progress: Progress) => Progress,
): RunState {
  const progress = state.progress.get(name);
  // The entry was withdrawn or replaced meanwhile: the news is about something that is no longer wanted.
  if (progress === undefined || progress.fingerprint !== fingerprint) return state;
  return { ...state, progress: new Map(state.progress).set(name, change(progress)) };
}

/** Linux's numbers (signal(7)) of the signals that end processes in practice; the same on x86 and arm. */
const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/** The exit status that stands for an ending: the daemon's own, or 128 and the number of its signal. */
export function exitStatus(exitCode: number | null, signal: string | null): number {
  if (signal !== null) return 128 + (SIGNALS[signal] ?? 0);
  return exitCode ?? 1;
}

/** When something falls due by itself: the earliest monotonic and the earliest wall-clock moment, or null. */
export function nextWake(state: RunState, now: Moment): { monotonic: bigint | null; wall: bigint | null } {
  const delays: bigint[] = [];
  const { phase } = state;
  if (phase.kind === "ended" || phase.kind === "stopping") return { monotonic: null, wall: null };
  if (phase.kind === "restarting") delays.push(phase.at);
  if (state.recording !== null) delays.push(state.recording.retryAt);
  if (state.back.heldUntil !== null) delays.push(state.back.heldUntil);
  if (state.probation !== null && (phase.kind === "running" || phase.kind === "restarting")) {
    const moment = nextProbationMoment(state.probation, phase.kind === "running");
    if (moment !== null) delays.push(moment);
  }
  if (state.plan.behind && state.forward.heldUntil !== null) delays.push(state.forward.heldUntil);
  for (const { staging, heldUntil } of state.progress.values()) {
    if (staging.state === "failed") delays.push(staging.retryAt);
    if (heldUntil !== null) delays.push(heldUntil);
  }
  const entries = state.plan.queue.filter(({ objection }) => objection === null);
  const { windows } = state.settings;
  const opening = windows.length > 0 && !isOpen(windows, now.wall) ? nextOpen(windows, now.wall) : null;
  const dues = [
    ...entries.flatMap(({ due, askFrom }) => [due, askFrom]),
    ...state.plan.holds.flatMap(({ until }) => (until === null ? [] : [until])),
    ...(opening === null ? [] : [opening.start]),
  ];
  const later = (moments: bigint[], than: bigint) => {
    const ahead = moments.filter((moment) => moment > than);
    return ahead.toSorted((a, b) => (a < b ? -1 : 1))[0] ?? null;
  };
  return { monotonic: later(delays, now.monotonic), wall: later(dues, now.wall) };
}
