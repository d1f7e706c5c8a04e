import type { BuildInfo } from "../model/build-info.ts";
import { formatInstant, type Instant } from "../model/instant.ts";
import { printable } from "../model/names.ts";
import type { Release, ReleaseState } from "../model/releases.ts";
import { buildOf, bytesOf, type FoundRunning } from "./find-running.ts";
import { compareReleaseVersions, isVersion } from "./release-order.ts";
import type { Known, ReleasePolicy } from "./release-policy.ts";

/** What holds of a release whatever its age and whatever other releases there are. */
export type Standing =
  | { kind: "settled"; state: ReleaseState; why: string }
  | { kind: "acceptable"; version: string }
  /** Acceptable, for all that is known without executing its binary. */
  | { kind: "unidentified" };

/** Clocks differ a little; what is announced from further ahead is a mistake or worse. */
const FUTURE = 3_600_000_000_000n;

/** From when on the date of publication is believed. */
export function believedFrom({ publishedAt }: Release): Instant {
  return publishedAt - FUTURE;
}

/** Whether the release says what can be true; one that does not is no sign of what runs either. */
export function isCredible(release: Release, now: Instant): boolean {
  return release.objection === null && now >= believedFrom(release);
}

export function judgeRelease(
  release: Release,
  runs: FoundRunning | { unknown: string },
  known: Known,
  policy: ReleasePolicy,
  now: Instant,
): Standing {
  const { running } = known;
  if (release.objection !== null) return settled("refused", release.objection);
  if (!isCredible(release, now)) {
    return settled("refused", `it claims to be published in the future, at ${formatInstant(release.publishedAt)}`);
  }
  if ("unknown" in runs) return settled("not-replaced", runs.unknown);
  if (runs.release === release) return judgeRunning(release, runs, known);
  const bytes = bytesOf(release);
  if (bytes !== null && bytes === running.sha256) return settled("same-bytes", `its bytes are those of ${runs.name}`);
  if (release.publishedAt <= runs.publishedAt) {
    return settled("older", `it was not published later than ${runs.name}, which runs`);
  }
  // That it failed says more than that it was performed.
  const refusal = bytes === null ? undefined : known.refused.get(bytes);
  const wasPerformed = release.name === running.name || known.performed.has(release.name);
  if (wasPerformed && refusal !== undefined) return settled("refused", refusal);
  if (release.name === running.name) return settled("performed", "it was performed, with other bytes than it has now");
  if (known.performed.has(release.name)) {
    return settled("performed", `it was performed before, and ${running.name} was put in its place since`);
  }
  const build = buildOf(release, known.builds);
  return (
    judgeWishes(release, build, policy) ??
    judgeBinary(release, known, policy) ??
    (build === null ? { kind: "unidentified" } : judgeBuild(build, running.build))
  );
}

/** The release that what runs was found to be; found by its commit or version it may still be another build. */
function judgeRunning(release: Release, { by }: FoundRunning, { running }: Known): Standing {
  const bytes = bytesOf(release);
  const otherBytes = bytes !== null && running.sha256 !== null && bytes !== running.sha256;
  if (!otherBytes || release.name === running.name) return settled("running", `it is what runs, found by its ${by}`);
  return settled("not-replaced", `what runs is another build of its ${by}, brought by an operator or built anew since`);
}

/** What the operator does not want. */
function judgeWishes(release: Release, build: BuildInfo | null, policy: ReleasePolicy): Standing | null {
  const { pin } = policy;
  if (policy.skipped.has(release.name)) return settled("skipped", "an operator skipped it");
  const mayBePinned = pin === null || isPinned(release, build, pin) || (build === null && isVersion(pin));
  if (!mayBePinned) {
    return settled("pinned-away", `an operator pinned this node to ${printable(pin)}`);
  }
  if (release.prerelease && !policy.prereleases) return settled("prerelease", "it is a prerelease");
  return null;
}

/** Whether `pin` means the release, by its name or its version. */
export function isPinned({ name }: Pick<Release, "name">, build: BuildInfo | null, pin: string): boolean {
  return name === pin || (build !== null && compareReleaseVersions(build.build_version, pin) === 0);
}

/** Whether there is a binary that may be trusted to be the release's. */
function judgeBinary(
  release: Release,
  { refused, builds }: Known,
  { enforceChecksum }: ReleasePolicy,
): Standing | null {
  const { binary } = release;
  if ("missing" in binary) return settled("no-binary", binary.missing);
  if (typeof binary.sha256 === "string") {
    const reason = refused.get(binary.sha256);
    return reason === undefined ? null : settled("refused", reason);
  }
  if (enforceChecksum) return settled("no-checksum", binary.sha256.missing);
  if (buildOf(release, builds) !== null) return null;
  return settled("no-checksum", `${binary.sha256.missing}, and nothing tells its version`);
}

/** Whether it is of the same daemon, and no step back. */
function judgeBuild(build: BuildInfo, running: BuildInfo): Standing {
  const version = build.build_version;
  const shown = printable(version, 40);
  if (build.binary_name !== running.binary_name) {
    const other = printable(build.binary_name, 40);
    return settled("refused", `its binary is ${other}, and ${running.binary_name} runs`);
  }
  const order = compareReleaseVersions(version, running.build_version);
  if (order === undefined) {
    return settled("refused", `its version "${shown}" cannot be compared with ${running.build_version}, which runs`);
  }
  if (order < 0) return settled("older", `its version ${shown} is lower than ${running.build_version}, which runs`);
  return { kind: "acceptable", version };
}

function settled(state: ReleaseState, why: string): Standing {
  return { kind: "settled", state, why };
}
