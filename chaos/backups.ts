import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type NodePlaces, pathsBelow } from "./disk.ts";
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

/** What nymvisor itself puts into an archive, to read it by; it is no part of the home. */
const MANIFEST = ".nymvisor-manifest.json";

interface Backup {
  /** Of the upgrade before which it was made. */
  name: string;
  path: string;
  diary: string;
}

/** The backups of one home: each is unpacked once, by the system's own tar, and compared with the home. */
export class Backups {
  private readonly read = new Map<string, Backup>();
  /** The moves of this home that were found to be covered. */
  private readonly covered = new Set<string>();

  constructor(
    private readonly places: NodePlaces,
    private readonly tree: Tree,
    /** For unpacking. */
    private readonly scratch: string,
  ) {}

  get count(): number {
    return this.read.size;
  }

  get moves(): number {
    return this.covered.size;
  }

  /** Whether one was made before that upgrade. */
  has(name: string): boolean {
    return [...this.read.values()].some((backup) => backup.name === name);
  }

  /**
   * For every move of the home from one version to the next there is a backup of what it held at that instant.
   * @param nameOf the upgrade that brought a version
   * @throws {Violation} if not, or if a backup is torn, differs from the home, or could be read by others.
   */
  async check(nameOf: (version: string) => string): Promise<void> {
    // First: whatever has started by now was preceded by a backup that is there by now.
    const diary = readDiary(this.places.home);
    await this.readNew();
    this.coverMoves(diary, nameOf);
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

  private coverMoves(lines: readonly string[], nameOf: (version: string) => string): void {
    const all = [...this.read.values()];
    let before: string | undefined;
    lines.forEach((line, index) => {
      // Of either kind: one that is stopped while it starts has only the other.
      const [, version = ""] = line.split(" ");
      const moved = before !== undefined && version !== before;
      before = version;
      const name = nameOf(version);
      if (!moved || this.covered.has(`${name} ${index}`)) return;
      const held = lines.slice(0, index).map((text) => `${text}\n`);
      if (!all.some((backup) => backup.name === name && backup.diary === held.join(""))) {
        const made = all.filter((backup) => backup.name === name).map(({ path }) => basename(path));
        throw new Violation(
          "backups",
          `no backup for ${name} holds what ${this.places.home} was before ${version} first ran (line ${index + 1} of its diary); there are: ${made.join(", ") || "none"}`,
        );
      }
      this.covered.add(`${name} ${index}`);
    });
  }

  private async unpack(path: string): Promise<string> {
    const folder = join(this.scratch, "unpacked");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const tar = Bun.spawn(["tar", "-xzpf", path, "-C", folder], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const [said, status] = await Promise.all([tar.stderr.text(), tar.exited]);
    if (status !== 0) throw new Violation("backups", `${path} is not whole: ${said.trim()}`);
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

function readDiary(home: string): string[] {
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
