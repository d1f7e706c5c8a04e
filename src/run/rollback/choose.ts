import { NymvisorError } from "../../model/errors.ts";
import { objectionToUpgradeName, printable } from "../../model/names.ts";
import type { Outcome } from "../../model/outcomes.ts";
import { buildLayout, type Layout } from "../../model/paths.ts";
import { typed } from "../../model/render-wishes.ts";
import { nearest } from "../../model/suggest.ts";
import { describeFailure, failureOfBytes } from "../../policy/bad-releases.ts";
import { buildBefore } from "../../policy/home-timeline.ts";
import { disk } from "../../system/disk.ts";
import { requireOutcomes } from "../../upgrade/outcomes.ts";
import { listSavedHomes, newestSavedHome, type SavedHome } from "../../upgrade/saved-homes.ts";
import { readHistory, readUpgradeInfo, readVersionRecord } from "../../upgrade/shared-documents.ts";
import { readNote } from "../../upgrade/staged.ts";
import { othersAllow } from "../../upgrade/way-back/others-allow.ts";
import { isVersion } from "../known-releases.ts";

/** Which way back a person means, and what it would be done from. */
export interface WayBack {
  from: { name: string; version: string };
  to: { name: string; version: string };
  /** Null: the binary alone goes back. */
  saved: SavedHome | null;
  /** What a person should know besides; each a sentence. */
  notes: string[];
}

export interface WayBackWish {
  /** A build's name, or a version; undefined: the one before. */
  to: string | undefined;
  /** The home is put back too. */
  data: boolean;
}

/**
 * @throws {NymvisorError} if nothing tells what is meant, it runs already, its binary is gone, or no home is saved as it
 *   left it.
 */
export function chooseWayBack(layout: Layout, wish: WayBackWish): WayBack {
  const from = requireRecord(layout);
  const { outcomes } = requireOutcomes(layout);
  const saved = listSavedHomes(layout, outcomes);
  const builds = buildsOf(layout);
  const reachable = builds.filter(({ name }) => name !== from.name && newestSavedHome(saved, name) !== undefined);
  const others = describeOthers(reachable);
  const to = wish.to === undefined ? before(layout, outcomes, from.name, others) : named(wish.to, builds, others);
  if (to === from.name) {
    throw new NymvisorError({ what: `${printable(to)} is what this node runs`, why: others });
  }
  const target = builds.find(({ name }) => name === to);
  if (target === undefined) {
    throw new NymvisorError({
      what: `the binary of ${printable(to)} is gone`,
      why: `${buildLayout(layout, to).binary} is missing; ${others}`,
      next: `nymvisor upgrade ${typed(to)} --allow-downgrade brings it again, if its source still has it; the home stays as it is then`,
    });
  }
  const home = wish.data ? newestSavedHome(saved, to) : null;
  if (home !== undefined) return { from, to: target, saved: home, notes: notesOn(layout, from.name, to, outcomes) };
  throw new NymvisorError({
    what: `no home is saved as ${printable(to)} left it`,
    why: `it may not be able to read what a newer version has written; ${others}`,
    next: `to go back with the data as they are now: nymvisor rollback --to ${typed(to)} --no-data`,
  });
}

/** What this home is on. @throws {NymvisorError} if nobody knows. */
export function requireRecord(layout: Layout): WayBack["from"] {
  const record = readVersionRecord(layout);
  if (record.state === "found") return { name: record.value.name, version: record.value.version };
  throw new NymvisorError({
    what: "nothing tells what this node runs",
    why: `${layout.versionRecord} is ${record.state}`,
    next: "nymvisor run puts it in order when it starts",
  });
}

/** Those that have their binary. */
function buildsOf(layout: Layout): WayBack["to"][] {
  const names = disk.existsSync(layout.upgrades) ? disk.readdirSync(layout.upgrades) : [];
  return ["genesis", ...names].flatMap((name) => {
    if (name !== "genesis" && objectionToUpgradeName(name) !== undefined) return [];
    const build = buildLayout(layout, name);
    if (!disk.existsSync(build.binary)) return [];
    const info = readUpgradeInfo(build);
    const version = info.state === "found" ? info.value.version : readNote(build)?.buildInfo?.build_version;
    return [{ name, version: version ?? "unknown version" }];
  });
}

function before(layout: Layout, outcomes: readonly Outcome[], current: string, others: string): string {
  const history = readHistory(layout);
  const past = { home: layout.home, outcomes, history: history.state === "found" ? history.value.history : [] };
  const name = buildBefore(past, current);
  if (name !== undefined && (name === "genesis" || objectionToUpgradeName(name) === undefined)) return name;
  throw new NymvisorError({
    what: `nothing tells what this node ran before ${printable(current)}`,
    why: others,
    next: "name it: nymvisor rollback --to NAME",
  });
}

/** The build that is called so, else the only one of that version. @throws {NymvisorError} if there is none, or several. */
function named(word: string, builds: readonly WayBack["to"][], others: string): string {
  if (builds.some(({ name }) => name === word)) return word;
  const [one, ...more] = builds.filter(({ version }) => isVersion(version, word));
  if (one !== undefined && more.length === 0) return one.name;
  if (one !== undefined) {
    throw new NymvisorError({
      what: `several builds are of version ${printable(word)}`,
      why: [one, ...more].map(({ name }) => printable(name)).join(", "),
      next: `nymvisor rollback --to ${typed(one.name)}`,
    });
  }
  if (objectionToUpgradeName(word) === undefined && builds.length === 0) return word;
  const near = nearest(
    word,
    builds.map(({ name }) => name),
  );
  throw new NymvisorError({
    what: `there is no build called ${printable(word)} here`,
    why: near === undefined ? others : `did you mean ${printable(near)}? ${others}`,
    next: "nymvisor history",
  });
}

function describeOthers(reachable: readonly WayBack["to"][]): string {
  if (reachable.length === 0) return "no other version has both its binary and a saved home";
  return `with its data, this node can go to ${reachable.map(({ name }) => printable(name)).join(", ")}`;
}

function notesOn(layout: Layout, from: string, to: string, outcomes: readonly Outcome[]): string[] {
  const sha256 = readNote(buildLayout(layout, to))?.sha256;
  const failure = sha256 === undefined ? undefined : failureOfBytes(outcomes, [sha256]);
  const notes = failure === undefined ? [] : [`${printable(to)} failed here before: ${describeFailure(failure)}.`];
  if (!othersAllow(layout, { from: { name: from }, to })) {
    notes.push(
      `Only this node goes back: ${layout.current} stays where it points, for the other nodes that follow it.`,
    );
  }
  return notes;
}
