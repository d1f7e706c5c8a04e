import { chmodSync, chownSync, copyFileSync, linkSync } from "node:fs";
import { dirname } from "node:path";
import { testExecutable } from "../../support/executable.ts";
import type { TemporaryHome } from "../../support/temporary-home.ts";
import type { Surroundings } from "./nymvisor.ts";

/** `nobody` of most systems; a name is not needed. */
const NOBODY = 65534;

const isRoot = process.getuid?.() === 0;

/** Root may do everything, so its tests need somebody else to forbid something to. */
export const canBeForbidden = !isRoot || Bun.which("setpriv") !== null;

if (!canBeForbidden) console.warn("SKIPPED: root without setpriv; nothing is tried without permission");

/** How a command is started as somebody to whom this home belongs, and who is not root. */
export async function asSomebody(home: TemporaryHome): Promise<Surroundings> {
  if (!isRoot) return {};
  chmodSync(dirname(home.path), 0o755);
  chownSync(home.path, NOBODY, NOBODY);
  // The one under test may lie where only root can go.
  const executable = `${dirname(home.path)}/nymvisor`;
  linkOrCopy(await testExecutable(), executable);
  const through = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];
  return { through, executable };
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    // On another file system.
    copyFileSync(from, to);
  }
}

/** Gives what root has laid out in a home to the one whom the home belongs to. */
export function giveAway(home: TemporaryHome): void {
  if (!isRoot) return;
  const given = Bun.spawnSync(["chown", "-hR", `${NOBODY}:${NOBODY}`, home.path]);
  if (!given.success) throw new Error(given.stderr.toString());
}
