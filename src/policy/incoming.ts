import { type BuildInfo, sameBuild } from "../model/build-info.ts";
import type { Plan, UpgradeInfo } from "../model/documents.ts";
import { formatInstant, type Instant, parseInstant } from "../model/instant.ts";
import { objectionToUpgradeName, printable } from "../model/names.ts";
import { compareReleaseVersions } from "./release-order.ts";

/** What runs, as far as a new announcement is compared with it. */
export interface Running {
  info: UpgradeInfo;
  build: BuildInfo;
  /**
   * Whether the announced binary for this platform has other bytes than what runs. Null where that is no question:
   * nothing is announced for this platform, no checksum is given, or what runs was brought by the operator.
   */
  otherBytes: boolean | null;
}

export type IncomingDecision =
  | { action: "nothing" }
  | { action: "queue"; replaces: boolean }
  | { action: "refuse"; reason: string };

/** Whether what a source announces enters the plan. */
export function judgeAnnouncement(
  announced: UpgradeInfo,
  running: Running,
  plan: Plan,
  /** The entry of that name in the plan was written or changed by a person. */
  ownedByPerson: boolean,
  /** What the history holds. */
  performed: readonly UpgradeInfo[] = [],
  /** Why its bytes must not be tried again, or null. */
  bad: string | null = null,
): IncomingDecision {
  const objection = objectionToUpgradeName(announced.name);
  if (objection !== undefined) return refuse(`it cannot be used as a name: ${objection}`);
  if (announced.name === plan.current.name) {
    // Not the version that this home runs: it may still be behind `current`.
    if (announced.version === plan.current.version) return { action: "nothing" };
    return refuse(`that name runs now as version ${plan.current.version}; a release needs a name of its own`);
  }
  const order = compareReleaseVersions(announced.version, running.build.build_version);
  if (order === undefined && announced.version === "") return refuse("it has no version");
  if (order !== undefined && order < 0) {
    return refuse(`its version is lower than ${running.build.build_version}, which runs`);
  }
  if (order === 0 && !isPatch(announced, running)) return { action: "nothing" };
  if (bad !== null) return refuse(bad);
  // Upstream goes on announcing what a person has gone back from; doing it again would undo that.
  if (performed.some((info) => sameRelease(info, announced))) {
    return refuse(`it was performed already, and ${plan.current.name} was put in its place since`);
  }
  // Else two builds of one version could take each other's place for ever.
  if (order === 0 && performed.some(({ name }) => name === announced.name)) {
    return refuse("that name was performed already in this version; another build of it needs a name of its own");
  }
  const queued = plan.queuedUp.find(({ name }) => name === announced.name);
  if (queued === undefined) return { action: "queue", replaces: false };
  if (sameAnnouncement(queued, announced) || ownedByPerson) return { action: "nothing" };
  return { action: "queue", replaces: true };
}

function refuse(reason: string): IncomingDecision {
  return { action: "refuse", reason };
}

/** The same version again is worth an upgrade only when it is known to be another build. */
function isPatch(announced: UpgradeInfo, running: Running): boolean {
  if (announced.binaryDetails !== null && !sameBuild(announced.binaryDetails, running.build)) return true;
  return running.otherBytes === true;
}

/** Whether two entries say the same, whatever the order of their keys. */
export function sameAnnouncement(left: UpgradeInfo, right: UpgradeInfo): boolean {
  return canonical(left) === canonical(right);
}

/** As {@link sameAnnouncement}, whenever it is due: a person may move the time of what is queued. */
export function sameRelease(left: UpgradeInfo, right: UpgradeInfo): boolean {
  return sameAnnouncement({ ...left, upgradeTime: 0n }, { ...right, upgradeTime: 0n });
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === "bigint") return part.toString();
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * A field of the saved information, true while the entry that it belongs to is being written into the plan: a loss of
 * power in between leaves the two different, and no person has had a hand in that.
 */
const BEING_QUEUED = "beingQueued";

/** The information to save before the entry goes into the plan; the announced one itself takes its place after that. */
export function asBeingQueued(announced: UpgradeInfo): UpgradeInfo {
  return { ...announced, [BEING_QUEUED]: true };
}

export function isBeingQueued(saved: UpgradeInfo): boolean {
  return saved[BEING_QUEUED] === true;
}

/**
 * A person wrote the entry if nothing could be downloaded for it (`add-upgrade`), or if it no longer reads like the
 * information that was saved when it was announced.
 */
export function isOwnedByPerson(queued: UpgradeInfo, saved: UpgradeInfo | undefined): boolean {
  if (Object.keys(queued.platforms).length === 0) return true;
  return saved === undefined || !(isBeingQueued(saved) || sameAnnouncement(queued, saved));
}

/** A field of an entry whose release has to come of age: nothing of it is executed before. */
const ASK_FROM = "executeFrom";

export function withAskFrom(info: UpgradeInfo, from: Instant): UpgradeInfo {
  return { ...info, [ASK_FROM]: formatInstant(from) };
}

/** Since when the entry's binary may be executed; 0 where nothing is said. What says no time says never. */
export function askFromOf(info: UpgradeInfo): Instant {
  const text = info[ASK_FROM];
  if (text === undefined) return 0n;
  try {
    return parseInstant(String(text));
  } catch {
    return NEVER;
  }
}

/** Later than any date that a document can hold. */
export const NEVER: Instant = 1n << 80n;

/** What a staged binary was judged by; a change of it means staging anew. The due time is no part of it. */
export function fingerprintOf(info: UpgradeInfo): string {
  return canonical({ version: info.version, platforms: info.platforms, binaryDetails: info.binaryDetails });
}

/** Why a queued entry cannot be performed whatever is done, or null. */
export function objectionToEntry(entry: UpgradeInfo, plan: Plan, runs: string, ownedByPerson: boolean): string | null {
  const objection = objectionToUpgradeName(entry.name);
  if (objection !== undefined) return `it cannot be used as a name: ${objection}`;
  if (plan.queuedUp.find(({ name }) => name === entry.name) !== entry)
    return "the plan holds another entry of that name";
  const isLower = (than: string) => (compareReleaseVersions(entry.version, than) ?? 0) < 0 && !ownedByPerson;
  if (isLower(runs)) return `its version is lower than ${runs}, which runs`;
  // A home that was put back by itself is behind the others: they would not start any more on what it takes them to.
  const { version } = plan.current;
  return isLower(version) ? `its version is lower than ${printable(version)}, which other nodes run` : null;
}
