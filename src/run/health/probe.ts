import type { ChildEnvironment } from "../../daemon/spawn.ts";
import type { BuildInfo } from "../../model/build-info.ts";
import type { Duration } from "../../model/duration.ts";
import { NymvisorError, reasonOf } from "../../model/errors.ts";
import type { HealthCheck } from "../../model/health.ts";
import { printable } from "../../model/names.ts";
import { monotonicMilliseconds } from "../../system/clock.ts";
import { displayUrl } from "../../upstream/http-error.ts";
import { answers, askUptime, askVersion } from "./ask-over-http.ts";
import { runCommand } from "./run-command.ts";
import { tryPort } from "./try-port.ts";
import { requireRising, type UptimeAnswer } from "./uptime.ts";
import { within } from "./within.ts";

export interface ProbeOptions {
  /** How long a command may take. */
  commandLimit: Duration;
  /** The whole environment of a command. */
  environment: ChildEnvironment;
  /** How long any other check may take; default 5 s. */
  limit?: Duration;
}

export interface Look {
  well: boolean;
  /** Why not, a sentence for an operator each; none if it is well. */
  reasons: string[];
}

/** A node that is that slow to say that it is well carries no packets either. */
export const ANSWER_LIMIT: Duration = 5_000_000_000n;

/** Looks at a daemon again and again. A look at one process; make another for another. */
export class HealthProbe {
  readonly #checks: readonly HealthCheck[];
  readonly #expected: BuildInfo;
  readonly #options: Required<ProbeOptions>;
  /** By URL: what was answered at the last look. */
  readonly #uptimes = new Map<string, UptimeAnswer>();

  /** @param expected what the daemon should say that it is. */
  constructor(checks: readonly HealthCheck[], expected: BuildInfo, options: ProbeOptions) {
    this.#checks = checks;
    this.#expected = expected;
    this.#options = { limit: ANSWER_LIMIT, ...options };
  }

  /**
   * All checks at once; without any it is well. Nothing of them goes on when this settles.
   * @throws the signal's reason, and nothing else.
   */
  async look(signal: AbortSignal): Promise<Look> {
    const reasons = (await this.verdicts(signal)).filter((reason) => reason !== null);
    // Two checks of one address that does not answer say the same.
    return { well: reasons.length === 0, reasons: [...new Set(reasons)] };
  }

  /** As {@link HealthProbe.look}: for each check why it does not hold, or null where it does. */
  async verdicts(signal: AbortSignal): Promise<(string | null)[]> {
    const settled = await Promise.allSettled(this.#checks.map((check) => this.#ask(check, signal)));
    signal.throwIfAborted();
    return settled.map((one) => (one.status === "fulfilled" ? null : reasonOf(one.reason)));
  }

  /** @throws what says why the check does not hold. */
  async #ask(check: HealthCheck, signal: AbortSignal): Promise<void> {
    const { limit, commandLimit, environment } = this.#options;
    switch (check.kind) {
      case "url":
        return within(limit, { signal, late: late(check.url) }, (ending) => answers(check.url, ending));
      case "version":
        return within(limit, { signal, late: late(check.url) }, (ending) => this.#version(check.url, ending));
      case "uptime":
        return within(limit, { signal, late: late(check.url) }, (ending) => this.#uptime(check.url, ending));
      case "port": {
        const where = `port ${check.port} of ${check.host}`;
        return within(limit, { signal, late: `${where} took no connection` }, (ending) => tryPort(check, ending));
      }
      case "command":
        return runCommand(check.command, { environment, limit: commandLimit, signal });
    }
  }

  async #version(url: string, signal: AbortSignal): Promise<void> {
    const named = await askVersion(url, signal);
    const { build_version: expected } = this.#expected;
    if (named !== expected)
      throw new NymvisorError({ what: `${displayUrl(url)} names version ${printable(named, 60)}, not ${expected}` });
  }

  async #uptime(url: string, signal: AbortSignal): Promise<void> {
    const askedAt = monotonicMilliseconds();
    const seconds = await askUptime(url, signal);
    const now = { seconds, askedAt, answeredAt: monotonicMilliseconds() };
    const before = this.#uptimes.get(url);
    this.#uptimes.set(url, now);
    if (before !== undefined) requireRising(displayUrl(url), before, now);
  }
}

function late(url: string): string {
  return `${displayUrl(url)} did not answer`;
}
