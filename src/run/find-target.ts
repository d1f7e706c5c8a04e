import type { UpgradeInfo } from "../model/documents.ts";
import { adviceOf } from "../model/errors.ts";
import { objectionToUpgradeName, printable } from "../model/names.ts";
import { buildLayout } from "../model/paths.ts";
import type { ReleaseList } from "../model/release-list.ts";
import type { Release, Verdict } from "../model/releases.ts";
import type { Candidate } from "../policy/announced-verdict.ts";
import { objectionToBytes } from "../policy/bad-releases.ts";
import { buildOf, type FoundRunning, findRunning } from "../policy/find-running.ts";
import { isStepBack, objectionToOrder } from "../policy/upgrade-target.ts";
import { requireOutcomes } from "../upgrade/outcomes.ts";
import { requirePlan, requireUpgradeInfo } from "../upgrade/shared-documents.ts";
import { sourceRecords } from "../upgrade/source-records.ts";
import { readStaged } from "../upgrade/staged.ts";
import { ASK_AT_MOST_EVERY, unanswered } from "./ask-sources.ts";
import { judgeAnnounced } from "./judge-announced.ts";
import { findKnown, isVersion, type KnownRelease, unknownRelease } from "./known-releases.ts";
import type { ReleaseDesk } from "./release-desk.ts";
import type { Judgement } from "./release-follower.ts";

/** What a person wants to upgrade to. */
export type Target =
  | { kind: "listed"; release: Release; verdict: Verdict; judgement: Judgement; runs: FoundRunning | null }
  | { kind: "announced"; info: UpgradeInfo; candidate: Candidate }
  /** Of no source that can be asked, or a person's own. */
  | { kind: "planned"; entry: UpgradeInfo }
  /** Performed before, and its binary is still there. */
  | { kind: "kept"; info: UpgradeInfo }
  | { kind: "nothing"; why: string };

/**
 * The newest release that is newer than what runs and can be performed. The sources are asked, one after the other, until
 * one has something newer. @throws {NymvisorError} if none answers.
 */
export async function findNewest(desk: ReleaseDesk): Promise<Target> {
  const failures: { source: string; error: unknown }[] = [];
  let newest: Target | undefined;
  for (const source of desk.sources) {
    try {
      newest = source === "nym" ? await newestAnnounced(desk) : newestListed(desk, await ask(desk));
      if (newest.kind !== "nothing") return newest;
    } catch (error) {
      failures.push({ source, error });
    }
  }
  if (newest === undefined) throw unanswered(desk, failures);
  tellFailures(desk, failures);
  return newest;
}

/** What is called so in the plan or by a source, else the newest of that version. @throws {NymvisorError} if nothing is. */
export async function findNamed(desk: ReleaseDesk, word: string): Promise<Target> {
  const { layout } = desk;
  const { queuedUp } = requirePlan(layout);
  const planned = queuedUp.find(({ name }) => name === word);
  const record = sourceRecords(layout).queued.find(({ name }) => name === word);
  if (planned !== undefined && record?.source !== "github") return { kind: "planned", entry: planned };
  const failures: { source: string; error: unknown }[] = [];
  const known: KnownRelease[] = [];
  for (const source of desk.sources) {
    try {
      if (source === "nym") {
        const info = await desk.announced();
        if (info === null) continue;
        known.push(info);
        if (info.name !== word && !isVersion(info.version, word)) continue;
        return { kind: "announced", info, candidate: (await judgeAnnounced(desk, info)).candidate };
      }
    } catch (error) {
      failures.push({ source, error });
      continue;
    }
    const list = await ask(desk).catch((error: unknown) => {
      failures.push({ source, error });
      return desk.github.kept();
    });
    if (list === null || list.answeredAt === null) continue;
    const judgement = desk.github.judge(list);
    const listed = judgement.releases.map((release) => {
      return { release, name: release.name, version: buildOf(release, judgement.known.builds)?.build_version ?? null };
    });
    known.push(...listed);
    const found = findKnown(word, listed);
    const target = found === undefined ? undefined : listedTarget(found.release, judgement);
    if (target === undefined) continue;
    tellFailures(desk, failures);
    return target;
  }
  tellFailures(desk, failures);
  const entry = planned ?? queuedUp.find(({ version }) => isVersion(version, word));
  if (entry !== undefined) return { kind: "planned", entry };
  const kept = keptRelease(desk, word);
  if (kept !== undefined) return { kind: "kept", info: kept };
  if (word === desk.name || isVersion(desk.build.build_version, word)) {
    return { kind: "nothing", why: `${printable(word)} is what runs` };
  }
  if (known.length === 0 && failures.length > 0) throw unanswered(desk, failures);
  throw unknownRelease(word, [...queuedUp, ...known], "nymvisor upgrade");
}

