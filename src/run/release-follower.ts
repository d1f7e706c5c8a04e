import type { ChildEnvironment } from "../daemon/spawn.ts";
import type { BuildInfo } from "../model/build-info.ts";
import type { Plan, UpgradeInfo } from "../model/documents.ts";
import { reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Instant } from "../model/instant.ts";
import { objectionToUpgradeName } from "../model/names.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import type { ReleaseList } from "../model/release-list.ts";
import type { Release, RunningBuild, Verdict } from "../model/releases.ts";
import type { SourceRecords } from "../model/source-records.ts";
import { badBytes } from "../policy/bad-releases.ts";
import { chooseBinary } from "../policy/choose-binary.ts";
import { decideReleases, type Known, type ReleaseDecision, type ReleasePolicy } from "../policy/decide-releases.ts";
import { timesOfEntry } from "../policy/entry-times.ts";
import { bytesOf } from "../policy/find-running.ts";
import { releasesOf } from "../policy/github-releases.ts";
import { sameAnnouncement, withAskFrom } from "../policy/incoming.ts";
import { orderOf } from "../policy/operator-wishes.ts";
import { isOrderable } from "../policy/ordered-release.ts";
import { obstaclesOf } from "../policy/release-obstacles.ts";
import { ageOf } from "../policy/release-times.ts";
import type { Clock } from "../system/clock.ts";
import { disk } from "../system/disk.ts";
import { withLock } from "../system/lock.ts";
import { requireOperator } from "../upgrade/operator.ts";
import { requireOutcomes } from "../upgrade/outcomes.ts";
import { queueEntry, unqueueEntry } from "../upgrade/queue-entry.ts";
import { readHistory, requirePlan } from "../upgrade/shared-documents.ts";
import { settleRecords, sourceRecords } from "../upgrade/source-records.ts";
import { identify } from "../upgrade/stage.ts";
import { readNote } from "../upgrade/staged.ts";
import type { downloadBinary } from "../upstream/download.ts";

/** What the decision about the releases of a list is made from besides the list. */
export interface FollowerContext {
  layout: Layout;
  /** The instance; the times that it chose it may change. */
  instance: string;
  /** Of the list. */
  source: string;
  /** `linux-x86_64` */
  platform: string;
  clock: Clock;
  emit: Emit;
  signal: AbortSignal;
  environment: ChildEnvironment;
  allowHttp: boolean;
  /** The address of the source. */
  namedBy: string;
  allowDownload: boolean;
  enforceChecksum: boolean;
  download: typeof downloadBinary;
  /** The build information of what runs now. */
  running(): BuildInfo;
  /** What the operator wants now: settings, commands, and this instance's share of the spread. */
  policy(): ReleasePolicy;
  /** A person wants to try again what did not prove itself: such bytes are like any others. */
  despiteFailures?: boolean;
}

/** A decision, and what it was made from. */
export interface Judgement {
  decision: ReleaseDecision;
  /** Newest first. */
  releases: readonly Release[];
  known: Known;
  warnings: readonly string[];
}

/** Keeps the plan in step with a list of releases: at most one entry of it is the list's. */
export class ReleaseFollower {
  /** Announced bytes that turned out to be something else, with the reason. */
  private readonly refused = new Map<string, string>();
  /** Announced bytes that could not be downloaded or asked, with the reason. */
  private readonly unasked = new Map<string, string>();
  private readonly said = new Set<string>();

  constructor(private readonly context: FollowerContext) {}

  /** Another poll is another chance for what could not be asked. */
  retry(): void {
    this.unasked.clear();
  }

  /** What was announced as these bytes is not: the release is passed over. */
  refuse(sha256: string, reason: string): void {
    this.refused.set(sha256, reason);
  }

