import { formatDuration } from "../model/duration.ts";
import { adviceOf, NymvisorError } from "../model/errors.ts";
import { formatInstant } from "../model/instant.ts";
import type { ReleaseReport } from "../model/release-report.ts";
import { systemClock } from "../system/clock.ts";
import type { Environment } from "../system/environment.ts";
import { requireOperator } from "../upgrade/operator.ts";
import { requirePlan } from "../upgrade/shared-documents.ts";
import type { SourceName } from "../upstream/sources.ts";
import { type Answer, ASK_AT_MOST_EVERY, answerOf, unanswered } from "./ask-sources.ts";
import { judgeAnnounced } from "./judge-announced.ts";
import { USUAL_SPREAD } from "./operator-policy.ts";
import { freshness } from "./plan.ts";
import { holdsInForce } from "./plan-view.ts";
import { openReleaseDesk, type ReleaseDesk } from "./release-desk.ts";

/**
 * `nymvisor check`: asks for releases and says what becomes of each. Of all that nymvisor keeps nothing is changed but the
 * list of releases. Warnings go to the log. @throws {NymvisorError} if no source gives an answer.
 */
export async function check(environment: Environment): Promise<ReleaseReport> {
  const desk = await openReleaseDesk(environment);
  try {
    return await report(desk);
  } finally {
    desk.close();
  }
}

async function report(desk: ReleaseDesk): Promise<ReleaseReport> {
  const { layout, configuration } = desk;
  const failures: { source: SourceName; error: unknown }[] = [];
  let answer: Answer | undefined;
  for (const source of desk.sources) {
    try {
      const found = source === "nym" ? await askNym(desk) : await askGithub(desk);
      answer = found.answer;
      if (found.newer) break;
    } catch (error) {
      failures.push({ source, error });
    }
  }
  if (answer === undefined) throw unanswered(desk, failures);
  for (const { source, error } of failures) {
    desk.emit({ type: "source.unavailable", source, reason: adviceOf(error) });
  }
  const now = systemClock.wall();
  return {
    ...answer,
    now,
    stale: now - answer.asOf > configuration.upstream.stale_after && freshness(layout, configuration, now).stale,
    holds: holdsInForce(requireOperator(layout), configuration.policy.hold, now),
    notes: notesOn(answer, desk),
  };
}

async function askNym(desk: ReleaseDesk): Promise<{ answer: Answer; newer: boolean }> {
  const { name, build } = desk;
  const info = await desk.announced();
  const running = { name, version: build.build_version, release: null, by: null, why: null };
  const answer = { source: "nym", asOf: systemClock.wall(), running, candidates: [] };
  if (info === null) return { answer, newer: false };
  const { candidate, newer } = await judgeAnnounced(desk, info);
  const isIt = candidate.state === "running";
  return {
    answer: {
      ...answer,
      running: isIt ? { ...running, release: candidate.name, by: "name" } : running,
      candidates: [candidate],
    },
    newer,
  };
}

async function askGithub(desk: ReleaseDesk): Promise<{ answer: Answer; newer: boolean }> {
  const list = await desk.github.refresh(ASK_AT_MOST_EVERY);
  if (list.answeredAt === null || list.answeredAt < list.askedAt) {
    throw new NymvisorError({
      what: `GitHub gave no answer when it was asked at ${formatInstant(list.askedAt)}`,
      why: "it is not asked again so soon",
      next: "nymvisor check, in a minute or more",
    });
  }
  return { answer: answerOf(desk, list), newer: true };
}

/** What an operator should know of the times and the binaries. */
function notesOn({ source, candidates }: Answer, { configuration, layout, hasSeed }: ReleaseDesk): string[] {
  const { policy, daemon } = configuration;
  const chosen = candidates.filter(({ state }) => state === "chosen");
  const queued = new Set(requirePlan(layout).queuedUp.map(({ name }) => name));
  const spread = source === "nym" ? (policy.spread ?? 0n) : (policy.spread ?? USUAL_SPREAD);
  const notes: string[] = [];
  if (!hasSeed && spread > 0n && chosen.some(({ name }) => !queued.has(name))) {
    const text = formatDuration(spread);
    notes.push(
      `The time is the earliest one: where this node stands in the spread of ${text} is drawn by nymvisor run.`,
    );
  }
  if (!daemon.allow_binaries_download && chosen.length > 0) {
    notes.push("Downloads are switched off: bring the binary with nymvisor add-upgrade --add-binary.");
  }
  return notes;
}
