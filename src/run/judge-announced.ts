import type { UpgradeInfo } from "../model/documents.ts";
import { objectionToUpgradeName } from "../model/names.ts";
import { buildLayout } from "../model/paths.ts";
import { type Candidate, verdictOnAnnouncement } from "../policy/announced-verdict.ts";
import { objectionToBytes } from "../policy/bad-releases.ts";
import { chooseBinary } from "../policy/choose-binary.ts";
import { isOwnedByPerson } from "../policy/incoming.ts";
import { knownChecksums } from "../upgrade/known-checksums.ts";
import { requireOperator } from "../upgrade/operator.ts";
import { hasOtherBytes } from "../upgrade/other-bytes.ts";
import { requireOutcomes } from "../upgrade/outcomes.ts";
import { readHistory, readUpgradeInfo, requirePlan } from "../upgrade/shared-documents.ts";
import { readStaged } from "../upgrade/staged.ts";
import type { ReleaseDesk } from "./release-desk.ts";

/** What becomes of an announcement; nothing is changed. */
export async function judgeAnnounced(
  desk: ReleaseDesk,
  info: UpgradeInfo,
): Promise<{ candidate: Candidate; newer: boolean }> {
  const { layout, build } = desk;
  const plan = requirePlan(layout);
  const queued = plan.queuedUp.find(({ name }) => name === info.name);
  const saved = queued === undefined ? undefined : readUpgradeInfo(buildLayout(layout, queued.name));
  const history = readHistory(layout);
  return verdictOnAnnouncement(info, {
    running: {
      info: plan.current,
      build,
      otherBytes: await hasOtherBytes(info, buildLayout(layout, desk.name), desk.platform),
    },
    plan,
    owned: queued !== undefined && isOwnedByPerson(queued, saved?.state === "found" ? saved.value : undefined),
    performed: history.state === "found" ? history.value.history.map((entry) => entry.info) : [],
    operator: requireOperator(layout),
    bad: desk.despiteFailures ? null : objectionToBytes(requireOutcomes(layout).outcomes, knownChecksums(layout, info)),
    missing: missingBinary(desk, info),
  });
}

/** Why there is no binary of it that may be used, or null. */
export function missingBinary(
  { layout, platform, configuration }: ReleaseDesk,
  info: UpgradeInfo,
): { state: "no-binary" | "no-checksum"; why: string } | null {
  if (objectionToUpgradeName(info.name) === undefined && readStaged(buildLayout(layout, info.name)) !== undefined) {
    return null;
  }
  const choice = chooseBinary(info, platform, configuration.daemon.enforce_download_checksum);
  if (choice.found) return null;
  const lax = chooseBinary(info, platform, false);
  return { state: lax.found ? "no-checksum" : "no-binary", why: choice.reason };
}
