import type { Instant } from "../../model/instant.ts";

/**
 * When GitHub wants to be asked again: docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api.
 */

const SECOND = 1_000_000_000n;

/** However long a server says: a node that is silent for longer looks as if it were broken. */
const LONGEST_WAIT = 86_400n * SECOND;

/** What GitHub asks for after a refusal that does not say when. */
const DEFAULT_WAIT = 60n * SECOND;

/** The end of the wait that an answer asks for, at most a day from now; null if it asks for none. */
export function waitUntil(status: number | undefined, headers: Headers | undefined, now: Instant): Instant | null {
  if (status === undefined || headers === undefined) return null;
  const seconds = retryAfter(headers, now) ?? untilReset(headers, now);
  const isRefusal = status === 403 || status === 429;
  if (seconds === null) return status === 429 ? now + DEFAULT_WAIT : null;
  const wait = BigInt(Math.ceil(Math.max(seconds, 0))) * SECOND;
  const least = isRefusal ? SECOND : 0n;
  return now + (wait > LONGEST_WAIT ? LONGEST_WAIT : wait < least ? least : wait);
}

/** Whether a kept wait still holds. One that is further away than any can be was written under another time of day. */
export function isWaiting(until: Instant | null, now: Instant): until is Instant {
  return until !== null && now < until && until - now <= LONGEST_WAIT;
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfter(headers: Headers, now: Instant): number | null {
  const text = headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : date / 1000 - serverTime(headers, now);
}

/** The moment when the count of questions begins anew, where none is left. */
function untilReset(headers: Headers, now: Instant): number | null {
  const reset = headers.get("x-ratelimit-reset")?.trim() ?? "";
  if (headers.get("x-ratelimit-remaining")?.trim() !== "0" || !/^\d{1,12}$/.test(reset)) return null;
  return Number(reset) - serverTime(headers, now);
}

/** Seconds since 1970 by the server's clock, which its dates are of; this machine's may be wrong. */
function serverTime(headers: Headers, now: Instant): number {
  const date = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(date) ? Number(now / 1_000_000n) / 1000 : date / 1000;
}
