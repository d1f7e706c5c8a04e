import { printable } from "./names.ts";

/**
 * When an upgrade may begin, by the wall clock of a time zone: `22:00-02:00`, `Mon-Fri 09:00-17:00 Europe/Berlin`. The
 * end is outside; one before the beginning lies on the next day.
 */
export interface Window {
  /** As it was written, with single spaces. */
  text: string;
  /** The days it may begin on, 0 (Sunday) to 6 in rising order; null: every day. */
  days: readonly number[] | null;
  /** Minutes of the day, 0 to 1439. */
  from: number;
  /** Minutes of the day, 0 to 1440, never the same as `from`. */
  to: number;
  /** A name of the IANA time zone database. */
  zone: string;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const EXAMPLE = "write one such as 22:00-04:00, Mon-Fri 09:00-17:00 or Sat 10:00-12:00 Europe/Berlin";
const FORM = /^(?:([A-Za-z]+(?:-[A-Za-z]+)?) )?(\d\d:\d\d)-(\d\d:\d\d)(?: (\S+))?$/;

/**
 * Reads `[Mon|Mon-Fri ]HH:MM-HH:MM[ IANA zone]`; without a zone it is UTC. `24:00` is an end only; `Sat-Mon` goes over
 * the week's end; upper and lower case are alike.
 * @throws {RangeError} with a message that quotes the text and says what is wrong with it.
 */
export function parseWindow(text: string): Window {
  const plain = text.trim().replace(/\s+/g, " ");
  const refuse = (reason: string) => new RangeError(`"${printable(text)}" is not a window: ${reason}`);
  const [, days, start = "", end = "", zone = "UTC"] = FORM.exec(plain) ?? [];
  if (start === "") throw refuse(EXAMPLE);
  const from = minutesOf(start);
  const to = minutesOf(end);
  if (from === undefined || from === 1440) throw refuse(`${start} is no time of day to begin at`);
  if (to === undefined) throw refuse(`${end} is no time of day`);
  if (from === to) throw refuse("it ends when it begins; a whole day is 00:00-24:00");
  const begins = days === undefined ? null : daysOf(days);
  if (begins === undefined) throw refuse(`${days} is no day, nor a range of days (${DAYS.join(" ")})`);
  const known = knownZone(zone);
  if (known === undefined) throw refuse(`${printable(zone, 40)} is no time zone (Europe/Berlin is one, and UTC)`);
  return { text: plain, days: begins, from, to, zone: known };
}

function minutesOf(text: string): number | undefined {
  const [hours = 0, minutes = 0] = text.split(":").map(Number);
  const total = hours * 60 + minutes;
  return minutes > 59 || total > 1440 ? undefined : total;
}

function daysOf(text: string): number[] | undefined {
  const [first = "", last = first] = text.split("-");
  const named = (name: string) => DAYS.findIndex((day) => day.toLowerCase() === name.toLowerCase());
  const begin = named(first);
  const end = named(last);
  if (begin === -1 || end === -1) return undefined;
  const count = ((end - begin + 7) % 7) + 1;
  return Array.from({ length: count }, (_, index) => (begin + index) % 7).toSorted();
}

/** The zone as the database spells it. Temporal would take a whole datetime and read the zone out of it. */
function knownZone(name: string): string | undefined {
  if (!/^[A-Za-z][\w+\-/]*$/.test(name)) return undefined;
  try {
    return new Temporal.Instant(0n).toZonedDateTimeISO(name).timeZoneId;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}
