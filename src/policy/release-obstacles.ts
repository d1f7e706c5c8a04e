import type { ReleaseState, Verdict } from "../model/releases.ts";
import type { ReleaseDecision } from "./decide-releases.ts";

/** What about a release itself keeps it from being taken, whatever people want. */
const OBSTACLES: ReadonlySet<ReleaseState> = new Set(["refused", "no-binary", "no-checksum"]);

/** A train that is full of them has one cause, and the newest are those that are looked for. */
const MOST_TOLD = 20;

/** The releases newer than what runs that cannot be taken for reasons of their own, newest first. */
export function obstaclesOf({ runs, verdicts }: Pick<ReleaseDecision, "runs" | "verdicts">): Verdict[] {
  const running = "unknown" in runs ? undefined : verdicts.find(({ name }) => name === runs.name);
  return verdicts
    .filter(({ state, publishedAt }) => {
      return OBSTACLES.has(state) && (running === undefined || publishedAt > running.publishedAt);
    })
    .slice(0, MOST_TOLD);
}
