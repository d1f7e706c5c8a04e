import type { BuildInfo } from "../model/build-info.ts";
import type { UpgradeInfo } from "../model/documents.ts";
import { toMilliseconds } from "../model/duration.ts";
import { adviceOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import { formatStamp } from "../model/instant.ts";
import { type BuildLayout, buildLayout, type Layout } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import { chooseBinary } from "../policy/choose-binary.ts";
import {
  asBeingQueued,
  isBeingQueued,
  isOwnedByPerson,
  judgeAnnouncement,
  type Running,
  sameAnnouncement,
} from "../policy/incoming.ts";
import type { Clock } from "../system/clock.ts";
import { makeFolderDurably, setAside } from "../system/durable.ts";
import { withLock } from "../system/lock.ts";
import { readHistory, readUpgradeInfo, requirePlan, writePlan, writeUpgradeInfo } from "../upgrade/shared-documents.ts";
import { hashFile, readStaged } from "../upgrade/staged.ts";
import type { Announcement, askSources } from "../upstream/sources.ts";

export interface PollerContext {
  layout: Layout;
  configuration: Configuration;
  platform: string;
  clock: Clock;
  askSources: typeof askSources;
  /** Where the proxies are named. */
  environment: Readonly<Record<string, string>>;
  /** The build information of what runs now. */
  running(): BuildInfo;
  /** Whether an entry of that name was taken out of the plan by a person, and still reads as it did then. */
  wasWithdrawn(info: UpgradeInfo): boolean;
  /** A reason why an announcement is refused, for whoever looks for it later. */
  refused(name: string, reason: string): void;
  emit: Emit;
  signal: AbortSignal;
}

/** How far a pause is stretched or shortened at random, so that nodes do not all ask in the same minute. */
const JITTER = 0.1;

/** Asks the source at once and then at every polling rate, until the signal. A failed poll is logged and tried again. */
export class Poller {
  private wake: () => void = () => {};
  private askAgain = false;
  private failing = false;
  private readonly said = new Map<string, string>();

  constructor(private readonly context: PollerContext) {}

  async run(): Promise<void> {
    const { signal, configuration } = this.context;
    while (!signal.aborted) {
      this.askAgain = false;
      await this.pollOnce();
      if (this.askAgain) continue;
      const pause =
        toMilliseconds(configuration.nymvisor.upstream_polling_rate) * (1 - JITTER + 2 * JITTER * Math.random());
      await this.sleep(pause);
    }
  }

  /** Cuts the pause short; a poll that is under way is followed by another, as its answer may be old already. */
  askNow(): void {
    this.askAgain = true;
    this.wake();
  }

  private async pollOnce(): Promise<void> {
    const { configuration, environment, signal, emit } = this.context;
    try {
      const announcement = await this.context.askSources(configuration, { environment, signal });
      if (announcement !== null) await this.take(announcement);
      if (this.failing && announcement !== null) emit({ type: "poll.recovered", source: announcement.source });
      this.failing = false;
    } catch (error) {
      if (signal.aborted) return;
      this.failing = true;
      emit({ type: "poll.failed", source: "upstream", reason: adviceOf(error) });
    }
  }

  private async take({ info, source }: Announcement): Promise<void> {
    const { layout, emit, signal } = this.context;
    const running = { build: this.context.running(), otherBytes: await this.hasOtherBytes(info) };
    const purpose = "queueing a release";
    const decision = await withLock(layout.upgradeLock, purpose, () => this.queue(info, running), { signal });
    if (decision.action === "refuse") {
      this.context.refused(info.name, decision.reason);
      if (this.said.get(info.name) !== decision.reason) {
        emit({ type: "release.refused", name: info.name, version: info.version, reason: decision.reason });
      }
      this.said.set(info.name, decision.reason);
    } else if (decision.action === "queue") {
      emit({
        type: "upgrade.queued",
        name: info.name,
        version: info.version,
        due: info.upgradeTime,
        replaces: decision.replaces,
      });
    } else {
      emit({ type: "poll.nothing-new", source, name: info.name, version: info.version });
    }
  }

  /** Under the lock: reads the plan, decides, and writes. */
  private queue(info: UpgradeInfo, running: Omit<Running, "info">) {
    const { layout } = this.context;
    const plan = requirePlan(layout);
    const queued = plan.queuedUp.find(({ name }) => name === info.name);
    const found = queued === undefined ? undefined : readUpgradeInfo(buildLayout(layout, queued.name));
    const saved = found?.state === "found" ? found.value : undefined;
    const owned = queued !== undefined && isOwnedByPerson(queued, saved);
    const history = readHistory(layout);
    const performed = history.state === "found" ? history.value.history.map((entry) => entry.info) : [];
    const decision = judgeAnnouncement(info, { info: plan.current, ...running }, plan, owned, performed);
    if (decision.action !== "queue" || (queued === undefined && this.context.wasWithdrawn(info))) {
      // An earlier poll ended between the plan and what follows it.
      const finish = saved !== undefined && isBeingQueued(saved) && queued !== undefined;
      if (finish && sameAnnouncement(queued, info)) writeUpgradeInfo(buildLayout(layout, info.name), info);
      return decision.action === "queue" ? ({ action: "nothing" } as const) : decision;
    }
    const build = buildLayout(layout, info.name);
    makeFolderDurably(build.folder);
    this.keepUnusable(build);
    writeUpgradeInfo(build, asBeingQueued(info));
    writePlan(layout, { ...plan, queuedUp: [...plan.queuedUp.filter(({ name }) => name !== info.name), info] });
    writeUpgradeInfo(build, info);
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

  /** Whether the announced bytes differ from those that run; see {@link Running}. */
  private async hasOtherBytes(info: UpgradeInfo): Promise<boolean | null> {
    const { layout, platform, signal } = this.context;
    const choice = chooseBinary(info, platform, true);
    if (!choice.found || choice.binary.checksum === null) return null;
    const current = buildLayout(layout, requirePlan(layout).current.name);
    const staged = readStaged(current);
    if (staged === undefined || staged.origin !== "downloaded") return null;
    const { algorithm, hex } = choice.binary.checksum;
    const ours = algorithm === "sha256" ? staged.sha256 : await hashFile(current.binary, algorithm, signal);
    return ours !== hex;
  }

  private sleep(milliseconds: number): Promise<void> {
    const { signal, clock } = this.context;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.wake = resolve;
    if (signal.aborted) resolve();
    // A timer ends early where the pause is longer than any can be: asking once more in weeks does no harm.
    const cancel = clock.after(milliseconds, resolve);
    const stop = () => resolve();
    signal.addEventListener("abort", stop);
    return promise.finally(() => {
      cancel();
      signal.removeEventListener("abort", stop);
    });
  }
}
