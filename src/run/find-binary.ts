import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { absolutePath } from "../model/absolute-path.ts";
import { UsageError } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import type { Environment } from "../system/environment.ts";

/**
 * The absolute path of a binary that a person named: a path, or a name without a slash, which is looked for in the
 * current folder and then in `PATH`.
 * @throws {UsageError} if a name is in neither; whether a path leads anywhere is for whoever opens it.
 */
export function findBinary(typed: string, { workingDirectory, variables }: Environment): string {
  if (typed === "") throw new UsageError({ what: "the path of the daemon's binary is empty" });
  if (typed.includes("/")) return absolutePath(typed, workingDirectory);
  const here = join(workingDirectory, typed);
  if (statSync(here, { throwIfNoEntry: false }) !== undefined) return here;
  for (const folder of (variables.PATH ?? "").split(":")) {
    if (folder === "") continue;
    const path = join(absolutePath(folder, workingDirectory), typed);
    if (isExecutableFile(path)) return path;
  }
  throw new UsageError({
    what: `there is no binary "${printable(typed)}"`,
    why: "it is neither in the current folder nor in PATH",
    next: `name its path, such as ./${printable(typed)}`,
  });
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
