import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readFinishedCopy } from "../src/upgrade/copy/finished-copy.ts";
import { settleCopy } from "../src/upgrade/copy/settle-copy.ts";
import { type NodePlaces, pathsBelow, readJson } from "./disk.ts";
import { DIARY, sha256 } from "./marked-daemon.ts";
import { Violation } from "./violation.ts";

/** A tree as a reader finds it: kind, mode, and contents of each path; the diary, which grows, is left out. */
export type Tree = Readonly<Record<string, string>>;

export function readTree(root: string, leaveOut: readonly string[] = []): Tree {
  const paths = pathsBelow(root).filter(
    (path) => path !== DIARY && !leaveOut.some((name) => path === name || path.startsWith(`${name}/`)),
  );
  return Object.fromEntries(paths.sort().map((path) => [path, describe(join(root, path))]));
}

function describe(path: string): string {
  const stat = lstatSync(path);
  const mode = (stat.mode & 0o7777).toString(8);
  if (stat.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  return stat.isDirectory() ? `folder ${mode}` : `${mode} ${sha256(readFileSync(path))}`;
}

/** Its process settles a copy once, and then reads it only. */
const COPY_ATTEMPTS = 20;

/** What nymvisor itself puts into an archive, to read it by; it is no part of the home. */
const MANIFEST = ".nymvisor-manifest.json";

interface Backup {
  /** Of the upgrade before which it was made. */
  name: string;
  path: string;
  diary: string;
}

/** The copy is being archived, or was a moment ago. */
class Changing extends Error {}

/**
 * The backups of one home: archives, each of which is unpacked once, by the system's own tar, and copies that wait for
 * theirs; each is compared with the home.
 */
export class Backups {
  private readonly read = new Map<string, Backup>();
  /** As they were looked at last. */
  private copies: readonly Backup[] = [];
  /** The moves of this home that were found to be covered, by an archive or until there is one. */
  private readonly kept = new Set<string>();
  private readonly covered = new Map<string, "archive" | "copy">();

  constructor(
    private readonly places: NodePlaces,
    private readonly tree: Tree,
    /** For unpacking. */
    private readonly scratch: string,
  ) {}

  get count(): number {
    return this.read.size;
  }

  /** Homes that were kept of versions that were gone back from. */
  get keptCount(): number {
    return this.kept.size;
  }

  get moves(): number {
    return this.covered.size;
  }

  /** Whether one was made before that upgrade. */
  has(name: string): boolean {
    return [...this.read.values(), ...this.copies].some((backup) => backup.name === name);
  }

  /**
   * For every move of the home from one version to the next there is a backup of what it held at that instant.
   * @param nameOf the upgrade that brought a version
   * @throws {Violation} if not, or if a backup is torn, differs from the home, or could be read by others.
   */
  async check(nameOf: (version: string) => string): Promise<void> {
    // First: whatever has started by now was preceded by a backup that is there by now.
    const diary = readDiary(this.places.home);
    this.copies = await this.readCopies();
    // Afterwards: one that was a copy until a moment ago is an archive by now.
    await this.readNew();
    this.coverMoves(diary, nameOf);
    this.readKept();
  }

  private async readNew(): Promise<void> {
    const { backups } = this.places;
    requireMode(backups, 0o700);
    for (const name of readdirSync(backups)) {
      requireMode(join(backups, name), 0o700);
      for (const file of readdirSync(join(backups, name))) {
        const path = join(backups, name, file);
        if (file.startsWith(".") || this.read.has(path)) continue;
        requireMode(path, 0o600);
        this.read.set(path, { name, path, diary: await this.unpack(path) });
      }
    }
  }

  /** What a version had made of the home is as whole as the home. */
  private readKept(): void {
    const { rolledBack } = this.places;
    if (!existsSync(rolledBack)) return;
    requireMode(rolledBack, 0o700);
    for (const name of readdirSync(rolledBack)) {
      const folder = join(rolledBack, name);
      // Without its note it is about to be removed, or its home is in use again.
      if (!existsSync(join(folder, "note.json"))) continue;
      requireMode(folder, 0o700);
      const home = join(folder, "home");
      const tree = readTree(home);
      const differing = Object.keys({ ...tree, ...this.tree }).find((path) => tree[path] !== this.tree[path]);
      if (differing !== undefined && existsSync(join(folder, "note.json"))) {
        throw new Violation(
          "kept",
          `${home} holds ${tree[differing]} as ${differing}, and the home ${this.tree[differing]}`,
        );
      }
      this.kept.add(folder);
    }
  }

  private async readCopies(): Promise<Backup[]> {
    const { copies } = this.places;
    if (!existsSync(copies)) return [];
    requireMode(copies, 0o700);
    const found: Backup[] = [];
    for (const folder of readdirSync(copies)) {
      const backup = await this.readCopy(join(copies, folder));
      if (backup !== undefined) found.push(backup);
    }
    return found;
  }

  /** @returns undefined if it is not complete, or no longer there. */
  private async readCopy(path: string): Promise<Backup | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      if (!existsSync(join(path, "copy.json")) || !existsSync(join(path, "archive.json"))) return undefined;
      try {
        const { name } = readJson<{ name: string }>(join(path, "archive.json"));
        return { name, path, diary: await this.settled(path) };
      } catch (error) {
        const isOver = !existsSync(join(path, "copy.json"));
        if (isOver) return undefined;
        if (error instanceof Violation || attempt === COPY_ATTEMPTS) throw error;
      }
    }
  }

  /** What the copy comes to, by another copy, for somebody else may be at work on it. */
  private async settled(path: string): Promise<string> {
    const folder = join(this.scratch, "settled");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(this.scratch, { recursive: true });
    const before = readFileSync(join(path, "copy.json"), "utf8");
    const copying = Bun.spawn(["cp", "-a", path, folder], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const [said, status] = await Promise.all([copying.stderr.text(), copying.exited]);
    if (status !== 0) throw new Changing(`${path} could not be copied: ${said.trim()}`);
    if (readFileSync(join(path, "copy.json"), "utf8") !== before) throw new Changing(`${path} was being settled`);
    const finished = readFinishedCopy(folder);
    if (finished === undefined) throw new Changing(`${path} has no note`);
    const { tree } = await settleCopy(finished);
    return this.compare(path, tree);
  }

  private coverMoves(lines: readonly string[], nameOf: (version: string) => string): void {
    const all = [...this.read.values(), ...this.copies];
    let before: string | undefined;
    lines.forEach((line, index) => {
      // Of either kind: one that is stopped while it starts has only the other.
      const [, version = ""] = line.split(" ");
      const moved = before !== undefined && version !== before;
      before = version;
      const name = nameOf(version);
      if (!moved || this.covered.get(`${name} ${index}`) === "archive") return;
      const held = lines.slice(0, index).map((text) => `${text}\n`);
      const isIt = (backup: Backup) => backup.name === name && backup.diary === held.join("");
      if (!all.some(isIt)) {
        const made = all.filter((backup) => backup.name === name).map(({ path }) => basename(path));
        throw new Violation(
          "backups",
          `no backup for ${name} holds what ${this.places.home} was before ${version} first ran (line ${index + 1} of its diary); there are: ${made.join(", ") || "none"}`,
        );
      }
      this.covered.set(`${name} ${index}`, [...this.read.values()].some(isIt) ? "archive" : "copy");
    });
  }

  private async unpack(path: string): Promise<string> {
    const folder = join(this.scratch, "unpacked");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const tar = Bun.spawn(["tar", "-xzpf", path, "-C", folder], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const [said, status] = await Promise.all([tar.stderr.text(), tar.exited]);
    if (status !== 0) throw new Violation("backups", `${path} is not whole: ${said.trim()}`);
    return this.compare(path, folder);
  }

  /** What the folder holds has to be the home, but for its diary, which is returned. The folder is removed. */
  private compare(path: string, folder: string): string {
    const tree = readTree(folder, [MANIFEST]);
    const differing = [...new Set([...Object.keys(tree), ...Object.keys(this.tree)])].filter(
      (name) => tree[name] !== this.tree[name],
    );
    if (differing.length > 0) {
      const [name = ""] = differing;
      throw new Violation("backups", `${path} holds ${tree[name]} as ${name}, and the home ${this.tree[name]}`);
    }
    const diary = readDiary(folder);
    rmSync(folder, { recursive: true });
    return diary.map((line) => `${line}\n`).join("");
  }
}

export function readDiary(home: string): string[] {
  try {
    return readFileSync(join(home, DIARY), "utf8").split("\n").slice(0, -1);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function requireMode(path: string, mode: number): void {
  const found = lstatSync(path).mode & 0o777;
  if (found === mode) return;
  throw new Violation("private", `${join(basename(dirname(path)), basename(path))} has mode ${found.toString(8)}`);
}
