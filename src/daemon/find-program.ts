import { NymvisorError } from "../model/errors.ts";
import type { ChildEnvironment } from "./launch.ts";

/** Where a daemon has no `PATH`. */
const USUAL_PATH = "/usr/local/bin:/usr/bin:/bin";

/** The path of one of the machine's own programs, looked up as the daemon would. @throws {NymvisorError} if it has none. */
export function findProgram(name: string, environment: ChildEnvironment): string {
  const path = Bun.which(name, { PATH: environment.PATH ?? USUAL_PATH });
  if (path === null) throw new NymvisorError({ what: `this machine has no ${name}` });
  return path;
}
