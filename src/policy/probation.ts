import type { Duration } from "../model/duration.ts";

/**
 * Whether a version that a node was switched to proves itself. It is well while every check that applies holds; it has
 * passed when they have all held, without a break, for the last third of its time; it has failed when its process ended too
 * often, or when it is not well at the end. Time counts while nymvisor wants the daemon to run.
 */
export interface ProbationSettings {
  /** How long it is tried. */
  limit: Duration;
  /** How long it may be unwell at first. */
  grace: Duration;
  /** Between two looks at its health. */
  interval: Duration;
  /** How often its process may end before it has failed; at least 1. */
  mostDeaths: number;
  /** The same for ends with 0, each of which ends the run as well. */
  mostQuits: number;
}

/** What is noted, so that a later run goes on where this one was. */
export interface ProbationProgress {
  spent: Duration;
  /** How long it had been well without a break. */
  proven: Duration;
  deaths: number;
  /** How often its process has ended by itself with 0. */
  quits: number;
  /** Why it has failed, once it has. */
  failed: string | null;
}

export interface Probation {
  settings: ProbationSettings;
  name: string;
  version: string;
  /** Why there is no way back from it, or null. */
  noWayBack: string | null;
  /** Time that was spent up to the monotonic moment `countedTo`. */
  spent: Duration;
  countedTo: bigint;
  /** Time that was proven before the daemon was started last. */
  proven: Duration;
  /** `spent` at the look since which it has been well; null: it was not well when it was last looked at. */
  wellFrom: Duration | null;
  /** Until then, in `spent`, a version that is only starting may be unwell without losing what it has proven. */
  toleratedTo: Duration;
  deaths: number;
  quits: number;
  /** What was wrong at the last look. */
  why: string | null;
  failed: string | null;
  look: { state: "due"; at: bigint } | { state: "under-way" };
}

export const NO_PROGRESS: ProbationProgress = { spent: 0n, proven: 0n, deaths: 0, quits: 0, failed: null };

interface Tried {
  name: string;
  version: string;
  noWayBack: string | null;
}

/** @param progress of an earlier run of nymvisor: that the daemon has to start once more is not its fault. */
export function beginProbation(
  { name, version, noWayBack }: Tried,
  settings: ProbationSettings,
  progress: ProbationProgress,
  now: bigint,
): Probation {
  const { spent, proven, deaths, quits, failed } = progress;
  return {
    settings,
    name,
    version,
    noWayBack,
    spent,
    countedTo: now,
    proven,
    wellFrom: null,
    toleratedTo: spent === 0n ? settings.grace : startingUntil({ spent, settings }),
    deaths,
    quits,
    why: null,
    failed,
    look: { state: "due", at: now },
  };
}

/** What is to be noted of it. */
export function progressOf(probation: Probation): ProbationProgress {
  const { spent, deaths, quits, failed } = probation;
  return { spent, proven: provenBy(probation), deaths, quits, failed };
}

function provenBy({ spent, proven, wellFrom }: Pick<Probation, "spent" | "proven" | "wellFrom">): Duration {
  return wellFrom === null ? proven : proven + spent - wellFrom;
}

/** Counts the time up to now. */
export function passTime(probation: Probation, now: bigint): Probation {
  const { spent, countedTo } = probation;
  return now <= countedTo ? probation : { ...probation, spent: spent + now - countedTo, countedTo: now };
}

/** Its process has started: it is looked at as soon as that can be. What the start itself took proves nothing. */
export function processStarted(before: Probation, now: bigint): Probation {
  const started: Probation = { ...before, countedTo: now, look: { state: "due", at: now } };
  if (before.wellFrom === null) return started;
  // The one before was well, and was stopped by nymvisor itself: nothing is held against this one, which only starts.
  return { ...started, proven: provenBy(before), wellFrom: null, toleratedTo: startingUntil(started) };
}

/** How long, in `spent`, a version that nymvisor has started once more may take to be well again. */
function startingUntil({ spent, settings }: Pick<Probation, "spent" | "settings">): Duration {
  return spent + longer(settings.grace, settings.limit / 3n);
}

