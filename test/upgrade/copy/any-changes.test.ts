import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyUnderChanges } from "./copy-under-changes.ts";

const FIXED = Array.from({ length: 24 }, (_, index) => index + 1);
const FRESH = Date.now() % 2 ** 31;

test("a copy is what the home was at the stop, whatever happened to the home before", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nymvisor-any-changes-"));
  try {
    let things = 0;
    for (const seed of [...FIXED, FRESH]) {
      const { home, copy } = await copyUnderChanges(folder, seed, 80 + (seed % 5) * 80);
      expect({ seed, tree: copy }).toEqual({ seed, tree: home });
      things += Object.keys(home).length;
    }
    expect(things).toBeGreaterThan(200);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
