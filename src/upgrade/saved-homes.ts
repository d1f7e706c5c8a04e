import type { BackupSummary } from "../model/backups.ts";
import { errorCode } from "../model/errors.ts";
import type { Instant } from "../model/instant.ts";
import { objectionToUpgradeName } from "../model/names.ts";
import type { Outcome } from "../model/outcomes.ts";
import { buildLayout, isWithin, type Layout } from "../model/paths.ts";
import { buildsAt, type Past } from "../policy/home-timeline.ts";
import { disk } from "../system/disk.ts";
import { findBackups } from "./backups/find-backups.ts";
import { readFinishedCopy } from "./copy/finished-copy.ts";
import { upgradeCopies } from "./pending-archives.ts";
import { findRolledBack } from "./rolled-back.ts";
import { readHistory, readUpgradeInfo } from "./shared-documents.ts";

/**
 * The homes that a node can be put back to: each as a build left it, so that this very build understands it. Backups that
 * people have made are not among them: those may be of a running node, and say nothing about when the node was upgraded.
 */

export interface SavedHome {
  /** The build that left the home so. */
  build: string;
  /** When its daemon had stopped. Of an archive to the millisecond, which is what its name tells. */
  at: Instant;
  /** "copy": a finished copy, not settled yet. "archive". "kept": what an earlier way back has put aside. */
  kind: "copy" | "archive" | "kept";
  /** The copy's folder, the archive's file, or the folder of what was put aside. */
  path: string;
  /** Contents of the copy's files, or the size of the archive; null: nobody has measured it. */
  bytes: number | null;
  /** The upgrade that it was made before; null: of none. */
  upgrade: string | null;
}

/** All that there are of this home, the newest first; of the same moment what is faster to put back comes first. */
export function listSavedHomes(layout: Layout, outcomes: readonly Outcome[]): SavedHome[] {
  const history = readHistory(layout);
  const past: Past = {
    home: layout.home,
    outcomes,
    history: history.state === "found" ? history.value.history : [],
  };
  const versions = versionsOfBuilds(layout, past);
  const saved = [...keptHomes(layout), ...copies(layout, past, versions), ...archives(layout, past, versions)];
  return saved.toSorted(
    (a, b) => compare(toMillisecond(b.at), toMillisecond(a.at)) || slowness(a) - slowness(b) || compare(b.at, a.at),
  );
}

/** What a home is put back from to be as that build left it; undefined: there is nothing. */
export function newestSavedHome(saved: readonly SavedHome[], build: string): SavedHome | undefined {
  return saved.find((one) => one.build === build);
}

/** What was saved for a switch, where it lies now: a copy becomes an archive. Undefined: it is there no more. */
export function savedFor(saved: readonly SavedHome[], outcome: Outcome): SavedHome | undefined {
  const { name, from, backup, performedAt } = outcome;
  const exact = saved.find(({ path }) => path === backup);
  if (exact !== undefined || backup === null) return exact;
  // The newest of those that were made for it is that of the attempt which succeeded.
  return saved.find(
    ({ upgrade, build, at, kind }) => upgrade === name && build === from && kind !== "kept" && at <= performedAt,
  );
}

function keptHomes(layout: Layout): SavedHome[] {
  return findRolledBack(layout).map(({ name, at, folder }) => {
    return { build: name, at, kind: "kept", path: folder, bytes: null, upgrade: null };
  });
}

function copies(layout: Layout, past: Past, versions: ReadonlyMap<string, string>): SavedHome[] {
  return upgradeCopies(layout).flatMap(({ copy, name, order }): SavedHome[] => {
    const { at, head } = order;
    const build = buildOf({ path: copy, at, upgrade: name, version: head.from }, past, versions);
    const bytes = readFinishedCopy(copy)?.bytes ?? null;
    return build === undefined ? [] : [{ build, at, kind: "copy", path: copy, bytes, upgrade: name }];
  });
}

function archives(layout: Layout, past: Past, versions: ReadonlyMap<string, string>): SavedHome[] {
  const isPrivate = isWithin(layout.backups, layout.home);
  const isOwn = ({ head }: BackupSummary) => (head === null ? isPrivate : isPrivate || head.home === layout.home);
  return findBackups(layout.backups).flatMap((backup): SavedHome[] => {
    if (backup.kind !== "preupgrade" || !isOwn(backup)) return [];
    const { path, takenAt: at, bytes, upgrade, head } = backup;
    const build = buildOf({ path, at, upgrade, version: head?.from ?? null }, past, versions);
    return build === undefined ? [] : [{ build, at, kind: "archive", path, bytes, upgrade }];
  });
}

interface Taken {
  path: string;
  at: Instant;
  upgrade: string | null;
  /** Of the build that the home belonged to, as whoever saved it knew it; null: nobody did. */
  version: string | null;
}

/** The build that the home belonged to when it was saved; undefined where nothing tells it for certain. */
function buildOf(taken: Taken, past: Past, versions: ReadonlyMap<string, string>): string | undefined {
  const { path, at, upgrade, version } = taken;
  const noted = past.outcomes.find((outcome) => outcome.backup === path);
  if (noted !== undefined && isBuild(noted.from)) return noted.from;
  const agrees = (name: string) => version === null || (versions.get(name) ?? version) === version;
  const likely = buildsAt(past, at).find((name) => isBuild(name) && name !== upgrade && agrees(name));
  if (likely !== undefined || version === null) return likely;
  const [only, ...more] = [...versions].filter(([, other]) => other === version).map(([name]) => name);
  return more.length === 0 ? only : undefined;
}

const isBuild = (name: string) => name === "genesis" || objectionToUpgradeName(name) === undefined;

/** What each build that is there, or was performed, calls its version. */
function versionsOfBuilds(layout: Layout, { outcomes, history }: Past): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  for (const { name, version } of outcomes) versions.set(name, version);
  for (const { info } of history) versions.set(info.name, info.version);
  for (const name of ["genesis", ...namesIn(layout.upgrades)]) {
    if (!isBuild(name)) continue;
    const info = readUpgradeInfo(buildLayout(layout, name));
    if (info.state === "found") versions.set(name, info.value.version);
  }
  return versions;
}

function namesIn(folder: string): string[] {
  try {
    return disk.readdirSync(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}

function compare(left: bigint, right: bigint): number {
  return left < right ? -1 : Number(left > right);
}

/** An archive is unpacked first; all else is renamed. */
const slowness = ({ kind }: SavedHome) => (kind === "archive" ? 1 : 0);

const toMillisecond = (instant: Instant) => instant / 1_000_000n;
