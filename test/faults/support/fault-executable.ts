import { join, resolve } from "node:path";
import { buildExecutable } from "../../../build/compile.ts";
import { targetOfThisMachine } from "../../../build/targets.ts";

/** Always the same place, and exchanged in one step: several test files may build it at the same time. */
const OUTFILE = resolve(import.meta.dir, "../../../node_modules/.cache/nymvisor/nymvisor-faults");

let built: Promise<string> | undefined;

/** The fault build of the sources as they are now. @returns its path. */
export function faultExecutable(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const entry = join(import.meta.dir, "../build/main.ts");
  await buildExecutable({ target: targetOfThisMachine(), outfile: OUTFILE, entry });
  return OUTFILE;
}