/** Its process has failed, or could not be started. */
export function processDied(before: Probation, why: string, now: bigint): Probation {
  const died = processGone({ ...before, deaths: before.deaths + 1 }, why, now);
  return died.deaths < died.settings.mostDeaths ? judgeUnwell(died) : failedAfter(died, died.deaths);
}

/** Its process has ended by itself with 0: perhaps as it was meant to, but one that keeps doing so is no node. */
export function processQuit(before: Probation, why: string, now: bigint): Probation {
  const quit = processGone({ ...before, quits: before.quits + 1 }, why, now);
  return quit.quits < quit.settings.mostQuits ? quit : failedAfter(quit, quit.quits);
}

function processGone(probation: Probation, why: string, now: bigint): Probation {
  return { ...passTime(probation, now), proven: 0n, wellFrom: null, why, toleratedTo: probation.settings.grace };
}

function failedAfter(probation: Probation, times: number): Probation {
  const { failed, why } = probation;
  return { ...probation, failed: failed ?? `${why}${times === 1 ? "" : `, ${times} times`}` };
}

export interface Look {
  well: boolean;
  reasons: readonly string[];
}

/** It was looked at. @param isRunning whether the process that was looked at still runs. */
export function lookedAt(before: Probation, { well, reasons }: Look, isRunning: boolean, now: bigint): Probation {
  const counted = passTime(before, now);
  const probation: Probation = { ...counted, look: { state: "due", at: now + counted.settings.interval } };
  if (!isRunning) return probation;
  if (well) {
    // It is up: the time that only a start may take is over.
    const { wellFrom, spent, settings } = probation;
    return atTheRightMoment({ ...probation, wellFrom: wellFrom ?? spent, toleratedTo: settings.grace, why: null }, now);
  }
  const why = reasons.join("; ");
  const { wellFrom, spent, toleratedTo } = probation;
  // It is only starting: what an earlier run has seen of it is not lost for that.
  if (wellFrom === null && spent < toleratedTo) return { ...probation, why };
  return judgeUnwell({ ...probation, why, proven: 0n, wellFrom: null });
}

/** The next look comes when it can decide, if that is sooner. */
function atTheRightMoment(probation: Probation, now: bigint): Probation {
  const left = leftUntilPassed(probation);
  const { interval } = probation.settings;
  if (left === null || left <= 0n || left >= interval) return probation;
  return { ...probation, look: { state: "due", at: now + left } };
}

/** How long it has to stay well to pass; null while it is not well. */
function leftUntilPassed(probation: Probation): Duration | null {
  const { spent, wellFrom, settings } = probation;
  if (wellFrom === null) return null;
  return longer(settings.limit - spent, third(settings.limit) - provenBy(probation));
}

/** It is unwell: whether that is the end of it. */
function judgeUnwell(probation: Probation): Probation {
  const { spent, toleratedTo, settings, failed, why } = probation;
  if (failed !== null || spent < longer(settings.limit, toleratedTo)) return probation;
  return { ...probation, failed: why ?? "it was not well at the end of its probation" };
}

/** While its process does not run nothing can be looked at: whether its time is over meanwhile. */
export function waitedWithoutProcess(probation: Probation, now: bigint): Probation {
  return judgeUnwell(passTime(probation, now));
}

export function hasPassed(probation: Probation): boolean {
  const { failed, look } = probation;
  const left = leftUntilPassed(probation);
  // The time goes on while it is looked at; only the answer tells whether it was well in it.
  return failed === null && look.state === "due" && left !== null && left <= 0n;
}

/** When, on the monotonic clock, something has to be decided about it although nothing happens. */
export function nextProbationMoment(probation: Probation, isRunning: boolean): bigint | null {
  const { look, failed, spent, countedTo, settings, toleratedTo } = probation;
  if (failed !== null) return null;
  if (isRunning) return look.state === "due" ? look.at : null;
  return countedTo + longer(0n, longer(settings.limit, toleratedTo) - spent);
}

/** Rounded up. */
function third(limit: Duration): Duration {
  return (limit + 2n) / 3n;
}

function longer(a: Duration, b: Duration): Duration {
  return a > b ? a : b;
}
