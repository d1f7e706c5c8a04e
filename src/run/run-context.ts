import type { ChildEnvironment } from "../daemon/spawn.ts";
import type { Emit } from "../model/events.ts";
import type { Layout } from "../model/paths.ts";
import type { Configuration } from "../model/settings.ts";
import type { Clock } from "../system/clock.ts";

/** What everything that a run does is done with. */
export interface RunContext {
  layout: Layout;
  configuration: Configuration;
  /** Of children. */
  environment: ChildEnvironment;
  /** `linux-x86_64` */
  platform: string;
  clock: Clock;
  emit: Emit;
}
