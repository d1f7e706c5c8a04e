import type { UpgradeInfo } from "../model/documents.ts";
import type { BuildLayout } from "../model/paths.ts";
import { chooseBinary } from "../policy/choose-binary.ts";
import type { Running } from "../policy/incoming.ts";
import { hashFile, readStaged } from "./staged.ts";

/** Whether the announced bytes differ from those of the build that runs; see {@link Running}. */
export async function hasOtherBytes(
  info: UpgradeInfo,
  current: BuildLayout,
  platform: string,
  signal?: AbortSignal,
): Promise<Running["otherBytes"]> {
  const choice = chooseBinary(info, platform, true);
  if (!choice.found || choice.binary.checksum === null) return null;
  const staged = readStaged(current);
  if (staged === undefined || staged.origin !== "downloaded") return null;
  const { algorithm, hex } = choice.binary.checksum;
  const ours = algorithm === "sha256" ? staged.sha256 : await hashFile(current.binary, algorithm, signal);
  return ours !== hex;
}
