import { join } from "node:path";
import type { Layout } from "../src/model/paths.ts";
import { copyPaths } from "../src/upgrade/copy/finished-copy.ts";
import { decodeArchive } from "./backups.ts";
import { decodeContents, decodeLog } from "./copy-log.ts";
import type { Aftermath } from "./disk/aftermath.ts";
import { fingerprintOf } from "./homes.ts";

/** A home that an upgrade has left behind, and that there must be a backup of from then on. */
export interface Need {
  layout: Layout;
  /** Of the upgrade. */
  name: string;
  /** Any of these is the home as it was at the stop: a loss of power may have changed it once more since. */
  fingerprints: ReadonlySet<string>;
  /** The new version has run on it. */
  isStarted: boolean;
  /** The copy or the archive that it was found in last. */
  holder: string | undefined;
}

/**
 * What homes were saved as, and whether that would be found after a loss of power, at every moment. What the disk has
 * taken for certain counts, and nothing else: so each moment is as good as if the power were lost in it.
 */
export class SavedHomes {
  #needs: Need[] = [];

  /** @param report is told what is wrong. */
  constructor(
    private readonly aftermath: () => Aftermath,
    private readonly report: (what: string) => void,
  ) {}

  /** `current` has moved, or the new version is started. */
  require(layout: Layout, name: string, fingerprints: ReadonlySet<string>, isStarted: boolean): void {
    this.forget(layout);
    const need: Need = { layout, name, fingerprints: new Set(fingerprints), isStarted, holder: undefined };
    this.#needs.push(need);
    this.#look(need);
  }

  /** The move of `current` for a home was taken back, or lost: its new version has not run on it. */
  forget(layout: Layout): void {
    this.#needs = this.#needs.filter((need) => need.isStarted || need.layout !== layout);
  }

  /** The way back from an upgrade is decided: what its home was saved in becomes the home. @returns what was needed. */
  release(layout: Layout, path: string): Need[] {
    const released = this.#needs.filter((need) => need.layout === layout && need.holder === path);
    this.#needs = this.#needs.filter((need) => !released.includes(need));
    return released;
  }

  /** It was not decided after all: its journal was not durable. */
  takeBack(needs: readonly Need[]): void {
    this.#needs.push(...needs);
  }

  /** After something was changed there. */
  touched(path: string): void {
    for (const need of this.#needs) if (need.holder !== undefined && path.startsWith(need.holder)) this.#look(need);
  }

  /** After a loss of power, and when a world has calmed down. */
  check(current: string): void {
    this.#needs = this.#needs.filter(({ isStarted, name }) => isStarted || name === current);
    for (const need of this.#needs) this.#look(need);
  }

  #look(need: Need): void {
    const { layout, name, fingerprints, holder } = need;
    const holds = (path: string) => fingerprints.has(this.#fingerprintAt(layout, path) ?? "");
    if (holder !== undefined && holds(holder)) return;
    need.holder = this.#all(layout).find(holds);
    if (need.holder !== undefined) return;
    const before = holder === undefined ? "" : `; it was in ${holder}`;
    this.report(`no backup of ${layout.home} as it was before ${name} would survive a loss of power${before}`);
  }

  #all({ copies, backups }: Layout): string[] {
    const aftermath = this.aftermath();
    const below = (folder: string) => aftermath.names(folder).map((each) => join(folder, each));
    return [...below(copies), ...below(backups).flatMap(below)];
  }

  #fingerprintAt({ copies }: Layout, path: string): string | undefined {
    if (path.startsWith(`${copies}/`)) return this.#fingerprintOfCopy(path);
    const bytes = path.includes(".tmp-") ? undefined : this.aftermath().contents(path);
    const saved = bytes === undefined ? undefined : decodeArchive(bytes);
    return saved === undefined ? undefined : fingerprintOf(saved.files);
  }

  /** Whichever of its notes is found, it is whole, and all of them mean the same home. */
  #fingerprintOfCopy(path: string): string | undefined {
    const aftermath = this.aftermath();
    const order = aftermath.contents(join(path, "archive.json"));
    if (order === undefined || order.length === 0) return undefined;
    const found = new Set<string | undefined>();
    for (const note of aftermath.at(copyPaths(path).note)) {
      found.add(note instanceof Uint8Array ? fingerprintByNote(aftermath, path, note) : undefined);
    }
    const [only, ...others] = found;
    return others.length === 0 ? only : undefined;
  }
}

/** Undefined where something that it needs might not be found. */
function fingerprintByNote(aftermath: Aftermath, path: string, note: Uint8Array): string | undefined {
  const { tree, log, stored } = copyPaths(path);
  const files = new Map<string, Uint8Array>();
  const logged = new Set<string>();
  const size = changesOf(note);
  if (size === undefined) return undefined;
  if (size !== null) {
    const bytes = aftermath.contents(log);
    const changes = bytes === undefined ? undefined : decodeLog(bytes, size);
    if (changes === undefined) return undefined;
    for (const change of changes) {
      logged.add(change.name);
      if (change.is === "removed") continue;
      const contents =
        change.is === "file" ? decodeContents(change.contents) : aftermath.contents(join(stored, change.stored));
      if (contents === undefined) return undefined;
      files.set(change.name, contents);
    }
  }
  // A log that has every file needs the folder all the same.
  const [root, ...others] = aftermath.at(tree);
  if (root !== "folder" || others.length > 0) return undefined;
  const isWhole = addTree(aftermath, tree, "", logged, files);
  return isWhole ? fingerprintOf(files) : undefined;
}

function changesOf(note: Uint8Array): number | null | undefined {
  try {
    return (JSON.parse(new TextDecoder().decode(note)) as { changes: number | null }).changes;
  } catch {
    return undefined;
  }
}

/** @returns whether the tree is certain, but for what the log has. */
function addTree(
  aftermath: Aftermath,
  tree: string,
  below: string,
  logged: ReadonlySet<string>,
  files: Map<string, Uint8Array>,
): boolean {
  return aftermath.names(join(tree, below)).every((each) => {
    const name = join(below, each);
    if (logged.has(name)) return true;
    const [only, ...others] = aftermath.at(join(tree, name));
    if (others.length > 0 || only === "open") return false;
    if (only instanceof Uint8Array) files.set(name, only);
    return only !== "folder" || addTree(aftermath, tree, name, logged, files);
  });
}
