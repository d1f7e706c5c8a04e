import type { UpgradeInfo } from "../model/documents.ts";
import { objectionToUpgradeName } from "../model/names.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import { checksumsOf, urlsOf } from "../policy/operator-wishes.ts";
import { type BinaryNote, readNote } from "./staged.ts";

/** The sha256 of the binary of a build that is in place, in lower-case hex; undefined where that is not known. */
export function bytesOfBuild(layout: Layout, name: string): string | undefined {
  return noteOf(layout, name)?.sha256;
}

/** What cannot be read now keeps nothing from being queued: the bytes are looked at once more before the node is stopped. */
function noteOf(layout: Layout, name: string): BinaryNote | undefined {
  try {
    return readNote(buildLayout(layout, name));
  } catch {
    return undefined;
  }
}

/**
 * What is known of the bytes that an entry would bring, in lower-case hex: the checksums that it was announced with, and
 * the sha256 of the binary that lies there for it already. One that was downloaded from elsewhere is another binary.
 */
export function knownChecksums(layout: Layout, entry: UpgradeInfo): string[] {
  const announced = checksumsOf(entry);
  if (objectionToUpgradeName(entry.name) !== undefined) return announced;
  const note = noteOf(layout, entry.name);
  if (note === undefined) return announced;
  const isItsOwn = note.origin === "local" || (note.url !== null && urlsOf(entry).includes(note.url));
  return isItsOwn ? [...announced, note.sha256] : announced;
}
