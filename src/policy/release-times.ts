import { formatDuration } from "../model/duration.ts";
import { formatInstant, type Instant } from "../model/instant.ts";
import type { Release } from "../model/releases.ts";
import { compareReleases } from "./release-order.ts";
import type { ReleasePolicy } from "./release-policy.ts";
import { after, dueAfter } from "./spread.ts";
import { nextOpen } from "./window.ts";

/** From when on a release may be executed, and a person's account of it. */
export interface Age {
  end: Instant;
  account: string;
}

/** Counted from the latest of its publication, the upload of its binary, and the moment other bytes were seen in it. */
export function ageOf({ publishedAt, binary }: Release, { minimumAge }: ReleasePolicy): Age {
  const beginnings: [Instant, string][] = [[publishedAt, "its publication"]];
  if (!("missing" in binary)) {
    beginnings.push([binary.createdAt, "the upload of its binary"]);
    if (binary.changedAt !== null) beginnings.push([binary.changedAt, "the change of its binary"]);
  }
  const [from, since] = beginnings.reduce((latest, one) => (one[0] > latest[0] ? one : latest));
  const end = after(from, minimumAge);
  return { end, account: `the ${formatDuration(minimumAge)} from ${since} end at ${formatInstant(end)}` };
}

/** A release that may be taken but for its age. */
export interface Candidate {
  release: Release;
  version: string;
  age: Age;
}

/**
 * When `chosen` is due. It inherits the earlier time of older ones that were of age before it and still waited then, so
 * that a node whose place in the spread is late is not kept waiting by one release after another. A time that passed
 * in an opening of the windows before this one is made up for in this one or the next, spread again. Null: never.
 */
export function dueTime(
  chosen: Candidate,
  candidates: readonly Candidate[],
  { spread, windows, fraction }: ReleasePolicy,
  now: Instant,
): Instant | null {
  const own = (release: Release, from: Instant) => dueAfter(from, spread, fraction(release.name), windows);
  const ready = chosen.age.end;
  const due = candidates
    .filter(({ release, age }) => compareReleases(release, chosen.release) < 0 && age.end <= ready)
    .map(({ release, age }) => own(release, age.end))
    .filter((inherited) => inherited !== null && inherited >= ready)
    .reduce(earlier, own(chosen.release, ready));
  const closed = due === null ? null : (nextOpen(windows, due)?.end ?? null);
  if (closed === null || closed > now) return due;
  const opening = nextOpen(windows, now);
  return opening === null ? null : own(chosen.release, opening.start);
}

function earlier(left: Instant | null, right: Instant | null): Instant | null {
  if (left === null || right === null) return left ?? right;
  return left < right ? left : right;
}
