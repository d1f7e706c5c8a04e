import type { Instant } from "../model/instant.ts";
import { printable } from "../model/names.ts";
import type { Release, ReleaseState, Verdict } from "../model/releases.ts";
import { buildOf, bytesOf, type FoundRunning, findRunning } from "./find-running.ts";
import { believedFrom, isCredible, isPinned, judgeRelease, type Standing } from "./judge-release.ts";
import { compareReleases } from "./release-order.ts";
import type { Known, ReleasePolicy } from "./release-policy.ts";
import { type Age, ageOf, type Candidate, dueTime } from "./release-times.ts";
import { nextOpen } from "./window.ts";

export type { Known, ReleasePolicy } from "./release-policy.ts";

export interface ReleaseDecision {
  /** The release that runs and how it was found, or why none could be told. */
  runs: { name: string; by: FoundRunning["by"] } | { unknown: string };
  /** Newest first, one for every release. */
  verdicts: readonly Verdict[];
  /** What belongs in the plan: performed at `due`, or as soon after it as can be; executed no earlier than `askFrom`. */
  chosen: { release: Release; version: string; due: Instant; askFrom: Instant } | null;
  /** Its age has passed and nothing tells its version: its binary is to be downloaded and asked. */
  identify: Release | null;
  /** When time alone may change the decision; null: never. That `due` passes is no change. */
  next: Instant | null;
  /** To be said once each. */
  warnings: readonly string[];
}

/** A release with all that is decided of it alone. */
interface Judged {
  release: Release;
  standing: Standing;
  age: Age;
}

/**
 * What is taken of a train of releases, when, and of each release why or why not. At most one is in the plan: of those
 * that may be taken and are of age the newest, else the one that is of age first. The order of `releases` does not
 * matter; each has a name of its own.
 */
export function decideReleases(
  releases: readonly Release[],
  known: Known,
  policy: ReleasePolicy,
  now: Instant,
): ReleaseDecision {
  const newestFirst = releases.toSorted((left, right) => compareReleases(right, left));
  const credible = newestFirst.filter((release) => isCredible(release, now));
  const runs = findRunning(credible, known);
  const judged = newestFirst.map((release): Judged => {
    return { release, standing: judgeRelease(release, runs, known, policy, now), age: ageOf(release, policy) };
  });
  const candidates = judged.flatMap(({ release, standing, age }): Candidate[] =>
    standing.kind === "acceptable" ? [{ release, version: standing.version, age }] : [],
  );
  const first = candidates.find(({ age }) => age.end <= now) ?? firstOfAge(candidates);
  const due = first === undefined ? null : dueTime(first, candidates, policy, now);
  const choice = first === undefined ? null : { ...first, due };
  const verdicts = judged.map((one) => verdictOn(one, choice, known, now));
  const identify = judged.find(
    ({ standing, age }, index) =>
      standing.kind === "unidentified" && age.end <= now && verdicts[index]?.state === "unidentified",
  );
  return {
    runs: "unknown" in runs ? runs : { name: runs.name, by: runs.by },
    verdicts,
    chosen:
      first === undefined || due === null
        ? null
        : { release: first.release, version: first.version, due, askFrom: first.age.end },
    identify: identify?.release ?? null,
    next: nextChange(judged, verdicts, due, policy, now),
    warnings: warningsOf(newestFirst, known, policy),
  };
}

/** The first that comes of age; of several the newest, which stands first. */
function firstOfAge(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>(
    (first, one) => (first === undefined || one.age.end < first.age.end ? one : first),
    undefined,
  );
}

function verdictOn(
  { release, standing, age }: Judged,
  choice: (Candidate & { due: Instant | null }) | null,
  { builds }: Known,
  now: Instant,
): Verdict {
  const { name, publishedAt } = release;
  const version = buildOf(release, builds)?.build_version ?? null;
  const verdict = (state: ReleaseState, why: string, at: Instant | null = null): Verdict => {
    return { name, version, publishedAt, state, why, at };
  };
  if (standing.kind === "settled") return verdict(standing.state, standing.why);
  const ofAge = age.end <= now;
  if (choice?.release === release) {
    const { due } = choice;
    if (due === null) return verdict("too-young", `${age.account}, and no window opens after that`);
    return verdict(
      "chosen",
      ofAge ? "it is the newest that may be taken" : `it is the first of age: ${age.account}`,
      due,
    );
  }
  const newer = choice !== null && compareReleases(release, choice.release) > 0;
  if (standing.kind === "acceptable") {
    if (!newer) return verdict("superseded", `${choice?.release.name} is taken instead`);
    return verdict("too-young", `${age.account}; ${choice.release.name} comes first`, age.end);
  }
  // One that is to be taken only later leaves time to ask this one.
  if (choice !== null && !newer && choice.age.end <= now) {
    return verdict("superseded", `${choice.release.name} is taken instead`);
  }
  if (ofAge) return verdict("unidentified", "its binary is to be asked for its version", age.end);
  return verdict(
    "unidentified",
    `only its binary can tell its version, and is not asked before ${age.account}`,
    age.end,
  );
}

/** The first moment after `now` when something comes of age, a date is believed, or the windows close on what waits. */
function nextChange(
  judged: readonly Judged[],
  verdicts: readonly Verdict[],
  due: Instant | null,
  { windows }: ReleasePolicy,
  now: Instant,
): Instant | null {
  const moments = judged.flatMap(({ release, standing, age }, index) => {
    if (standing.kind !== "settled") return verdicts[index]?.state === "superseded" ? [] : [age.end];
    return release.objection === null ? [believedFrom(release)] : [];
  });
  const closes = due === null ? null : (nextOpen(windows, due > now ? due : now)?.end ?? null);
  if (closes !== null) moments.push(closes);
  return moments.reduce<Instant | null>(
    (next, moment) => (moment > now && (next === null || moment < next) ? moment : next),
    null,
  );
}

function warningsOf(
  releases: readonly Release[],
  { running, performed, builds }: Known,
  { pin }: ReleasePolicy,
): string[] {
  const changed = releases.filter((release) => {
    const before = performed.get(release.name) ?? (release.name === running.name ? running.sha256 : null);
    const bytes = bytesOf(release);
    return before !== null && bytes !== null && before !== bytes;
  });
  const warnings = changed.map(
    ({ name }) => `${printable(name)} was performed, and its source offers other bytes under that name now: left alone`,
  );
  const pinned =
    pin === null ||
    isPinned(running, running.build, pin) ||
    releases.some((release) => isPinned(release, buildOf(release, builds), pin));
  if (!pinned) warnings.push(`no release is known to have the name or version ${printable(pin)}, which is pinned`);
  return warnings;
}
