import { NymvisorError } from "../model/errors.ts";
import { objectionToUpgradeName, printable } from "../model/names.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import { isListOf, type ReleaseList, type ReleaseListSubject, releaseListSchema } from "../model/release-list.ts";
import type { Release } from "../model/releases.ts";
import { typed } from "../model/render-wishes.ts";
import type { Configuration } from "../model/settings.ts";
import { nearest } from "../model/suggest.ts";
import { platformKey } from "../policy/choose-binary.ts";
import { releasesOf } from "../policy/github-releases.ts";
import { compareReleaseVersions } from "../policy/release-order.ts";
import { readDocument } from "../system/documents.ts";
import { requirePlan } from "../upgrade/shared-documents.ts";
import { readNote } from "../upgrade/staged.ts";

/** What a person may mean by a name or a version. */
export interface KnownRelease {
  name: string;
  /** Null where nothing has told it yet. */
  version: string | null;
}

/** The releases that can be told without asking anybody: what is planned, then those of the kept list, newest first. */
export function knownReleases(layout: Layout, configuration: Configuration): KnownRelease[] {
  const { queuedUp } = requirePlan(layout);
  const listed = listedReleases(layout, configuration).map((release) => {
    return { name: release.name, version: versionOf(layout, release) };
  });
  const others = queuedUp.filter(({ name }) => !listed.some((release) => release.name === name));
  return [...others.map(({ name, version }) => ({ name, version })), ...listed];
}

/** What the kept list holds for this node, newest first; nothing where there is none that can be used. */
function listedReleases(layout: Layout, configuration: Configuration): readonly Release[] {
  const list = keptList(layout, configuration);
  if (list === null || list.answeredAt === null) return [];
  const platform = platformKey(process.platform, process.arch);
  const architecture = platform.slice(platform.indexOf("-") + 1);
  return releasesOf(list, { daemon: layout.daemon, architecture }).releases;
}

/** The list as GitHub answered it last, looked at and left alone; null where there is none of what is configured. */
export function keptList(layout: Layout, { github }: Configuration): ReleaseList | null {
  const found = readDocument(releaseListSchema, layout.releaseList);
  const subject: ReleaseListSubject = {
    apiUrl: github.api_url,
    repository: github.repository,
    tagPrefix: github.tag_prefix,
    daemon: layout.daemon,
  };
  return found.state === "found" && isListOf(found.value, subject) ? found.value : null;
}

function versionOf(layout: Layout, { name, details }: Release): string | null {
  if (details !== null || objectionToUpgradeName(name) !== undefined) return details?.build_version ?? null;
  return readNote(buildLayout(layout, name))?.buildInfo?.build_version ?? null;
}

/** What is called so, else the newest of that version; undefined: nothing that is known. */
export function findKnown<T extends KnownRelease>(word: string, known: readonly T[]): T | undefined {
  return known.find(({ name }) => name === word) ?? known.find(({ version }) => isVersion(version, word));
}

export function isVersion(version: string | null, word: string): boolean {
  return version !== null && (version === word || compareReleaseVersions(version, word) === 0);
}

/** So many releases can be named in one message. */
const MOST_NAMED = 8;

/** @param command what the name was given to. */
export function unknownRelease(word: string, known: readonly KnownRelease[], command: string): NymvisorError {
  const names = known.slice(0, MOST_NAMED).map(({ name, version }) => {
    return version === null ? printable(name) : `${printable(name)} (${printable(version)})`;
  });
  const more = known.length > MOST_NAMED ? `and ${known.length - MOST_NAMED} older ones` : "";
  const near = nearest(
    word,
    known.map(({ name }) => name),
  );
  return new NymvisorError({
    what: `no release is known as "${printable(word)}"`,
    why: known.length === 0 ? "none is known at all yet" : ["known are:", ...names, ...(more ? [more] : [])].join("\n"),
    next: near === undefined ? "nymvisor check asks for the releases that there are" : `${command} ${typed(near)}`,
  });
}