/**
 * What was performed under that name, or else last in that version, if its binary could run again and has failed: to be
 * tried once more, or to be told that it will not be.
 */
function keptRelease({ layout, despiteFailures }: ReleaseDesk, word: string): UpgradeInfo | undefined {
  const { outcomes } = requireOutcomes(layout);
  const meant =
    outcomes.findLast(({ name }) => name === word) ?? outcomes.findLast(({ version }) => isVersion(version, word));
  if (meant === undefined || objectionToUpgradeName(meant.name) !== undefined) return undefined;
  const build = buildLayout(layout, meant.name);
  const staged = readStaged(build);
  const isMeant = staged !== undefined && (despiteFailures || objectionToBytes(outcomes, [staged.sha256]) !== null);
  return isMeant ? requireUpgradeInfo(build) : undefined;
}

function ask({ github }: ReleaseDesk): Promise<ReleaseList> {
  return github.refresh(ASK_AT_MOST_EVERY);
}

function tellFailures({ emit }: ReleaseDesk, failures: readonly { source: string; error: unknown }[]): void {
  for (const { source, error } of failures) emit({ type: "source.unavailable", source, reason: adviceOf(error) });
}

async function newestAnnounced(desk: ReleaseDesk): Promise<Target> {
  const info = await desk.announced();
  if (info === null) return { kind: "nothing", why: "nothing is announced" };
  const { candidate, newer } = await judgeAnnounced(desk, info);
  if (newer) return { kind: "announced", info, candidate };
  return { kind: "nothing", why: `${printable(info.name)} is announced: ${candidate.why}` };
}

function newestListed(desk: ReleaseDesk, list: ReleaseList): Target {
  const judgement = desk.github.judge(list);
  const running = desk.build.build_version;
  const passedOver: string[] = [];
  for (const release of judgement.releases) {
    const target = listedTarget(release, judgement);
    if (target?.kind !== "listed") continue;
    const { state } = target.verdict;
    const version = buildOf(release, judgement.known.builds)?.build_version ?? running;
    if (["running", "same-bytes"].includes(state) || release.name === desk.name) continue;
    if (isStepBack({ version, publishedAt: release.publishedAt }, target.runs, running)) continue;
    const objection = objectionToOrder(release, target.verdict, judgement.known, desk.policy());
    if (objection === null) return target;
    passedOver.push(`${printable(release.name)} cannot be performed: ${objection}`);
  }
  const { runs } = judgement.decision;
  if ("unknown" in runs && passedOver.length === 0) return { kind: "nothing", why: runs.unknown };
  return { kind: "nothing", why: passedOver[0] ?? `nothing newer than ${printable(running)} is known` };
}

function listedTarget(release: Release, judgement: Judgement): Target | undefined {
  const verdict = judgement.decision.verdicts.find(({ name }) => name === release.name);
  if (verdict === undefined) return undefined;
  const runs = findRunning(
    judgement.releases.filter(({ objection }) => objection === null),
    judgement.known,
  );
  return { kind: "listed", release, verdict, judgement, runs: "unknown" in runs ? null : runs };
}
