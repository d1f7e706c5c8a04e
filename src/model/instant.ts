/**
 * Points in time: whole nanoseconds since 1970-01-01T00:00:00Z. Read from RFC 3339 with any offset and up to nine
 * fractional digits, written in UTC with `Z` and no trailing zeros in the fraction, as Rust's `time` crate does.
 */
export type Instant = bigint;

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})$/;

const EARLIEST = Date.parse("0000-01-01T00:00:00.000Z");
const LATEST = Date.parse("9999-12-31T23:59:59.999Z");

/** @throws {RangeError} with a message that says what a datetime looks like. */
export function parseInstant(text: string): Instant {
  const refuse = () =>
    new RangeError(
      `"${text}" is not an RFC 3339 datetime; write one such as 2026-11-21T09:08:32Z or 2026-11-21T10:08:32.5+01:00`,
    );
  const match = RFC3339.exec(text);
  if (match === null) throw refuse();
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  // RFC 3339 allows a leap second, which POSIX time has no place for: it counts as the last ordinary one.
  const wholeSecond = second === 60 ? 59 : second;
  const milliseconds = Date.UTC(year, month - 1, day, hour, minute, wholeSecond);
  const date = new Date(milliseconds);
  if (year < 100) date.setUTCFullYear(year);
  const sameDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!sameDay || hour > 23 || minute > 59 || second > 60) throw refuse();
  const offset = match[8] ?? "Z";
  let shift = 0;
  if (offset.toUpperCase() !== "Z") {
    const hours = Number(offset.slice(1, 3));
    const minutes = Number(offset.slice(4, 6));
    if (hours > 23 || minutes > 59) throw refuse();
    shift = (hours * 60 + minutes) * 60_000 * (offset.startsWith("-") ? -1 : 1);
  }
  const fraction = BigInt((match[7] ?? "").padEnd(9, "0"));
  const shifted = date.getTime() - shift;
  // An offset can lead out of the years that are written with four digits: it could not be read again.
  if (shifted < EARLIEST || shifted > LATEST) throw refuse();
  return BigInt(shifted) * 1_000_000n + fraction;
}

/** `2026-11-21T09:08:32.734724Z`. */
export function formatInstant(instant: Instant): string {
  const nanoseconds = ((instant % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = (instant - nanoseconds) / 1_000_000_000n;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const fraction = nanoseconds === 0n ? "" : `.${nanoseconds.toString().padStart(9, "0").replace(/0+$/, "")}`;
  return `${whole}${fraction}Z`;
}

/** The stamp in a backup's name, in UTC: `2026-11-21-090832737`. */
export function formatStamp(instant: Instant): string {
  return new Date(Number(instant / 1_000_000n)).toISOString().replace(/[:.Z]/g, "").replace("T", "-");
}

/** The moment that {@link formatStamp} wrote; undefined for any other text. */
export function parseStamp(stamp: string): Instant | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})-(\d{2})(\d{2})(\d{2})(\d{3})$/.exec(stamp);
  if (match === null) return undefined;
  const [, day, hour, minute, second, millisecond] = match;
  const milliseconds = Date.parse(`${day}T${hour}:${minute}:${second}.${millisecond}Z`);
  return Number.isNaN(milliseconds) ? undefined : BigInt(milliseconds) * 1_000_000n;
}

export function instantFromMilliseconds(milliseconds: number): Instant {
  return BigInt(Math.floor(milliseconds)) * 1_000_000n;
}
