import type { UpgradeInfo } from "../../src/model/documents.ts";
import { type Instant, parseInstant } from "../../src/model/instant.ts";

/** A moment that tests count from. */
export const NOON: Instant = parseInstant("2026-11-21T12:00:00Z");

/** An upgrade's entry; named after its version, due at noon, and for no platform unless it says otherwise. */
export function upgradeInfo({ version = "1.1.0", ...others }: Partial<UpgradeInfo> = {}): UpgradeInfo {
  return {
    manual: false,
    name: version,
    notes: "",
    publishDate: null,
    version,
    platforms: {},
    upgradeTime: NOON,
    binaryDetails: null,
    ...others,
  };
}

/** What an announcement says of one platform. */
export function platform(content: string, url = "https://example.org/nym-node") {
  return { url, checksum: new Bun.CryptoHasher("sha256").update(content).digest("hex"), checksumAlgorithm: "sha256" };
}
