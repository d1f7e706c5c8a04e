import { constants } from "node:fs";
import { NymvisorError } from "../model/errors.ts";
import type { BuildLayout } from "../model/paths.ts";
import { disk } from "../system/disk.ts";
import { explanation, makeFolderDurably, publishFileDurably, temporaryName } from "../system/durable.ts";
import { hashFile } from "./staged.ts";

/** A copy of an operator's binary beside the place where it belongs, not yet in it. */
export interface BinaryCopy {
  sha256: string;
  /** Puts it in its place, durably, over whatever is there; a running program keeps its old file. */
  publish(): void;
  /** Removes the copy, if it was not published. */
  discard(): void;
}

/**
 * Copies a binary into the folder of a build under a temporary name, executable. Where the file system shares blocks
 * (reflink) this costs nothing. @throws {NymvisorError} if it cannot be read or written; nothing is left then.
 */
export async function copyBinary(source: string, build: BuildLayout): Promise<BinaryCopy> {
  makeFolderDurably(build.bin);
  const temporary = temporaryName(build.binary);
  const discard = () => disk.rmSync(temporary, { force: true });
  try {
    disk.copyFileSync(source, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    disk.chmodSync(temporary, 0o755);
    const sha256 = await hashFile(temporary, "sha256");
    return { sha256, publish: () => publishFileDurably(temporary, build.binary), discard };
  } catch (error) {
    discard();
    throw new NymvisorError({
      what: `${source} cannot be copied to ${build.binary}`,
      why: explanation(error),
      next: `check the room and the owner there: df -h ${build.bin}; ls -ld ${build.bin}`,
      cause: error,
    });
  }
}
