import { readFileSync } from "node:fs";
import type { BuildInfo } from "../model/build-info.ts";
import type { UpgradeInfo } from "../model/documents.ts";
import type { Duration } from "../model/duration.ts";
import { NymvisorError, reasonOf } from "../model/errors.ts";
import { formatStamp, type Instant } from "../model/instant.ts";
import { isListOf, type ReleaseList, type ReleaseListSubject, releaseListSchema } from "../model/release-list.ts";
import type { Release } from "../model/releases.ts";
import type { Configuration } from "../model/settings.ts";
import type { ReleaseDecision } from "../policy/decide-releases.ts";
import { readDocument, writeDocument } from "../system/documents.ts";
import { explanation, setAside } from "../system/durable.ts";
import { tryLock, waitForLock, withLock } from "../system/lock.ts";
import { requirePlan } from "../upgrade/shared-documents.ts";
import { noteAnswer, sourceRecords } from "../upgrade/source-records.ts";
import type { askGithub } from "../upstream/github/ask.ts";
import type { confirmGithub } from "../upstream/github/confirm.ts";
import { isAnswered, isFresh, isWithin, unanswered, waiting } from "./list-age.ts";
import type { PolledSource } from "./poller.ts";
import { type FollowerContext, type Judgement, ReleaseFollower } from "./release-follower.ts";

export interface GithubContext extends FollowerContext {
  configuration: Configuration;
  /** Of the environment; null: it names none. */
  token: string | null;
  /** A command asks: nothing is changed but the list that is kept. */
  onlooking?: boolean;
  askGithub: typeof askGithub;
  confirmGithub: typeof confirmGithub;
}

/** A person who asks again and again is answered from what was said this long ago. */
const URGENT_RATE: Duration = 60_000_000_000n;

/** How old an answer may be just before an upgrade that follows from it. */
const CONFIRM_AFTER: Duration = 60_000_000_000n;

/** How long the upgrade waits for that, in milliseconds. */
const CONFIRM_LIMIT_MS = 15_000;

/**
 * The releases on GitHub as a source to poll. The list is kept across restarts and shared by the nodes that share a plan,
 * so that GitHub is asked once in a polling rate, however often nymvisor is started.
 */
export class GithubSource implements PolledSource {
  readonly name = "github";
  private readonly follower: ReleaseFollower;
  private list: ReleaseList | null | undefined;
  private decision: ReleaseDecision | undefined;
  private refusedToken: string | null = null;
  /** Why the last question was not answered; undefined where it was. */
  private failure: NymvisorError | undefined;
  private readonly said = new Set<string>();
  /** The last question about a single release, whatever came of it. */
  private confirmed: { name: string; at: Instant } | undefined;

  constructor(private readonly context: GithubContext) {
    this.follower = new ReleaseFollower(context);
  }

  async ask(urgent: boolean): Promise<boolean> {
    const rate = this.context.configuration.nymvisor.upstream_polling_rate;
    let list: ReleaseList;
    try {
      list = await this.refresh(urgent && rate > URGENT_RATE ? URGENT_RATE : rate);
    } catch (error) {
      if (!this.context.signal.aborted) await this.review();
      throw error;
    }
    this.follower.retry();
    this.decision = await this.follower.follow(list);
    // Though what was known is followed all the same.
    if (!isAnswered(list)) throw this.failure ?? unanswered(list);
    return this.decision.chosen !== null;
  }

  async review(): Promise<void> {
    const list = this.latest();
    if (list !== null && list.answeredAt !== null) this.decision = await this.follower.follow(list);
  }

  next(): Instant | null {
    return this.decision?.next ?? null;
  }

  /** What would be done with each release of a list now; nothing is changed. */
  judge(list: ReleaseList): Judgement {
    return this.follower.decide(list, requirePlan(this.context.layout));
  }

  /** {@link ReleaseFollower.ask} */
  askBinary(release: Release): Promise<BuildInfo> {
    return this.follower.ask(release);
  }

  /** {@link ReleaseFollower.order} */
  order(chosen: NonNullable<ReleaseDecision["chosen"]>, due: Instant): UpgradeInfo {
    return this.follower.order(chosen, due);
  }

  /** The list as it was answered last, or null. */
  kept(): ReleaseList | null {
    if (this.list === undefined) this.list = this.readOwn();
    return this.list;
  }

  /** The last list, though another process may have asked for it. */
  private latest(): ReleaseList | null {
    const known = this.list ?? null;
    const found = this.readOwn();
    this.list = known === null || (found !== null && found.askedAt > known.askedAt) ? found : known;
    return this.list;
  }

  /**
   * The list, asked for anew if the last question lies further back than `rate`; the one before where GitHub wants to be
   * left alone. @throws {NymvisorError} if there is no valid answer; what is known stays.
   */
  async refresh(rate: Duration): Promise<ReleaseList> {
    const { layout, clock, signal, emit } = this.context;
    // A neighbour may have asked since.
    const found = this.read();
    this.list = found !== null && isListOf(found, this.subject()) ? found : null;
    const now = clock.wall();
    if (this.list !== null && isFresh(this.list, rate, now)) return this.list;
    const attempt = tryLock(layout.listingLock, "asking GitHub");
    if (attempt.lock === null && this.context.onlooking) {
      // A person waits for the answer that another one is getting.
      (await waitForLock(layout.listingLock, "asking GitHub", { signal })).release();
      return this.refresh(rate);
    }
    if (attempt.lock === null) {
      if (this.list !== null && this.list.answeredAt !== null) return this.list;
      throw new NymvisorError({ what: "another node is asking GitHub", why: `it holds ${layout.listingLock}` });
    }
    try {
      const question = this.question();
      // Of another repository it tells how long the API wants to be left alone.
      const answer = await this.context.askGithub({ ...question, kept: found, now });
      if (answer.tokenRefused) this.refusedToken = question.token;
      this.keep(answer.list);
      for (const reason of answer.warnings) this.sayOnce(reason);
      if (answer.outcome === "failed") throw this.noteFailure(answer.failure);
      if (answer.outcome === "waiting") this.requireAnyAnswer(answer.list);
      else this.failure = undefined;
      if (answer.outcome !== "waiting" && !this.context.onlooking) {
        const note = () => noteAnswer(layout, this.name, now);
        await withLock(layout.upgradeLock, "noting an answer", note, { signal }).catch((error: unknown) => {
          if (signal.aborted) throw error;
          emit({ type: "warning", about: layout.sources, reason: reasonOf(error) });
        });
      }
      return answer.list;
    } finally {
      attempt.lock.release();
    }
  }

