import { type Duration, fromMilliseconds, toMilliseconds } from "../model/duration.ts";
import { adviceOf, reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Instant } from "../model/instant.ts";
import type { Layout } from "../model/paths.ts";
import type { Clock } from "../system/clock.ts";
import { withLock } from "../system/lock.ts";
import { noteAsked, sourceRecords } from "../upgrade/source-records.ts";

/** A source of releases that is asked again and again, and whose answers go into the plan. */
export interface PolledSource {
  name: string;
  /**
   * Asks it, and takes what it says into the plan. @param urgent a person wants to know now.
   * @returns whether it tells of something newer than what runs. @throws {NymvisorError} if it gives no valid answer.
   */
  ask(urgent: boolean): Promise<boolean>;
  /** Brings the plan up to its last answer: what people want, or the time, has changed. */
  review(): Promise<void>;
  /** When time alone changes what follows from its last answer; null: never. */
  next(): Instant | null;
}

export interface PollerContext {
  layout: Layout;
  /** From the first to the last: one that has something newer spares those behind it. */
  sources: readonly PolledSource[];
  pollingRate: Duration;
  /** How long no answer at all is nothing to worry about. */
  staleAfter: Duration;
  clock: Clock;
  emit: Emit;
  signal: AbortSignal;
}

/** How far a pause is stretched at random, so that nodes do not all ask in the same minute. */
const JITTER = 0.1;

/** Asks the sources at once and then at every polling rate, until the signal. A failed poll is logged and tried again. */
export class Poller {
  private wake: () => void = () => {};
  private wanted: "ask" | "review" | null = null;
  private failing = false;
  private stale = false;
  /** Of each source: why it last gave no answer. Said once for each reason. */
  private readonly reasons = new Map<string, string>();
  private began: Instant | undefined;

  constructor(private readonly context: PollerContext) {}

  async run(): Promise<void> {
    const { signal, pollingRate, clock } = this.context;
    let urgent = false;
    while (!signal.aborted) {
      await this.poll(urgent);
      const rate = toMilliseconds(pollingRate);
      const askAt = clock.monotonic() + fromMilliseconds(rate * (1 + JITTER * Math.random()));
      urgent = await this.rest(askAt);
    }
  }

  /** Cuts the pause short; a poll that is under way is followed by another, as its answer may be old already. */
  askNow(): void {
    this.wanted = "ask";
    this.reasons.clear();
    this.wake();
  }

  /** Looks at the last answers again, without asking: what people want has changed. */
  review(): void {
    this.wanted ??= "review";
    this.wake();
  }

  /** Waits until it is time to ask, and does what can be done without. @returns whether a person wants it earlier. */
  private async rest(askAt: bigint): Promise<boolean> {
    const { signal, clock } = this.context;
    for (;;) {
      const { wanted } = this;
      this.wanted = null;
      if (signal.aborted || wanted === "ask") return wanted === "ask";
      if (wanted === "review") await this.reviewAll();
      if (this.wanted !== null) continue;
      const left = askAt - clock.monotonic();
      if (left <= 0n) return false;
      const next = this.nextReview();
      const until = next === undefined ? left : min(left, next - clock.wall(), CLOCK_LOOK);
      const woken = await this.sleep(toMilliseconds(until));
      if (!woken && next !== undefined && clock.wall() >= next) this.wanted ??= "review";
    }
  }

  /** When time alone changes what is to be done; what has passed was looked at already. */
  private nextReview(): Instant | undefined {
    const { sources, clock } = this.context;
    const now = clock.wall();
    const moments = sources.flatMap((source) => source.next() ?? []).filter((moment) => moment > now);
    return moments.length === 0 ? undefined : min(...moments);
  }

  private async reviewAll(): Promise<void> {
    const { sources, signal } = this.context;
    for (const source of sources) {
      try {
        await source.review();
      } catch (error) {
        if (signal.aborted) return;
        this.sayOnce(`the releases of ${source.name}`, adviceOf(error));
      }
    }
  }

  private async poll(urgent: boolean): Promise<void> {
    const { sources, signal, emit } = this.context;
    const failures: { source: string; reason: string }[] = [];
    let answered: string | undefined;
    for (const source of sources) {
      try {
        const newer = await source.ask(urgent);
        answered = source.name;
        this.reasons.delete(source.name);
        if (newer) break;
      } catch (error) {
        if (signal.aborted) return;
        failures.push({ source: source.name, reason: adviceOf(error) });
      }
    }
    if (answered === undefined) await this.noteFailure();
    if (signal.aborted) return;
    for (const { source, reason } of failures) {
      if (this.reasons.get(source) === reason) continue;
      this.reasons.set(source, reason);
      emit({ type: answered === undefined ? "poll.failed" : "source.unavailable", source, reason });
    }
    if (answered !== undefined && this.failing) emit({ type: "poll.recovered", source: answered });
    this.failing = answered === undefined;
    this.watchAge();
  }

  private sayOnce(about: string, reason: string): void {
    if (this.reasons.get(about) === reason) return;
    this.reasons.set(about, reason);
    this.context.emit({ type: "warning", about, reason });
  }

  /** Notes since when sources have been asked in vain. */
  private async noteFailure(): Promise<void> {
    const { layout, clock, signal } = this.context;
    try {
      await withLock(layout.upgradeLock, "noting a poll", () => noteAsked(layout, clock.wall()), { signal });
    } catch (error) {
      if (!signal.aborted) this.sayOnce("the note about the sources", reasonOf(error));
    }
  }

  /** Says once that nothing has been heard for too long. */
  private watchAge(): void {
    const { layout, clock, staleAfter, emit } = this.context;
    const now = clock.wall();
    this.began ??= now;
    try {
      const since = heardOf(layout) ?? this.began;
      const stale = this.failing && now - since > staleAfter;
      if (stale && !this.stale) emit({ type: "sources.stale", since });
      this.stale = stale;
    } catch (error) {
      this.sayOnce("the note about the sources", reasonOf(error));
    }
  }

  /** @returns whether it was woken. */
  private sleep(milliseconds: number): Promise<boolean> {
    const { signal, clock } = this.context;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.wake = () => resolve(true);
    if (signal.aborted) resolve(true);
    // A timer ends early where the pause is longer than any can be: asking once more in weeks does no harm.
    const cancel = clock.after(milliseconds, () => resolve(false));
    const stop = () => resolve(true);
    signal.addEventListener("abort", stop);
    return promise.finally(() => {
      cancel();
      signal.removeEventListener("abort", stop);
    });
  }
}

/** The wall clock may be set, so a moment of it is looked at again this often. */
const CLOCK_LOOK: Duration = 60_000_000_000n;

function min(...values: bigint[]): bigint {
  let least = values[0] ?? 0n;
  for (const value of values) if (value < least) least = value;
  return least;
}

/** When a source last answered, or since when they have been asked in vain. */
function heardOf(layout: Layout): Instant | undefined {
  const { answered, since } = sourceRecords(layout);
  const last = Object.values(answered).toSorted((a, b) => (a < b ? 1 : -1))[0];
  return last ?? since ?? undefined;
}
