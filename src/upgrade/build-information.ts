import { inspectBinary } from "../daemon/inspect.ts";
import type { ChildEnvironment } from "../daemon/spawn.ts";
import type { BuildInfo } from "../model/build-info.ts";
import type { UpgradeInfo } from "../model/documents.ts";
import type { BuildLayout } from "../model/paths.ts";
import { chooseBinary } from "../policy/choose-binary.ts";
import { makeExecutableDurably } from "../system/durable.ts";
import { hashFile, identityOf, readStaged, writeNote } from "./staged.ts";

/**
 * The build information of a build that is in place: from its note where the binary is the very file that the note
 * speaks of, else by running it.
 * @throws {NymvisorError} if the binary is missing or is none.
 */
export async function buildInfoOf(
  build: BuildLayout,
  environment: ChildEnvironment,
  signal?: AbortSignal,
): Promise<BuildInfo> {
  return readStaged(build)?.buildInfo ?? (await inspectBinary(build.binary, { environment, signal }));
}

/**
 * Notes a build that came without a note (set up by the Rust program, or put there by hand): its hash tells later
 * whether a release has other bytes. Does nothing where there is a note.
 */
export async function noteBuild(
  build: BuildLayout,
  info: UpgradeInfo,
  buildInfo: BuildInfo,
  platform: string,
): Promise<void> {
  if (readStaged(build) !== undefined) return;
  const { mode } = identityOf(build.binary);
  if ((mode & 0o111) === 0) makeExecutableDurably(build.binary);
  const { identity } = identityOf(build.binary);
  const sha256 = await hashFile(build.binary, "sha256");
  const choice = chooseBinary(info, platform, false);
  const checksum = choice.found ? choice.binary.checksum : null;
  const announced = checksum !== null && (await hashFile(build.binary, checksum.algorithm)) === checksum.hex;
  // It was exchanged while it was read: the next start looks again.
  if (identityOf(build.binary).identity !== identity) return;
  writeNote(build, {
    sha256,
    origin: announced ? "downloaded" : "local",
    url: announced && choice.found ? choice.binary.url : null,
    buildInfo,
    refused: null,
  });
}