  /**
   * Just before an upgrade is performed: brings the plan up to what is known and wanted now, as the entry may be older than
   * the settings; then asks whether its release still is what it was, unless that was asked a moment ago. No answer
   * changes nothing.
   */
  async confirm(name: string, signal: AbortSignal): Promise<void> {
    const { layout, clock } = this.context;
    if (!sourceRecords(layout).queued.some((record) => record.name === name && record.source === this.name)) return;
    const list = this.latest();
    const now = clock.wall();
    if (list === null || list.answeredAt === null) return;
    this.decision = await this.follower.bringUp(list);
    const entry = requirePlan(layout).queuedUp.find((one) => one.name === name);
    const last = this.confirmed?.name === name ? this.confirmed.at : null;
    const isKnown = isWithin(list.answeredAt, CONFIRM_AFTER, now) || isWithin(last, CONFIRM_AFTER, now);
    if (entry === undefined || entry.upgradeTime > now || isKnown) return;
    this.confirmed = { name, at: now };
    const asked = await this.askAgain(list, name, signal);
    if (asked !== list) this.decision = await this.follower.bringUp(asked);
  }

  /** @returns the list as it is now, as far as the release is concerned; the same where there is no answer. */
  private async askAgain(list: ReleaseList, name: string, signal: AbortSignal): Promise<ReleaseList> {
    const now = this.context.clock.wall();
    const limit = AbortSignal.any([signal, AbortSignal.timeout(CONFIRM_LIMIT_MS)]);
    try {
      const question = this.question();
      const answer = await this.context.confirmGithub({ ...question, signal: limit, kept: list, now, name });
      if (answer.tokenRefused) this.refusedToken = question.token;
      this.keep(answer.list);
      for (const reason of answer.warnings) this.sayOnce(reason);
      return answer.list;
    } catch (error) {
      if (signal.aborted || !limit.aborted) throw error;
      return list;
    }
  }

  /** What was announced as these bytes is not. */
  refuse(sha256: string, reason: string): void {
    this.follower.refuse(sha256, reason);
  }

  private noteFailure(failure: NymvisorError): NymvisorError {
    this.failure = failure;
    return failure;
  }

  /** While GitHub wants to be left alone. @throws {NymvisorError} if it has never answered. */
  private requireAnyAnswer(list: ReleaseList): void {
    if (list.answeredAt === null) throw this.failure ?? unanswered(list);
    // Else it is said with the failure.
    const isSaid = !isAnswered(list) && !this.context.onlooking;
    if (!isSaid) this.sayOnce(waiting(list));
  }

  private subject(): ReleaseListSubject {
    const { api_url: apiUrl, repository, tag_prefix: tagPrefix } = this.context.configuration.github;
    return { apiUrl, repository, tagPrefix, daemon: this.context.layout.daemon };
  }

  private question() {
    const { platform, environment, signal } = this.context;
    const architecture = platform.slice(platform.indexOf("-") + 1);
    const token = this.token();
    return {
      ...this.subject(),
      architecture,
      // Another one may have taken its place since, in the file.
      token: token === this.refusedToken ? null : token,
      environment,
      signal,
    };
  }

  private token(): string | null {
    const { configuration, token } = this.context;
    if (token !== null) return token;
    const path = configuration.github.token_file;
    if (path === null) return null;
    try {
      const text = readFileSync(path, "utf8").trim();
      if (text !== "") return text;
      this.sayOnce(`the token file ${path} is empty, so GitHub is asked without a token`);
    } catch (error) {
      this.sayOnce(`the token file ${path} cannot be read, so GitHub is asked without a token: ${explanation(error)}`);
    }
    return null;
  }

  /** The list on disk, if it is one of what is asked for. */
  private readOwn(): ReleaseList | null {
    const found = this.read();
    return found !== null && isListOf(found, this.subject()) ? found : null;
  }

  private read(): ReleaseList | null {
    const { layout, clock, emit } = this.context;
    const found = readDocument(releaseListSchema, layout.releaseList);
    if (found.state === "found") return found.value;
    if (found.state === "unusable") {
      const kept = setAside(layout.releaseList, formatStamp(clock.wall()));
      emit({ type: "document.set-aside", path: layout.releaseList, kept, reason: found.reason });
    }
    return null;
  }

  private keep(list: ReleaseList): void {
    const { layout, emit } = this.context;
    this.list = list;
    try {
      writeDocument(releaseListSchema, layout.releaseList, list);
    } catch (error) {
      emit({ type: "warning", about: layout.releaseList, reason: reasonOf(error) });
    }
  }

  private sayOnce(reason: string): void {
    if (this.said.has(reason)) return;
    this.said.add(reason);
    this.context.emit({ type: "source.warning", source: this.name, reason });
  }
}
