/**
 * Lengths of time, read and written as the humantime crate does (its documentation is the source of units and factors):
 * `1h 30m`, `500ms`, `2days`. Held as whole nanoseconds, so that nothing is lost between reading and writing.
 */
export type Duration = bigint;

const NANOSECOND = 1n;
const MICROSECOND = 1_000n * NANOSECOND;
const MILLISECOND = 1_000n * MICROSECOND;
const SECOND = 1_000n * MILLISECOND;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;
const WEEK = 7n * DAY;
/** humantime's month is 30.44 days and its year 365.25 days. */
const MONTH = 2_630_016n * SECOND;
const YEAR = 31_557_600n * SECOND;

const UNITS: ReadonlyMap<string, bigint> = new Map(
  (
    [
      [NANOSECOND, "ns nsec nanosecond nanoseconds nanos"],
      [MICROSECOND, "us usec microsecond microseconds micros µs"],
      [MILLISECOND, "ms msec millisecond milliseconds millis"],
      [SECOND, "s sec secs second seconds"],
      [MINUTE, "m min mins minute minutes"],
      [HOUR, "h hr hrs hour hours"],
      [DAY, "d day days"],
      [WEEK, "w wk wks week weeks"],
      [MONTH, "M month months"],
      [YEAR, "y yr yrs year years"],
    ] as const
  ).flatMap(([factor, names]) => names.split(" ").map((name) => [name, factor] as const)),
);

/** The longest duration that is taken: 2^64 - 1 seconds is humantime's own limit. */
const LONGEST = (2n ** 64n - 1n) * SECOND;

/** Reads `1h`, `1h 30m`, `2days`. @throws {RangeError} with a message that says what is wrong with the text. */
export function parseDuration(text: string): Duration {
  const trimmed = text.trim();
  if (trimmed === "") throw new RangeError("a duration is empty; write one such as 1h, 90s or 1h 30m");
  if (trimmed === "0") return 0n;
  let total = 0n;
  let rest = trimmed;
  while (rest !== "") {
    const part = /^(\d+)\s*([A-Za-zµ]*)\s*/.exec(rest);
    if (part === null) throw new RangeError(`"${text}" is not a duration; write one such as 1h, 90s or 1h 30m`);
    const [matched, digits = "", unit = ""] = part;
    const factor = UNITS.get(unit);
    if (factor === undefined) {
      const problem = unit === "" ? `${digits} has no unit` : `${unit} is not a unit of time`;
      throw new RangeError(`"${text}" is not a duration: ${problem} (ns us ms s m h d w M y)`);
    }
    total += BigInt(digits) * factor;
    if (total > LONGEST) throw new RangeError(`"${text}" is too long for a duration`);
    rest = rest.slice(matched.length);
  }
  return total;
}

const PRINTED: readonly (readonly [bigint, (count: bigint) => string])[] = [
  [YEAR, (count) => (count === 1n ? "year" : "years")],
  [MONTH, (count) => (count === 1n ? "month" : "months")],
  [DAY, (count) => (count === 1n ? "day" : "days")],
  [HOUR, () => "h"],
  [MINUTE, () => "m"],
  [SECOND, () => "s"],
  [MILLISECOND, () => "ms"],
  [MICROSECOND, () => "us"],
  [NANOSECOND, () => "ns"],
];

/** Writes the largest unit first: `2m`, `5ms 316us`, `1day 2h`; nothing at all is `0s`. */
export function formatDuration(duration: Duration): string {
  let rest = duration;
  const parts: string[] = [];
  for (const [factor, unit] of PRINTED) {
    const count = rest / factor;
    if (count === 0n) continue;
    parts.push(`${count}${unit(count)}`);
    rest -= count * factor;
  }
  return parts.length === 0 ? "0s" : parts.join(" ");
}

/** Milliseconds for timers, rounded up so that a positive duration never becomes none. */
export function toMilliseconds(duration: Duration): number {
  return Number((duration + MILLISECOND - 1n) / MILLISECOND);
}

export function fromMilliseconds(milliseconds: number): Duration {
  return BigInt(Math.round(milliseconds * 1e6));
}
