import type { UpgradeInfo } from "../model/documents.ts";
import { adviceOf, NymvisorError } from "../model/errors.ts";
import type { Instant } from "../model/instant.ts";
import type { RunInput } from "../policy/run-state.ts";
import { sourceRecords } from "../upgrade/source-records.ts";
import { LocalStagingError, stage } from "../upgrade/stage.ts";
import { DownloadError } from "../upstream/download-error.ts";
import { allowsHttp } from "../upstream/sources.ts";
import type { RunContext } from "./run-context.ts";
import type { Services } from "./services.ts";

export interface StagingsContext extends RunContext {
  services: Pick<Services, "download">;
  /** Told why the bytes of a release are not to be had, before the run hears of it. */
  failed(error: unknown): void;
}

/** What a run decided to stage. */
export interface StagingRequest {
  name: string;
  fingerprint: string;
  /** As the plan has it; undefined: it has left the plan. */
  info: UpgradeInfo | undefined;
  /** Nothing of it is executed before that, not even to ask for its version. */
  askFrom: Instant;
}

/** Carries out what a run decides about binaries that are to be ready: one errand for each upgrade, until it is called off. */
export class Stagings {
  private readonly running = new Map<string, AbortController>();

  constructor(private readonly context: StagingsContext) {}

  /** @returns what is to be said to the run; undefined: it was called off. */
  async stage({ name, fingerprint, info, askFrom }: StagingRequest): Promise<RunInput | undefined> {
    const { configuration, clock, services } = this.context;
    const controller = new AbortController();
    this.running.set(name, controller);
    try {
      if (info === undefined) throw new NymvisorError({ what: `${name} is not in the plan` });
      const staged = await stage({
        ...this.context,
        download: services.download,
        info,
        allowDownload: configuration.daemon.allow_binaries_download,
        enforceChecksum: configuration.daemon.enforce_download_checksum,
        ...this.addressRules(name),
        now: clock.wall(),
        askFrom,
        signal: controller.signal,
      });
      return { type: staged === "fetched" ? "fetched" : "staged", name, fingerprint };
    } catch (error) {
      if (controller.signal.aborted) return undefined;
      if (info !== undefined) this.context.failed(error);
      return {
        type: "staging-failed",
        name,
        fingerprint,
        reason: adviceOf(error),
        local: error instanceof LocalStagingError,
        // A neighbour does the same work.
        busy: error instanceof DownloadError && error.failure.kind === "busy",
      };
    } finally {
      if (this.running.get(name) === controller) this.running.delete(name);
    }
  }

  callOff(name: string): void {
    this.running.get(name)?.abort(new NymvisorError({ what: `${name} is not wanted any more` }));
  }

  callAllOff(reason: unknown): void {
    for (const controller of this.running.values()) controller.abort(reason);
  }

  /** What the source of an entry allows the address of its binary to be. */
  private addressRules(name: string): { allowHttp: boolean; namedBy: string | null } {
    const { configuration, layout } = this.context;
    const record = sourceRecords(layout).queued.find((one) => one.name === name);
    const listed = record?.source === "github";
    return {
      allowHttp: allowsHttp(configuration, listed ? "github" : "nym"),
      namedBy: listed ? configuration.github.api_url : null,
    };
  }
}
