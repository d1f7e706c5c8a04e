import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { TemporaryHome } from "../../support/temporary-home.ts";

/** `d 755 instances`, in byte order of the paths: as the golden data lists a tree. */
export function listTree(root: string): string[] {
  return paths(root).map((path) => {
    const stat = lstatSync(join(root, path));
    const type = stat.isSymbolicLink() ? "l" : stat.isDirectory() ? "d" : "f";
    return `${type} ${(stat.mode & 0o7777).toString(8)} ${path}`;
  });
}

/** All that a reader of a tree finds: types, modes, contents, the targets of links. Not the times. */
export function contentsOf(root: string): Record<string, string> {
  const contents = paths(root).map((path): [string, string] => {
    const absolute = join(root, path);
    const stat = lstatSync(absolute);
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isSymbolicLink()) return [path, `-> ${readlinkSync(absolute)}`];
    if (stat.isDirectory()) return [path, `folder ${mode}`];
    return [path, `${mode} ${readFileSync(absolute, "latin1")}`];
  });
  return Object.fromEntries(contents);
}

/** All that stands in a home, but for the events that its sample daemons write: to be the same before and after. */
export function stateOf(home: TemporaryHome): Record<string, string> {
  const { events: _, ...others } = contentsOf(home.path);
  return others;
}

/** Relative to the root, in byte order; a link is not followed. */
function paths(root: string, folder = ""): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? [path, ...paths(root, path)] : [path];
    })
    .sort((a, b) => (a < b ? -1 : 1));
}
