import type { Instant } from "../model/instant.ts";
import type { Window } from "../model/window.ts";

const MINUTE = 60_000_000_000n;
const DAY = 1440n * MINUTE;

/** How far back and ahead of a moment windows are looked for: in a year every one has opened. */
export const HORIZON = 400n * DAY;

/** When the windows are open without a break; the end is outside. */
export interface Opening {
  start: Instant;
  end: Instant | null;
}

/**
 * Whether the wall clock of one of the windows' zones lies in it; no windows are always open. So an hour that is left
 * out when clocks are put forward never opens, and one that comes twice when they are put back opens twice.
 */
export function isOpen(windows: readonly Window[], at: Instant): boolean {
  return windows.length === 0 || windows.some((window) => isWithin(window, at));
}

/**
 * The opening that holds `from`, or the next one after it; windows that overlap or touch are one opening. Null: none
 * within {@link HORIZON}. Its end is null if it has none within the horizon, and always without windows, where it
 * starts at `from`. One that began longer ago than the horizon counts as begun there.
 */
export function nextOpen(windows: readonly Window[], from: Instant): Opening | null {
  if (windows.length === 0) return { start: from, end: null };
  const start = isOpen(windows, from) ? openSince(windows, from) : nextChange(windows, from);
  if (start === null) return null;
  return { start, end: nextChange(windows, start > from ? start : from) };
}

/** The first moment after `at` when the windows are open and were not, or the other way round. */
function nextChange(windows: readonly Window[], at: Instant): Instant | null {
  const open = isOpen(windows, at);
  for (let moment = at; moment - at < HORIZON; ) {
    moment = earliest(windows.map((window) => boundaryAfter(window, moment)));
    if (isOpen(windows, moment) !== open) return moment;
  }
  return null;
}

/** Since when they have been open that are open at `at`. */
function openSince(windows: readonly Window[], at: Instant): Instant {
  let since = at;
  while (at - since < HORIZON) {
    const before = latest(windows.map((window) => boundaryBefore(window, since)));
    if (!isOpen(windows, before)) return since;
    since = before;
  }
  return since;
}

function isWithin({ days, from, to, zone }: Window, at: Instant): boolean {
  const wall = wallClock(zone, at);
  const day = floorDivide(wall, DAY);
  const minute = (wall - day * DAY) / MINUTE;
  const begun = minute >= from;
  const over = minute >= to;
  if (from < to) return begun && !over && beginsOn(days, day);
  return (begun && beginsOn(days, day)) || (!over && beginsOn(days, day - 1n));
}

/** `day` counts from 1970-01-01, which was a Thursday. */
function beginsOn(days: readonly number[] | null, day: bigint): boolean {
  return days === null || days.includes(Number((((day + 4n) % 7n) + 7n) % 7n));
}

/** The first moment after `at` when the window may begin or end: its times on any day, and where the clocks are moved. */
function boundaryAfter(window: Window, at: Instant): Instant {
  const offset = offsetAt(window.zone, at);
  const moments = timesAround(window, at + offset).map((wall) => wall - offset);
  const moved = clocksMoved(window.zone, at, "next");
  return earliest([...moments, ...(moved === null ? [] : [moved])].filter((moment) => moment > at));
}

/** The last one before `at`. */
function boundaryBefore(window: Window, at: Instant): Instant {
  const offset = offsetAt(window.zone, at - 1n);
  const moments = timesAround(window, at + offset).map((wall) => wall - offset);
  const moved = clocksMoved(window.zone, at, "previous");
  return latest([...moments, ...(moved === null ? [] : [moved])].filter((moment) => moment < at));
}

/** Its times on the day of `wall`, the day before and the day after, by the wall clock. */
function timesAround({ from, to }: Window, wall: bigint): bigint[] {
  const day = floorDivide(wall, DAY);
  return [day - 1n, day, day + 1n].flatMap((one) => [from, to].map((minute) => one * DAY + BigInt(minute) * MINUTE));
}

/** Nanoseconds that the zone's wall clock shows since its 1970-01-01 00:00. */
function wallClock(zone: string, at: Instant): bigint {
  return at + offsetAt(zone, at);
}

function offsetAt(zone: string, at: Instant): bigint {
  return BigInt(new Temporal.Instant(at).toZonedDateTimeISO(zone).offsetNanoseconds);
}

function clocksMoved(zone: string, at: Instant, direction: "next" | "previous"): Instant | null {
  const moved = new Temporal.Instant(at).toZonedDateTimeISO(zone).getTimeZoneTransition(direction);
  return moved === null ? null : moved.epochNanoseconds;
}

function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}

function earliest(moments: readonly Instant[]): Instant {
  return moments.reduce((left, right) => (isBefore(left, right) ? left : right));
}

function latest(moments: readonly Instant[]): Instant {
  return moments.reduce((left, right) => (isBefore(left, right) ? right : left));
}

function isBefore(left: Instant, right: Instant): boolean {
  return left < right;
}
