import type { BuildInfo } from "../model/build-info.ts";
import { NymvisorError } from "../model/errors.ts";
import { buildLayout } from "../model/paths.ts";
import { daemonEnvironment, type Environment } from "../system/environment.ts";
import { buildInfoOf } from "../upgrade/build-information.ts";
import { readCurrent } from "../upgrade/current.ts";
import { openInstance } from "./open-instance.ts";

/** The build information of the binary that `current` points to. */
export async function daemonBuildInfo(environment: Environment): Promise<BuildInfo> {
  const { layout } = openInstance(environment);
  const current = readCurrent(layout);
  if (current === undefined) {
    throw new NymvisorError({
      what: `there is nothing at ${layout.current}`,
      why: "the instance was not set up, or its upgrade data was moved",
      next: `nymvisor init --daemon-home ${layout.home} <DAEMON_BINARY>`,
    });
  }
  return buildInfoOf(buildLayout(layout, current), daemonEnvironment(environment));
}
