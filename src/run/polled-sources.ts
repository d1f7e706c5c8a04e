import type { BuildInfo } from "../model/build-info.ts";
import type { NymvisorEvent } from "../model/events.ts";
import { requireOperator } from "../upgrade/operator.ts";
import { allowsHttp, type SourceName, sourcesFor } from "../upstream/sources.ts";
import { AnnouncementIntake } from "./announcement-intake.ts";
import { announcementSource } from "./announcement-source.ts";
import { GithubSource } from "./github-source.ts";
import { releasePolicy, scheduleAnnounced, spreadSeed } from "./operator-policy.ts";
import type { PolledSource } from "./poller.ts";
import type { RunContext } from "./run-context.ts";
import type { Services } from "./services.ts";

export interface PolledSourcesContext extends RunContext {
  services: Pick<Services, "askSources" | "askGithub" | "confirmGithub" | "download">;
  githubToken: string | null;
  /** What the daemon runs. @throws {NymvisorError} while nothing does. */
  running(): BuildInfo;
  /** Told of a release that is passed over, and why. */
  refused(name: string, reason: string): void;
  /** Of the run: what goes on gives up at its end. */
  signal: AbortSignal;
}

export interface PolledSources {
  /** In the order in which they are asked. */
  sources: PolledSource[];
  /** The one that lists releases, if it is asked. */
  github: GithubSource | undefined;
}

/** The sources that the configuration has asked for news. */
export function polledSources(context: PolledSourcesContext): PolledSources {
  const { configuration, environment, services, signal, running } = context;
  const instance = configuration.nymvisor.id;
  let seed: string | undefined;
  /** Read or made where it is needed first. */
  const seedOfSpread = () => {
    seed ??= spreadSeed(context.layout, context.emit);
    return seed;
  };
  let github: GithubSource | undefined;
  const makers: Record<SourceName, () => PolledSource> = {
    nym: () => {
      const schedule = (info: Parameters<typeof scheduleAnnounced>[0]) =>
        scheduleAnnounced(info, configuration, seedOfSpread);
      const intake = new AnnouncementIntake({ ...context, instance, schedule });
      return announcementSource("nym", () => services.askSources(configuration, { environment, signal }), intake);
    },
    github: () => {
      github = new GithubSource({
        ...context,
        ...services,
        emit: (event: NymvisorEvent) => {
          if (event.type === "release.refused") context.refused(event.name, event.reason);
          context.emit(event);
        },
        instance,
        source: "github",
        token: context.githubToken,
        allowHttp: allowsHttp(configuration, "github"),
        namedBy: configuration.github.api_url,
        allowDownload: configuration.daemon.allow_binaries_download,
        enforceChecksum: configuration.daemon.enforce_download_checksum,
        running,
        policy: () => releasePolicy(configuration, requireOperator(context.layout), seedOfSpread()),
      });
      return github;
    },
  };
  const sources = sourcesFor(configuration).map((name) => makers[name]());
  return { sources, github };
}
