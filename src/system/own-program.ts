import { join } from "node:path";

/** Where the files of a compiled executable are, for itself. */
const INSIDE = "/$bunfs/";

/** proc_pid_exe(5): the file that runs, also when it was removed or replaced since: by a new nymvisor, say. */
const THIS_FILE = "/proc/self/exe";

/** What starts another process of this same nymvisor: the executable, or the runtime and the sources. */
export function ownProgram(): readonly [string, ...string[]] {
  if (import.meta.dir.startsWith(INSIDE)) return [THIS_FILE];
  return [process.execPath, join(import.meta.dir, "../main.ts")];
}

/** The first word for a process that archives in the background; nobody else's to type. */
export const ARCHIVE_CHILD = "internal-archive";

/** The first word for a process that lets a node go on should the one that holds it be killed. */
export const RESUME_CHILD = "internal-resume";
