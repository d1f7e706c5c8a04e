import { inspectBinary } from "../daemon/inspect.ts";
import type { ChildEnvironment } from "../daemon/spawn.ts";
import type { BuildInfo } from "../model/build-info.ts";
import type { UpgradeInfo } from "../model/documents.ts";
import { NymvisorError } from "../model/errors.ts";
import type { Instant } from "../model/instant.ts";
import { printable } from "../model/names.ts";
import { type BuildLayout, buildLayout, type Layout } from "../model/paths.ts";
import type { AddUpgradeRequest, Due } from "../model/requests.ts";
import { systemClock } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { daemonEnvironment, type Environment } from "../system/environment.ts";
import { withLock } from "../system/lock.ts";
import { readCurrent } from "../upgrade/current.ts";
import { namesIn, noteOrder } from "../upgrade/operator.ts";
import { type BinaryCopy, copyBinary } from "../upgrade/place-binary.ts";
import { requirePlan, requireUpgradeInfo, writePlan, writeUpgradeInfo } from "../upgrade/shared-documents.ts";
import { contradictionOf } from "../upgrade/stage.ts";
import { writeNote } from "../upgrade/staged.ts";
import { findBinary } from "./find-binary.ts";
import { openInstance, requireUpgradeData } from "./open-instance.ts";
import { refuseFailed } from "./retry-failed.ts";

/**
 * `nymvisor add-upgrade`: brings a binary and queues it, or brings only the binary of an upgrade that is known
 *. A running nymvisor sees the change of the plan.
 * @returns the entry, durable in the plan.
 */
export async function addUpgrade(request: AddUpgradeRequest, environment: Environment): Promise<UpgradeInfo> {
  const { layout } = openInstance(environment);
  requireUpgradeData(layout);
  return queueBinary(layout, findBinary(request.daemonBinary, environment), request, daemonEnvironment(environment));
}

/** {@link addUpgrade}, where instance and binary are found already. */
export async function queueBinary(
  layout: Layout,
  binary: string,
  request: AddUpgradeRequest,
  environment: ChildEnvironment,
): Promise<UpgradeInfo> {
  const buildInfo = await inspectBinary(binary, { environment });
  if (buildInfo.binary_name !== layout.daemon) {
    throw new NymvisorError({
      what: `${binary} is a ${buildInfo.binary_name}`,
      why: `this instance runs ${layout.daemon}`,
      next: `give a binary of ${layout.daemon}, or choose the instance: NYMVISOR_ID=ID`,
    });
  }
  const build = buildLayout(layout, request.name);
  // Once before the copy, so that nothing is made in vain, and once more under the lock.
  check(layout, build, request, buildInfo);
  const copy = await copyBinary(binary, build);
  try {
    refuseFailed({ layout, despiteFailures: false }, request.name, [copy.sha256]);
    return await withLock(layout.upgradeLock, "add-upgrade", () => {
      const known = check(layout, build, request, buildInfo);
      const described = describe(request, buildInfo);
      const now = request.due.kind === "now";
      return place(layout, build, copy, buildInfo, request.addBinary ? known : undefined, described, now);
    });
  } finally {
    copy.discard();
  }
}

/** @returns the information that is there already. @throws {NymvisorError} if the upgrade may not be added like this. */
function check(
  layout: Layout,
  build: BuildLayout,
  request: AddUpgradeRequest,
  buildInfo: BuildInfo,
): UpgradeInfo | undefined {
  const name = printable(request.name);
  requirePlan(layout);
  if (readCurrent(layout) === request.name) {
    throw new NymvisorError({
      what: `${name} is what runs now`,
      why: "its binary is not exchanged under it",
      next: "choose another --upgrade-name",
    });
  }
  const force = "add --force to replace it, or choose another --upgrade-name";
  if (disk.existsSync(build.binary) && !request.force) {
    throw new NymvisorError({ what: `${name} has a binary already`, why: `${build.binary} is there`, next: force });
  }
  // One that cannot be used is not overwritten even by force: nobody has seen what is in it.
  const info = requireUpgradeInfo(build);
  if (!request.addBinary) {
    if (info === undefined || request.force) return undefined;
    throw new NymvisorError({
      what: `${name} is known already`,
      why: `${build.info} is there`,
      next: `${force}; to bring only its binary: --add-binary`,
    });
  }
  if (info === undefined) {
    throw new NymvisorError({
      what: `${name} is not known`,
      why: `${build.info} is not there`,
      next: "leave out --add-binary to queue it",
    });
  }
  const contradiction = contradictionOf(buildInfo, { ...info, binaryDetails: null }, layout.daemon);
  if (contradiction !== null)
    throw new NymvisorError({ what: `the binary is not that of ${name}`, why: contradiction });
  return info;
}

function place(
  layout: Layout,
  build: BuildLayout,
  copy: BinaryCopy,
  buildInfo: BuildInfo,
  known: UpgradeInfo | undefined,
  described: UpgradeInfo,
  now: boolean,
): UpgradeInfo {
  const plan = requirePlan(layout);
  copy.publish();
  writeNote(build, { sha256: copy.sha256, origin: "local", url: null, buildInfo, refused: null });
  if (known !== undefined) {
    // Written again as it is: a running nymvisor sees that, and looks for the binary that it may be waiting for.
    writePlan(layout, plan);
    return plan.queuedUp.find(({ name }) => name === known.name) ?? known;
  }
  const order = { name: described.name, since: systemClock.wall(), despiteHold: now, downgrade: true, checksums: null };
  noteOrder(layout, order, namesIn(plan));
  writeUpgradeInfo(build, described);
  writePlan(layout, { ...plan, queuedUp: [...plan.queuedUp.filter(({ name }) => name !== described.name), described] });
  return described;
}

function describe({ name, due, publishDate }: AddUpgradeRequest, buildInfo: BuildInfo): UpgradeInfo {
  const now = systemClock.wall();
  return {
    manual: false,
    name,
    notes: "added by hand with nymvisor add-upgrade",
    publishDate: publishDate ?? now,
    version: buildInfo.build_version,
    platforms: {},
    upgradeTime: momentOf(due, now),
    binaryDetails: buildInfo,
  };
}

function momentOf(due: Due, now: Instant): Instant {
  switch (due.kind) {
    case "now":
      return now;
    case "at":
      return due.instant;
    case "after":
      return now + due.delay;
  }
}
