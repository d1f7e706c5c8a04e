import { NymvisorError } from "../../model/errors.ts";

/** What a daemon said of its uptime, and when, by the monotonic clock. */
export interface UptimeAnswer {
  seconds: number;
  /** Milliseconds; between the two the daemon has looked at its own clock. */
  askedAt: number;
  answeredAt: number;
}

const SECOND_MS = 1000;

/** @throws {NymvisorError} if two answers in a row are not those of one process that goes on. */
export function requireRising(where: string, before: UptimeAnswer, now: UptimeAnswer): void {
  if (now.seconds < before.seconds) {
    throw new NymvisorError({ what: `the uptime at ${where} fell from ${before.seconds} s to ${now.seconds} s` });
  }
  // It is told in whole seconds: two answers within one may well be the same.
  if (now.seconds === before.seconds && now.askedAt - before.answeredAt >= SECOND_MS) {
    throw new NymvisorError({ what: `the uptime at ${where} stands still at ${now.seconds} s` });
  }
}
