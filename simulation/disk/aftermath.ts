import { FileInode } from "./file.ts";
import { FolderInode } from "./folder.ts";
import type { Inode } from "./inode.ts";
import type { Volume } from "./volume.ts";

/** What may be found at a path: contents, a folder, nothing, or what nobody can foretell (`open`). */
export type Possible = Uint8Array | "folder" | "nothing" | "open";

/**
 * What a loss of power at this moment may leave, without taking the power away: so that what must survive one can be
 * asked for after every single call, and not only where a world happens to be struck. Symbolic links are not followed.
 */
export class Aftermath {
  constructor(private readonly volume: Volume) {}

  /** All that may be found there; more than one where a name is not durable. */
  at(path: string): Possible[] {
    const names = path.split("/").filter((name) => name !== "");
    const last = names.pop();
    const folder = this.#folder(names);
    if (last === undefined || folder === undefined) return ["open"];
    return [...folder.possible(last)].map(describe);
  }

  /** The contents that will be found there, or undefined where it may be anything else. */
  contents(path: string): Uint8Array | undefined {
    const [only, ...others] = this.at(path);
    return only instanceof Uint8Array && others.length === 0 ? only : undefined;
  }

  /** The names that may be found in a folder; none where that may not be there itself. */
  names(path: string): readonly string[] {
    const folder = this.#folder(path.split("/").filter((name) => name !== ""));
    return [...(folder?.possibleNames() ?? [])];
  }

  /** Undefined unless each of them is sure to be there, and to be this one. */
  #folder(names: readonly string[]): FolderInode | undefined {
    let folder = this.volume.root;
    for (const name of names) {
      const [only, ...others] = folder.possible(name);
      if (!(only instanceof FolderInode) || others.length > 0) return undefined;
      folder = only;
    }
    return folder;
  }
}

function describe(inode: Inode | undefined): Possible {
  if (inode === undefined) return "nothing";
  if (inode instanceof FolderInode) return "folder";
  return inode instanceof FileInode && inode.isDurable ? inode.contents() : "open";
}
