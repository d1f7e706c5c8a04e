import { errorCode, NymvisorError } from "../model/errors.ts";
import type { BuildLayout, Layout } from "../model/paths.ts";
import { disk } from "../system/disk.ts";
import { explanation, replaceLinkDurably } from "../system/durable.ts";

/** The link that decides which build runs. */

/**
 * The name of the build that `current` points to, or undefined if there is no link. Relative and absolute targets are
 * read; of an absolute one only the end counts, so that a moved folder keeps working.
 * @throws {NymvisorError} if something else is there, or if it points to no build.
 */
export function readCurrent(layout: Layout): string | undefined {
  let target: string;
  try {
    target = disk.readlinkSync(layout.current);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw new NymvisorError({
      what: `${layout.current} is not the link to the build that runs`,
      why: errorCode(error) === "EINVAL" ? "it is a file or a folder" : explanation(error),
      next: `move it away: mv ${layout.current} ${layout.current}.bad`,
      cause: error,
    });
  }
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const last = parts.at(-1) ?? "";
  if (last === "genesis" && (parts.length === 1 || parts.at(-2) !== "upgrades")) return last;
  if (parts.at(-2) === "upgrades" && last !== "") return last;
  throw new NymvisorError({
    what: `${layout.current} points to ${target}`,
    why: "that is neither genesis nor a folder in upgrades",
    next: `point it to a build: ln -sfn genesis ${layout.current}`,
  });
}

/** Moves `current`. Every reader finds the old build or the new one; durable when it returns. */
export function switchCurrent(layout: Layout, build: BuildLayout): void {
  replaceLinkDurably(layout.current, build.link);
}
