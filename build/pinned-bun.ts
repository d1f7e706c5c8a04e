import packageJson from "../package.json";
import { NymvisorError } from "../src/model/errors.ts";

/** The Bun that package.json pins, as `1.2.3`. */
export const PINNED_BUN = packageJson.packageManager.replace(/^bun@/, "");

/**
 * Bun's runtime becomes a part of the executable, so another version makes another program.
 * @param command what was to be run, as it is typed with the right Bun on PATH
 */
export function requirePinnedBun(command: string, version = Bun.version): void {
  if (version === PINNED_BUN) return;
  throw new NymvisorError({
    what: `nymvisor is built with Bun ${PINNED_BUN}`,
    why: `this is Bun ${version}, and the runtime becomes a part of the executable`,
    next: `npx --yes ${command.replace(/^bun /, `bun@${PINNED_BUN} `)}`,
  });
}