  /** What would be done with each release now, and what that is decided by; nothing is changed. */
  decide(list: ReleaseList, plan: Plan): Judgement {
    const judgement = this.judge(list, plan);
    const { chosen } = judgement.decision;
    const queued = plan.queuedUp.find(({ name }) => name === chosen?.release.name);
    const record = sourceRecords(this.context.layout).queued.find(({ name }) => name === chosen?.release.name);
    if (chosen === null || queued === undefined || record?.source !== this.context.source) return judgement;
    const { due } = timesOfEntry(chosen, queued, record, this.context.instance);
    const verdicts = judgement.decision.verdicts.map((verdict) =>
      verdict.name === chosen.release.name ? { ...verdict, at: due } : verdict,
    );
    return { ...judgement, decision: { ...judgement.decision, chosen: { ...chosen, due }, verdicts } };
  }

  /**
   * Downloads a release and asks its binary for its version, because a person wants it: its age does not count.
   * @throws {NymvisorError} if that cannot be done, or it is another daemon's.
   */
  async ask(release: Release): Promise<BuildInfo> {
    const { layout, clock } = this.context;
    const info = this.describe({ release, version: "unknown", due: 0n, askFrom: 0n }, null);
    const staged = await identify({ ...this.context, layout, info, now: clock.wall(), askFrom: 0n });
    return staged.buildInfo;
  }

  /** Queues a release because a person wants it at `due`. @returns the entry, durable. Under the lock. */
  order(chosen: NonNullable<ReleaseDecision["chosen"]>, due: Instant): UpgradeInfo {
    const { layout, instance, source } = this.context;
    const queued = requirePlan(layout).queuedUp.find(({ name }) => name === chosen.release.name);
    const entry = this.describe({ ...chosen, due }, queued ?? null);
    // Never the same time, or the source would take it for its own.
    queueEntry(layout, entry, { source, by: instance, upgradeTime: chosen.due === due ? due + 1n : chosen.due });
    return entry;
  }

  /**
   * Decides, and changes the plan accordingly. A release whose version only its binary can tell is downloaded and asked
   * first, if it is old enough. @throws {NymvisorError} if plan or records cannot be read or written.
   */
  async follow(list: ReleaseList): Promise<ReleaseDecision> {
    const { layout } = this.context;
    const { decision, warnings } = this.judge(list, requirePlan(layout));
    for (const warning of [...warnings, ...decision.warnings]) this.warnOnce(warning);
    if (decision.identify !== null && this.context.allowDownload) {
      // What is withdrawn does not stay in the plan for as long as a download takes.
      await this.locked(() => this.leave(list));
      if (await this.identify(decision.identify)) return this.follow(list);
    }
    return this.bringUp(list);
  }

  /** As {@link follow}, by what is known already. */
  async bringUp(list: ReleaseList): Promise<ReleaseDecision> {
    const decision = await this.locked(() => this.apply(list));
    this.tellObstacles(decision);
    return decision;
  }

  private locked(change: () => ReleaseDecision): Promise<ReleaseDecision> {
    const { layout, signal } = this.context;
    return withLock(layout.upgradeLock, "following the releases", change, { signal });
  }

  /** Why what is newer is not taken, once each; what staging has found is told already. */
  private tellObstacles(decision: ReleaseDecision): void {
    if ("unknown" in decision.runs) this.warnOnce(`none is taken by itself: ${decision.runs.unknown}`);
    const told = new Set([...this.refused.values(), ...this.unasked.values()]);
    for (const { name, version, state, why } of obstaclesOf(decision)) {
      if (told.has(why) || this.said.has(`${name} ${why}`)) continue;
      this.said.add(`${name} ${why}`);
      if (state !== "refused") this.context.emit({ type: "release.passed-over", name, reason: why });
      else this.context.emit({ type: "release.refused", name, version: version ?? "unknown version", reason: why });
    }
  }

  private warnOnce(reason: string): void {
    if (this.said.has(reason)) return;
    this.said.add(reason);
    this.context.emit({ type: "source.warning", source: this.context.source, reason });
  }

