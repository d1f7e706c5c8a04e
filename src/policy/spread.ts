import type { Duration } from "../model/duration.ts";
import { type Instant, parseInstant } from "../model/instant.ts";
import type { Window } from "../model/window.ts";
import { HORIZON, nextOpen } from "./window.ts";

/** The last moment that can be written down as RFC 3339. */
const LAST = parseInstant("9999-12-31T23:59:59Z");

const SECOND = 1_000_000_000n;

/** 2^53: fractions are whole multiples of its inverse, which a number holds exactly. */
const STEPS = 2n ** 53n;

/**
 * Where in a spread an instance stands for a release: at least 0 and less than 1, always the same for a seed and a
 * name, and even over many seeds. FNV-1a over the bytes of both, mixed by the last step of MurmurHash3, as FNV alone
 * leaves the upper bits of short inputs alike. Nothing here needs to be hard to guess.
 */
export function fractionOf(seed: string, name: string): number {
  const bytes = new TextEncoder().encode(`${seed}\n${name}`);
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  hash = BigInt.asUintN(64, (hash ^ (hash >> 33n)) * 0xff51afd7ed558ccdn);
  hash = BigInt.asUintN(64, (hash ^ (hash >> 33n)) * 0xc4ceb9fe1a85ec53n);
  hash ^= hash >> 33n;
  return Number(hash >> 11n) / Number(STEPS);
}

/**
 * When something is due that is ready at `from`. Without windows: `fraction` of the spread later. With windows: in the
 * opening that holds `from`, else the next one; `fraction` of the spread later, or of what is left of the opening if
 * that is less, so that none is missed. Null: no window opens, or not in the years that can be written down.
 */
export function dueAfter(
  from: Instant,
  spread: Duration,
  fraction: number,
  windows: readonly Window[],
): Instant | null {
  if (windows.length === 0) return writable(from + share(spread, fraction));
  const opening = nextOpen(windows, from);
  if (opening === null) return null;
  const ready = opening.start > from ? opening.start : from;
  const left = opening.end === null ? HORIZON : opening.end - ready;
  const due = ready + share(spread < left ? spread : left, fraction);
  return due > LAST ? null : due;
}

/** `from` and a length of time later, but no later than can be written down. */
export function after(from: Instant, duration: Duration): Instant {
  return writable(from + duration);
}

function writable(instant: Instant): Instant {
  return instant > LAST ? LAST : instant;
}

/** In whole seconds, which are easier to read. Less than the whole, as the fraction is less than 1. */
function share(whole: Duration, fraction: number): Duration {
  const exact = (whole * BigInt(Math.floor(fraction * Number(STEPS)))) / STEPS;
  return exact - (exact % SECOND);
}
