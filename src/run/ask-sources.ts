import { NymvisorError, reasonOf } from "../model/errors.ts";
import { formatInstant } from "../model/instant.ts";
import { printable } from "../model/names.ts";
import type { ReleaseList } from "../model/release-list.ts";
import type { ReleaseReport } from "../model/release-report.ts";
import { withWantedEntries } from "../policy/wanted-verdicts.ts";
import { systemClock } from "../system/clock.ts";
import { keptList } from "./known-releases.ts";
import { freshness } from "./plan.ts";
import { readPlanView } from "./plan-view.ts";
import type { ReleaseDesk } from "./release-desk.ts";

/** Whoever asks again and again is answered from what was said this long ago: a minute. */
export const ASK_AT_MOST_EVERY = 60_000_000_000n;

export type Answer = Pick<ReleaseReport, "source" | "asOf" | "candidates" | "running">;

/** What a list of releases says. @param list one that has been answered */
export function answerOf(desk: ReleaseDesk, list: ReleaseList): Answer {
  const { layout, configuration, name, build } = desk;
  const { decision, warnings } = desk.github.judge(list);
  for (const reason of [...warnings, ...decision.warnings]) {
    desk.emit({ type: "source.warning", source: "github", reason });
  }
  const { view } = readPlanView(layout, build, configuration.policy);
  const { runs } = decision;
  const found =
    "unknown" in runs ? { release: null, by: null, why: runs.unknown } : { release: runs.name, by: runs.by, why: null };
  return {
    source: "github",
    asOf: list.answeredAt ?? list.askedAt,
    running: { name, version: build.build_version, ...found },
    candidates: withWantedEntries(decision.verdicts, view.queue),
  };
}

/** That nobody has answered, with what was known before. */
export function unanswered(desk: ReleaseDesk, failures: readonly { source: string; error: unknown }[]): NymvisorError {
  const { layout, configuration } = desk;
  const lines = failures.map(({ source, error }) => `${source}: ${reasonOf(error)}`);
  const kept = desk.sources.includes("github") ? keptList(layout, configuration) : null;
  if (kept !== null && kept.answeredAt !== null) {
    const { candidates, asOf } = answerOf(desk, kept);
    const chosen = candidates.find(({ state }) => state === "chosen");
    const known = chosen === undefined ? "nothing is to be performed" : `${printable(chosen.name)} is to be performed`;
    const stale = freshness(layout, configuration, systemClock.wall()).stale ? ", which is stale" : "";
    lines.push(`by the answer of ${formatInstant(asOf)}${stale}, ${known}`);
  }
  const advice = failures.map(({ error }) => (error instanceof NymvisorError ? error.next : undefined));
  return new NymvisorError({
    what: "no source of releases has given an answer",
    why: lines.join("\n"),
    next: advice.find((next) => next !== undefined) ?? "nymvisor plan shows what is queued",
    cause: failures[0]?.error,
  });
}
