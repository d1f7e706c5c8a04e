import type { BuildInfo } from "../model/build-info.ts";
import type { UpgradeInfo } from "../model/documents.ts";
import type { Emit } from "../model/events.ts";
import { formatStamp } from "../model/instant.ts";
import { type BuildLayout, buildLayout, type Layout } from "../model/paths.ts";
import { objectionToBytes } from "../policy/bad-releases.ts";
import {
  isBeingQueued,
  isOwnedByPerson,
  judgeAnnouncement,
  type Running,
  sameAnnouncement,
} from "../policy/incoming.ts";
import { objectionToWish } from "../policy/operator-wishes.ts";
import { compareReleaseVersions } from "../policy/release-order.ts";
import type { Clock } from "../system/clock.ts";
import { setAside } from "../system/durable.ts";
import { withLock } from "../system/lock.ts";
import { knownChecksums } from "../upgrade/known-checksums.ts";
import { requireOperator } from "../upgrade/operator.ts";
import { hasOtherBytes } from "../upgrade/other-bytes.ts";
import { requireOutcomes } from "../upgrade/outcomes.ts";
import { queueEntry } from "../upgrade/queue-entry.ts";
import { readHistory, readUpgradeInfo, requirePlan, writeUpgradeInfo } from "../upgrade/shared-documents.ts";
import { noteAnswer, noteQueued, settleRecords, sourceRecords } from "../upgrade/source-records.ts";
import type { Announcement } from "../upstream/sources.ts";

export interface IntakeContext {
  layout: Layout;
  /** The instance; what it queues it may change. */
  instance: string;
  platform: string;
  clock: Clock;
  /** The build information of what runs now. */
  running(): BuildInfo;
  /** A reason why an announcement is refused, for whoever looks for it later. */
  refused(name: string, reason: string): void;
  /** The announcement with the time that the operator's policy gives it. */
  schedule(info: UpgradeInfo): UpgradeInfo;
  emit: Emit;
  signal: AbortSignal;
}

/** Takes what a source announces into the plan, if it belongs there. */
export class AnnouncementIntake {
  /** What was refused, and why: said once for each reason. */
  private readonly said = new Map<string, string>();

  constructor(private readonly context: IntakeContext) {}

  /**
   * @param answered the source has just said so, and not some time ago.
   * @returns whether it is newer than what runs. @throws {NymvisorError} if it could not be taken in.
   */
  async take({ info: announced, source }: Announcement, answered: boolean): Promise<boolean> {
    const { layout, emit, signal } = this.context;
    const info = this.context.schedule(announced);
    const current = buildLayout(layout, requirePlan(layout).current.name);
    const otherBytes = await hasOtherBytes(info, current, this.context.platform, signal);
    const running = { build: this.context.running(), otherBytes };
    const purpose = "queueing a release";
    const write = () => {
      if (answered) noteAnswer(layout, source, this.context.clock.wall());
      return this.queue(info, source, running);
    };
    const decision = await withLock(layout.upgradeLock, purpose, write, { signal });
    if (decision.action === "refuse") {
      this.context.refused(info.name, decision.reason);
      if (this.said.get(info.name) !== decision.reason) {
        emit({ type: "release.refused", name: info.name, version: info.version, reason: decision.reason });
      }
      this.said.set(info.name, decision.reason);
      return false;
    }
    if (decision.action === "queue") {
      emit({
        type: "upgrade.queued",
        name: info.name,
        version: info.version,
        due: info.upgradeTime,
        replaces: decision.replaces,
      });
      return true;
    }
    emit({ type: "poll.nothing-new", source, name: info.name, version: info.version });
    return (compareReleaseVersions(info.version, running.build.build_version) ?? 0) > 0;
  }

  /** Under the lock: reads the plan, decides, and writes. */
  private queue(info: UpgradeInfo, source: string, running: Omit<Running, "info">) {
    const { layout, clock, instance, emit } = this.context;
    const plan = requirePlan(layout);
    for (const name of settleRecords(layout, plan, clock.wall())) emit({ type: "release.skipped", name });
    const queued = plan.queuedUp.find(({ name }) => name === info.name);
    const found = queued === undefined ? undefined : readUpgradeInfo(buildLayout(layout, queued.name));
    const saved = found?.state === "found" ? found.value : undefined;
    const owned = queued !== undefined && isOwnedByPerson(queued, saved);
    const history = readHistory(layout);
    const performed = history.state === "found" ? history.value.history.map((entry) => entry.info) : [];
    const bad = objectionToBytes(requireOutcomes(layout).outcomes, knownChecksums(layout, info));
    const decision = judgeAnnouncement(info, { info: plan.current, ...running }, plan, owned, performed, bad);
    const unwanted = queued === undefined && objectionToWish(info, requireOperator(layout)) !== null;
    if (decision.action !== "queue" || unwanted) {
      // An earlier poll ended between the plan and what follows it.
      const finish = saved !== undefined && isBeingQueued(saved) && queued !== undefined;
      if (finish && sameAnnouncement(queued, info)) writeUpgradeInfo(buildLayout(layout, info.name), info);
      const known = sourceRecords(layout).queued.some(({ name }) => name === info.name);
      if (queued !== undefined && !owned && !known) {
        const { name, upgradeTime } = queued;
        noteQueued(layout, name, { name, source, by: instance, upgradeTime, state: "queued" });
      }
      return decision.action === "queue" ? ({ action: "nothing" } as const) : decision;
    }
    const build = buildLayout(layout, info.name);
    this.keepUnusable(build);
    queueEntry(layout, info, { source, by: instance, upgradeTime: info.upgradeTime });
    return decision;
  }

  /** What stands where the information belongs, and is none, is never overwritten. */
  private keepUnusable(build: BuildLayout): void {
    const { clock, emit } = this.context;
    const found = readUpgradeInfo(build);
    if (found.state !== "unusable") return;
    const kept = setAside(build.info, formatStamp(clock.wall()));
    emit({ type: "document.set-aside", path: build.info, kept, reason: found.reason });
  }
}
