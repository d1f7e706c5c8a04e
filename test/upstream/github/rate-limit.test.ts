import { expect, test } from "bun:test";
import { isWaiting, waitUntil } from "../../../src/upstream/github/rate-limit.ts";
import { NOON } from "../../support/upgrades.ts";

const SECOND = 1_000_000_000n;
const DAY = 86_400n;
/** Of noon. */
const EPOCH = Number(NOON / SECOND);
const USED_UP = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": `${EPOCH + 300}` };

const waits: [string, number, Record<string, string>, bigint | null][] = [
  ["an answer", 200, {}, null],
  ["an answer with questions left", 200, { ...USED_UP, "x-ratelimit-remaining": "1" }, null],
  ["an answer that was the last", 200, USED_UP, 300n],
  ["a refusal with the reset", 403, USED_UP, 300n],
  ["a refusal with Retry-After, which wins", 403, { ...USED_UP, "retry-after": "30" }, 30n],
  ["a refusal without a word", 403, {}, null],
  ["too many questions, without a word", 429, {}, 60n],
  ["trouble that will be over", 503, { "retry-after": "120" }, 120n],
  ["a wait of years", 429, { "retry-after": "99999999" }, DAY],
  ["a reset in years", 403, { ...USED_UP, "x-ratelimit-reset": "99999999999" }, DAY],
  ["a reset that has passed", 403, { ...USED_UP, "x-ratelimit-reset": `${EPOCH - 5}` }, 1n],
  ["a wait of nothing", 429, { "retry-after": "0" }, 1n],
  ["a wait that is none", 429, { "retry-after": "soon" }, 60n],
  ["a negative wait", 429, { "retry-after": "-5", date: "Sat, 21 Nov 2026 12:00:00 GMT" }, 1n],
  // This machine's clock is an hour slow.
  ["a reset by the server's clock", 403, { ...USED_UP, date: "Sat, 21 Nov 2026 12:04:00 GMT" }, 60n],
  ["a date", 429, { "retry-after": "Sat, 21 Nov 2026 13:00:10 GMT", date: "Sat, 21 Nov 2026 13:00:00 GMT" }, 10n],
];
test.each(waits)("%s asks for the wait that it asks for", (_, status, headers, seconds) => {
  const until = waitUntil(status, new Headers(headers), NOON);
  expect(until).toBe(seconds === null ? null : NOON + seconds * SECOND);
});

test("no answer asks for no wait", () => {
  expect(waitUntil(undefined, undefined, NOON)).toBeNull();
});

test.each([
  [null, false],
  [NOON, false],
  [NOON + 1n, true],
  [NOON + DAY * SECOND, true],
  [NOON + DAY * SECOND + 1n, false],
])("a wait until %p holds at noon: %p", (until, holds) => {
  expect(isWaiting(until, NOON)).toBe(holds);
});
