import { describe } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** What the Rust program wrote and printed; it lies beside the repository, and a bare clone is without it. */
const folder = resolve(import.meta.dir, "../../../shared/golden");
const present = existsSync(folder);

if (!present) console.warn(`SKIPPED: the golden data is not at ${folder}; nothing is compared with the Rust program`);

export const describeGolden = describe.skipIf(!present);

export function readGolden(name: string): string {
  return readFileSync(join(folder, name), "utf8");
}