  private judge(list: ReleaseList, plan: Plan): Judgement {
    const { layout, platform, clock } = this.context;
    const architecture = platform.slice(platform.indexOf("-") + 1);
    const { releases, warnings } = releasesOf(list, { daemon: layout.daemon, architecture });
    const known = this.known(releases, plan);
    const decision = decideReleases(releases, known, this.context.policy(), clock.wall());
    return { decision, releases, known, warnings };
  }

  private known(releases: readonly Release[], plan: Plan): Known {
    const { layout, platform } = this.context;
    const history = readHistory(layout);
    const performed = new Map<string, string | null>();
    for (const { info } of history.state === "found" ? history.value.history : []) {
      performed.set(info.name, announcedBytes(info, platform));
    }
    const builds = new Map<string, BuildInfo>();
    const bad = this.context.despiteFailures ? [] : badBytes(requireOutcomes(layout).outcomes);
    const refused = new Map([...this.unasked, ...this.refused, ...bad]);
    for (const { name } of releases) {
      if (objectionToUpgradeName(name) !== undefined) continue;
      const build = buildLayout(layout, name);
      if (!disk.existsSync(build.staged)) continue;
      const note = readNote(build);
      if (note?.origin !== "downloaded") continue;
      if (note.refused !== null) refused.set(note.sha256, note.refused);
      else if (note.buildInfo !== null) builds.set(note.sha256, note.buildInfo);
    }
    return { running: this.runningBuild(plan), performed, refused, builds };
  }

  private runningBuild({ current }: Plan): RunningBuild {
    const note = readNote(buildLayout(this.context.layout, current.name));
    return {
      name: current.name,
      sha256: note?.sha256 ?? null,
      build: this.context.running(),
      // Of what a person brought the date says when it was brought.
      publishedAt: Object.keys(current.platforms).length === 0 ? null : current.publishDate,
    };
  }

  /** @returns whether more is known of it now. */
  private async identify(release: Release): Promise<boolean> {
    const { emit, signal } = this.context;
    try {
      await this.ask(release);
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = reasonOf(error);
      const passed = this.passOver(release, reason);
      if (!this.said.has(`${release.name} ${reason}`)) {
        emit({ type: "staging.failed", name: release.name, reason, retryIn: null });
      }
      this.said.add(`${release.name} ${reason}`);
      return passed;
    }
  }

  /** One that cannot be asked keeps no other waiting: it is passed over until {@link retry}. */
  private passOver({ binary }: Release, reason: string): boolean {
    if ("missing" in binary || typeof binary.sha256 !== "string") return false;
    this.unasked.set(binary.sha256, reason);
    return true;
  }

  /** Under the lock. */
  private apply(list: ReleaseList): ReleaseDecision {
    const decision = this.leave(list);
    if (decision.chosen !== null) this.enter(decision.chosen);
    return decision;
  }

  /** Takes out of the plan what does not belong there any more. Under the lock. */
  private leave(list: ReleaseList): ReleaseDecision {
    const { layout, clock, emit, source } = this.context;
    const before = requirePlan(layout);
    for (const name of settleRecords(layout, before, clock.wall())) emit({ type: "release.skipped", name });
    // A removal that was just noted counts already.
    const { decision, releases } = this.judge(list, before);
    const { chosen } = decision;
    const operator = requireOperator(layout);
    for (const record of sourceRecords(layout).queued) {
      if (record.source !== source || record.name === chosen?.release.name) continue;
      const verdict = decision.verdicts.find(({ name }) => name === record.name);
      // A person who has moved it wants it, as long as it is there to be wanted.
      const wanted = verdict?.state === "superseded" || verdict?.state === "too-young";
      const entry = requirePlan(layout).queuedUp.find(({ name }) => name === record.name);
      const release = releases.find(({ name }) => name === record.name);
      if (entry !== undefined && release !== undefined && verdict !== undefined) {
        const sameBytes = announcedBytes(entry, this.context.platform) === bytesOf(release);
        const moved = entry.upgradeTime !== record.upgradeTime;
        if (wanted && moved && (sameBytes || this.exchange(entry, release, verdict, record))) continue;
        // What was ordered is these bytes.
        const order = orderOf(entry, operator);
        if (sameBytes && order !== undefined && isOrderable(release, verdict, order)) continue;
      }
      if (verdict === undefined && !isWhole(list)) continue;
      const reason = verdict === undefined ? "its source no longer has it" : verdict.why;
      this.remove(record, reason);
    }
    return decision;
  }

