import { archiveInBackground } from "../upgrade/archive/archive-in-background.ts";
import { backUp, checkBackupRoom } from "../upgrade/backup.ts";
import { extractArchive } from "../upgrade/backups/extract.ts";
import { discardCopy, HomeCopy } from "../upgrade/copy/home-copy.ts";
import { mappedShared } from "../upgrade/copy/mapped-shared.ts";
import { settleCopy } from "../upgrade/copy/settle-copy.ts";
import { warmUp } from "../upgrade/copy/warm-up.ts";
import { downloadBinary } from "../upstream/download.ts";
import { askGithub } from "../upstream/github/ask.ts";
import { confirmGithub } from "../upstream/github/confirm.ts";
import { askSources } from "../upstream/sources.ts";
import { HealthProbe } from "./health/probe.ts";
import { watchPlan } from "./plan-watcher.ts";

/** The long errands of a run, and what it asks the kernel for them, as one record, so that a simulated machine can send others on them. */
export interface Services {
  askSources: typeof askSources;
  askGithub: typeof askGithub;
  confirmGithub: typeof confirmGithub;
  download: typeof downloadBinary;
  checkBackupRoom: typeof checkBackupRoom;
  backUp: typeof backUp;
  beginCopy: typeof HomeCopy.begin;
  warmUp: typeof warmUp;
  mappedShared: typeof mappedShared;
  archiveInBackground: typeof archiveInBackground;
  discardCopy: typeof discardCopy;
  settleCopy: typeof settleCopy;
  extractArchive: typeof extractArchive;
  probe(...values: ConstructorParameters<typeof HealthProbe>): Pick<HealthProbe, "look">;
  watchPlan: typeof watchPlan;
  /** Gives back what start, download and backup have used; a run then stands still for weeks. */
  releaseMemory(): void;
}

export const services: Services = {
  askSources,
  askGithub,
  confirmGithub,
  download: downloadBinary,
  checkBackupRoom,
  backUp,
  beginCopy: HomeCopy.begin,
  warmUp,
  mappedShared,
  archiveInBackground,
  discardCopy,
  settleCopy,
  extractArchive,
  probe: (...values) => new HealthProbe(...values),
  watchPlan,
  releaseMemory: () => Bun.gc(true),
};
