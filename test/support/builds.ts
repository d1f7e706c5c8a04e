import { mkdirSync, readFileSync } from "node:fs";
import type { Plan, UpgradeInfo } from "../../src/model/documents.ts";
import { type BuildLayout, buildLayout, type Layout } from "../../src/model/paths.ts";
import type { Clock } from "../../src/system/clock.ts";
import { replaceLinkDurably } from "../../src/system/durable.ts";
import { writePlan, writeUpgradeInfo, writeVersionRecord } from "../../src/upgrade/shared-documents.ts";
import { writeNote } from "../../src/upgrade/staged.ts";
import { describeBuild } from "../../src/upgrade/take-stock.ts";
import { sampleBuildInfo, writeSampleDaemon } from "./sample-daemon.ts";
import { NOON, upgradeInfo } from "./upgrades.ts";

/** Both clocks stand still, at noon. */
export const STANDING_CLOCK: Clock = { wall: () => NOON, monotonic: () => 1n, after: () => () => {} };

/** Puts a sample's binary where that of a build belongs. */
export function placeBinary(layout: Layout, name: string, version = name): BuildLayout {
  const build = buildLayout(layout, name);
  mkdirSync(build.bin, { recursive: true });
  writeSampleDaemon(build.binary, { version });
  return build;
}

/** A build with its binary, noted as staged and verified, and its information. */
export function placeBuild(layout: Layout, info: UpgradeInfo): BuildLayout {
  const build = placeBinary(layout, info.name, info.version);
  writeUpgradeInfo(build, info);
  noteBinary(build, info.version);
  return build;
}

export function noteBinary(build: BuildLayout, version: string): void {
  const sha256 = new Bun.CryptoHasher("sha256").update(readFileSync(build.binary)).digest("hex");
  writeNote(build, { sha256, origin: "downloaded", url: null, buildInfo: sampleBuildInfo({ version }), refused: null });
}

/** What `init` leaves: genesis with its documents, and `current`. The upgrades are queued, not staged. */
export function setUp(layout: Layout, ...queuedUp: UpgradeInfo[]): Plan {
  const buildInfo = sampleBuildInfo({ version: "1.0.0" });
  const plan = { current: describeBuild("genesis", buildInfo, ""), queuedUp };
  placeBuild(layout, plan.current);
  writePlan(layout, plan);
  writeVersionRecord(layout, { name: "genesis", version: "1.0.0", upgradeTime: NOON, binaryDetails: buildInfo });
  replaceLinkDurably(layout.rustVersionRecord, "current-version-info.json");
  replaceLinkDurably(layout.current, "genesis");
  return plan;
}

/** {@link setUp} with one upgrade that is queued and staged. */
export function setUpStaged(layout: Layout, info: UpgradeInfo = upgradeInfo()): UpgradeInfo {
  setUp(layout, info);
  placeBuild(layout, info);
  return info;
}