  /**
   * Brings an entry whose time a person has moved up to the other bytes that its release has now: they have to come of age
   * anew. @returns false if nothing tells their version.
   */
  private exchange(
    entry: UpgradeInfo,
    release: Release,
    { version }: Verdict,
    record: SourceRecords["queued"][number],
  ): boolean {
    if (version === null) return false;
    const { layout, policy, emit } = this.context;
    const due = entry.upgradeTime;
    const askFrom = ageOf(release, policy()).end;
    queueEntry(layout, this.describe({ release, version, due, askFrom }, entry), record);
    emit({ type: "upgrade.queued", name: release.name, version, due, replaces: true });
    return true;
  }

  private remove(record: SourceRecords["queued"][number], reason: string): void {
    const { layout, emit } = this.context;
    const wasThere = requirePlan(layout).queuedUp.some(({ name }) => name === record.name);
    unqueueEntry(layout, record);
    if (wasThere) emit({ type: "release.dropped", name: record.name, reason });
  }

  private enter(chosen: NonNullable<ReleaseDecision["chosen"]>): void {
    const { layout, instance, source, emit } = this.context;
    const { name } = chosen.release;
    const plan = requirePlan(layout);
    const queued = plan.queuedUp.find((entry) => entry.name === name);
    const record = sourceRecords(layout).queued.find((one) => one.name === name && one.source === source);
    // A person's own entry of that name stays as it is.
    if (queued !== undefined && record === undefined) return;
    const known = queued === undefined || record === undefined ? null : { queued, record };
    const times = known === null ? chosen : timesOfEntry(chosen, known.queued, known.record, instance);
    const info = this.describe({ ...chosen, ...times }, queued ?? null);
    if (queued !== undefined && sameAnnouncement(queued, info)) return;
    // Who chose the time may change it, though somebody else has changed the rest.
    const isKept = known !== null && known.queued.upgradeTime === times.due;
    queueEntry(layout, info, {
      source,
      by: isKept ? known.record.by : instance,
      upgradeTime: isKept ? known.record.upgradeTime : times.due,
    });
    emit({ type: "upgrade.queued", name, version: chosen.version, due: times.due, replaces: queued !== undefined });
  }

  private describe(
    { release, version, due, askFrom }: NonNullable<ReleaseDecision["chosen"]>,
    queued: UpgradeInfo | null,
  ): UpgradeInfo {
    const { binary } = release;
    const sha256 = "missing" in binary || typeof binary.sha256 !== "string" ? null : binary.sha256;
    const build =
      sha256 === null ? undefined : this.known([release], requirePlan(this.context.layout)).builds.get(sha256);
    const checksum = sha256 === null ? {} : { checksum: sha256, checksumAlgorithm: "SHA-256" };
    return withAskFrom(
      {
        ...queued,
        manual: false,
        name: release.name,
        notes: release.page ?? "",
        publishDate: release.publishedAt,
        version,
        platforms: "missing" in binary ? {} : { [this.context.platform]: { ...checksum, url: binary.url } },
        upgradeTime: due,
        binaryDetails: release.details ?? build ?? null,
      },
      askFrom,
    );
  }
}

/** The sha256 that an entry's binary for this platform was announced with, or null. */
function announcedBytes(info: UpgradeInfo, platform: string): string | null {
  const choice = chooseBinary(info, platform, false);
  const checksum = choice.found ? choice.binary.checksum : null;
  return checksum?.algorithm === "sha256" ? checksum.hex : null;
}

/** Whether the list goes to its end: what is missing in one that was cut short may not have been withdrawn. */
function isWhole({ pages }: ReleaseList): boolean {
  return pages.at(-1)?.next == null;
}
