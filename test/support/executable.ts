import { resolve } from "node:path";
import { buildExecutable } from "../../build/compile.ts";
import { targetOfThisMachine } from "../../build/targets.ts";

/** The variable in which `test/run.ts` hands on the executable that it built. */
export const EXECUTABLE_VARIABLE = "NYMVISOR_TEST_EXECUTABLE";

/** Always the same place: a hundred MiB are not to pile up when a process ends without tidying up. */
const OWN = resolve(import.meta.dir, "../../node_modules/.cache/nymvisor/nymvisor");

let own: Promise<string> | undefined;

/**
 * The nymvisor that is tested. `bun run test` builds it once for all; a test file that is run by itself (`bun test …`)
 * builds it anew, from what the sources are then.
 */
export function testExecutable(): Promise<string> {
  const given = process.env[EXECUTABLE_VARIABLE];
  if (given !== undefined && given !== "") return Promise.resolve(given);
  own ??= buildOwn();
  return own;
}

async function buildOwn(): Promise<string> {
  await buildExecutable({ target: targetOfThisMachine(), outfile: OWN });
  return OWN;
}
