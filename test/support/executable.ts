import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildExecutable } from "../../build/compile.ts";
import { targetOfThisMachine } from "../../build/targets.ts";

/** The variable in which `test/run.ts` hands on the executable that it built. */
export const EXECUTABLE_VARIABLE = "NYMVISOR_TEST_EXECUTABLE";

let own: Promise<string> | undefined;

/**
 * The nymvisor that is tested. `bun run test` builds it once for all; a test file that is run by itself (`bun test …`)
 * builds its own, which is gone when the process ends.
 */
export function testExecutable(): Promise<string> {
  const given = process.env[EXECUTABLE_VARIABLE];
  if (given !== undefined && given !== "") return Promise.resolve(given);
  own ??= buildOwn();
  return own;
}

async function buildOwn(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "nymvisor-build-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, "nymvisor");
  await buildExecutable({ target: targetOfThisMachine(), outfile });
  return outfile;
}
