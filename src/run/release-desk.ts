import type { BuildInfo } from "../model/build-info.ts";
import type { UpgradeInfo } from "../model/documents.ts";
import { NymvisorError } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import { platformKey } from "../policy/choose-binary.ts";
import type { ReleasePolicy } from "../policy/release-policy.ts";
import { systemClock } from "../system/clock.ts";
import { daemonEnvironment, type Environment } from "../system/environment.ts";
import { createLog } from "../system/log.ts";
import { buildInfoOf } from "../upgrade/build-information.ts";
import { readCurrent } from "../upgrade/current.ts";
import { requireOperator } from "../upgrade/operator.ts";
import { allowsHttp, type SourceName, sourcesFor } from "../upstream/sources.ts";
import { GithubSource } from "./github-source.ts";
import { openInstance, requireUpgradeData } from "./open-instance.ts";
import { keptSpreadSeed, releasePolicy, scheduleAnnounced } from "./operator-policy.ts";
import { services } from "./services.ts";

/** What a command needs to ask for releases and to judge them, as `run` would. */
export interface ReleaseDesk {
  configuration: Configuration;
  layout: Layout;
  platform: string;
  /** What `current` leads to. */
  name: string;
  build: BuildInfo;
  /** In the order that they are asked in. */
  sources: readonly SourceName[];
  github: GithubSource;
  policy(): ReleasePolicy;
  /** What Nym's endpoint announces, with the time that policy gives it. */
  announced(): Promise<UpgradeInfo | null>;
  /** Whether this instance's place in the spread is known; else times are the earliest that there may be. */
  hasSeed: boolean;
  /** What did not prove itself is judged like anything else. */
  despiteFailures: boolean;
  emit: Emit;
  close(): void;
}

/** @throws {NymvisorError} if the instance was not set up, or what runs cannot be told. */
export async function openReleaseDesk(environment: Environment, despiteFailures = false): Promise<ReleaseDesk> {
  const { configuration, layout, events } = openInstance(environment);
  requireUpgradeData(layout);
  const log = createLog({ environment, disabled: configuration.nymvisor.disable_logs });
  const { emit } = log;
  for (const event of events) emit(event);
  const name = readCurrent(layout);
  if (name === undefined) {
    throw new NymvisorError({
      what: `there is nothing at ${layout.current}`,
      why: "it leads to the binary that runs; what is newer cannot be told without it",
      next: "nymvisor run puts it in order, if there is a plan",
    });
  }
  const forDaemon = daemonEnvironment(environment);
  const build = await buildInfoOf(buildLayout(layout, name), forDaemon);
  const platform = platformKey(process.platform, process.arch);
  const { signal } = new AbortController();
  const seed = keptSpreadSeed(layout);
  const policy = () => releasePolicy(configuration, requireOperator(layout), seed);
  const unspread = { ...configuration, policy: { ...configuration.policy, spread: 0n } };
  return {
    configuration,
    layout,
    platform,
    name,
    build,
    sources: sourcesFor(configuration),
    github: new GithubSource({
      ...services,
      configuration,
      layout,
      instance: configuration.nymvisor.id,
      source: "github",
      platform,
      clock: systemClock,
      emit,
      signal,
      environment: forDaemon,
      token: environment.variables.NYMVISOR_GITHUB_TOKEN ?? null,
      onlooking: true,
      despiteFailures,
      allowHttp: allowsHttp(configuration, "github"),
      namedBy: configuration.github.api_url,
      allowDownload: configuration.daemon.allow_binaries_download,
      enforceChecksum: configuration.daemon.enforce_download_checksum,
      running: () => build,
      policy,
    }),
    policy,
    async announced() {
      const announcement = await services.askSources(configuration, { environment: forDaemon, signal });
      if (announcement === null) return null;
      const { info } = announcement;
      if (seed === null && configuration.policy.spread !== null) return scheduleAnnounced(info, unspread, () => "");
      return scheduleAnnounced(info, configuration, () => seed ?? "");
    },
    hasSeed: seed !== null,
    despiteFailures,
    emit,
    close: () => log.close(),
  };
}
