import { backUp, checkBackupRoom } from "../upgrade/backup.ts";
import { downloadBinary } from "../upstream/download.ts";
import { askGithub } from "../upstream/github/ask.ts";
import { confirmGithub } from "../upstream/github/confirm.ts";
import { askSources } from "../upstream/sources.ts";
import { watchPlan } from "./plan-watcher.ts";

/** The long errands of a run, as one record, so that a simulated machine can send others on them. */
export interface Services {
  askSources: typeof askSources;
  askGithub: typeof askGithub;
  confirmGithub: typeof confirmGithub;
  download: typeof downloadBinary;
  checkBackupRoom: typeof checkBackupRoom;
  backUp: typeof backUp;
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
  watchPlan,
  releaseMemory: () => Bun.gc(true),
};
