import type { NymvisorEvent } from "../model/events.ts";
import {
  beginProbation,
  hasPassed,
  type Look,
  lookedAt,
  NO_PROGRESS,
  type Probation,
  type ProbationProgress,
  type ProbationSettings,
  processDied,
  processQuit,
  processStarted,
  progressOf,
  waitedWithoutProcess,
} from "./probation.ts";
import type { Effect, Moment, RunSettings, RunState } from "./run-state.ts";

/** How the probation of a version goes on within a run: what its process and its health mean for it, and for the run. */

type Say = (event: NymvisorEvent) => void;

/** A version is on probation from now on, or was already when nymvisor was started. */
export function tryOut(
  state: RunState,
  tried: { name: string; version: string; noWayBack: string | null },
  now: Moment,
  progress: ProbationProgress = NO_PROGRESS,
): RunState {
  return { ...state, probation: beginProbation(tried, settingsOf(state.settings), progress, now.monotonic) };
}

function settingsOf({ probation, restartOnFailure, maxStartupFailures }: RunSettings): ProbationSettings {
  const mostDeaths = restartOnFailure ? Math.max(1, maxStartupFailures) : 1;
  return { ...probation, mostDeaths, mostQuits: Math.max(1, maxStartupFailures) };
}

/** Its process runs. */
export function startedOnProbation(state: RunState, now: Moment): RunState {
  const { probation } = state;
  return probation === null ? state : { ...state, probation: processStarted(probation, now.monotonic) };
}

/** Its process has failed or could not be started; or, `clean`, has ended by itself with 0. */
export function endedOnProbation(
  state: RunState,
  why: string,
  clean: boolean,
  now: Moment,
  effects: Effect[],
  say: Say,
): RunState {
  const { probation } = state;
  if (probation === null) return state;
  const ended = (clean ? processQuit : processDied)(probation, why, now.monotonic);
  return goOn(state, ended, effects, say, true);
}

export function afterLook(
  state: RunState,
  look: Look,
  sameProcess: boolean,
  now: Moment,
  effects: Effect[],
  say: Say,
): RunState {
  const { probation } = state;
  // What has been started since is looked at by itself.
  if (probation === null || !sameProcess) return state;
  const isRunning = state.phase.kind === "running";
  return goOn(state, lookedAt(probation, look, isRunning, now.monotonic), effects, say, true);
}

/** What follows for the probation from the time that has passed. */
export function advanceProbation(state: RunState, now: Moment, effects: Effect[], say: Say): RunState {
  const { probation, phase } = state;
  if (probation === null) return state;
  if (probation.failed !== null) return keepIfNoWayBack(state, probation, effects, say);
  if (phase.kind === "running") {
    // The verdict goes into the documents, so these come first.
    if (hasPassed(probation) && state.recording === null) return passed(state, probation, effects, say);
    if (probation.look.state === "under-way" || now.monotonic < probation.look.at) return state;
    effects.push({ type: "look" });
    // Its time is counted with the answer: until then nobody knows that it was well in it.
    return { ...state, probation: { ...probation, look: { state: "under-way" } } };
  }
  // At the beginning of a run nothing has been started yet that could be unwell: what that takes is not its fault.
  if (phase.kind !== "restarting" || phase.at === 0n) return state;
  const waited = goOn(state, waitedWithoutProcess(probation, now.monotonic), effects, say, false);
  return waited.probation === null ? waited : keepIfNoWayBack(waited, waited.probation, effects, say);
}

function goOn(state: RunState, probation: Probation, effects: Effect[], say: Say, note: boolean): RunState {
  const failed = probation.failed !== null && state.probation?.failed === null;
  if (note || failed) effects.push({ type: "note-probation", progress: progressOf(probation) });
  if (failed) {
    const { name, version, failed: why } = probation;
    say({ type: "probation.failed", name, version, why: why ?? "" });
  } else if (probation.why !== null && probation.why !== state.probation?.why) {
    say({ type: "probation.unwell", name: probation.name, version: probation.version, why: probation.why });
  }
  return { ...state, probation };
}

function passed(state: RunState, { name, version }: Probation, effects: Effect[], say: Say): RunState {
  say({ type: "probation.passed", name, version });
  effects.push({ type: "end-probation", failed: null });
  return { ...state, probation: null, failures: 0 };
}

/** It has failed, and stays all the same: an error state that can be seen. */
function keepIfNoWayBack(state: RunState, probation: Probation, effects: Effect[], say: Say): RunState {
  const why = whyNoWayBack(state.settings, probation);
  if (probation.failed === null || why === null || state.recording !== null) return state;
  const { name, version, failed } = probation;
  say({ type: "probation.failed-stays", name, version, why });
  effects.push({ type: "end-probation", failed: `${failed}; it stays: ${why}` });
  return { ...state, probation: null, failures: 0, endless: state.settings.restartOnFailure };
}

function whyNoWayBack({ goBackByItself }: RunSettings, { noWayBack }: Probation): string | null {
  return goBackByItself ? noWayBack : "[rollback] automatic is off";
}
