import { platformSchema, type UpgradeInfo } from "../model/documents.ts";
import { printable } from "../model/names.ts";

export type ChecksumAlgorithm = "sha256" | "sha512";

export interface Checksum {
  algorithm: ChecksumAlgorithm;
  /** Lower-case hex. */
  hex: string;
}

/** Where an upgrade's binary for one platform is, and what it must be. */
export interface AnnouncedBinary {
  url: string;
  checksum: Checksum | null;
}

export type BinaryChoice = { found: true; binary: AnnouncedBinary } | { found: false; reason: string };

const HEX_LENGTH: Readonly<Record<ChecksumAlgorithm, number>> = { sha256: 64, sha512: 128 };

/** Rust's name of a platform: `linux-x86_64`. */
export function platformKey(platform: string, architecture: string): string {
  const architectures: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };
  return `${platform}-${architectures[architecture] ?? architecture}`;
}

/** The binary for this platform, else the one for `any`. Entries of other platforms are never looked at. */
export function chooseBinary(info: UpgradeInfo, platform: string, enforceChecksum: boolean): BinaryChoice {
  const key = [platform, "any"].find((name) => Object.hasOwn(info.platforms, name));
  if (key === undefined) {
    const names = Object.keys(info.platforms)
      .slice(0, 8)
      .map((name) => printable(name, 40));
    const offered = names.length === 0 ? "for no platform at all" : `for ${names.join(", ")}`;
    return { found: false, reason: `it is announced ${offered}, and this machine is ${platform}` };
  }
  const entry = platformSchema.safeParse(info.platforms[key]);
  if (!entry.success) return { found: false, reason: `its entry for ${key} has no usable url` };
  const checksum = readChecksum(entry.data.checksum ?? "", entry.data.checksumAlgorithm ?? "");
  if (typeof checksum === "string") return { found: false, reason: `its entry for ${key} is refused: ${checksum}` };
  if (checksum === null && enforceChecksum) {
    return { found: false, reason: `it is announced without a checksum for ${key}, and checksums are enforced` };
  }
  return { found: true, binary: { url: entry.data.url, checksum } };
}

function readChecksum(text: string, algorithmText: string): Checksum | null | string {
  const hex = text.trim().toLowerCase();
  if (hex === "") return null;
  const algorithm = algorithmText.toLowerCase().replace("-", "");
  if (algorithm !== "sha256" && algorithm !== "sha512") {
    return `"${printable(algorithmText, 40)}" is not a checksum algorithm that nymvisor knows (sha256, sha512)`;
  }
  if (!/^[0-9a-f]+$/.test(hex) || hex.length !== HEX_LENGTH[algorithm]) {
    return `its checksum is not ${HEX_LENGTH[algorithm]} hex digits of ${algorithm}`;
  }
  return { algorithm, hex };
}
