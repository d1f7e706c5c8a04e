import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync } from "node:fs";
import type { Layout } from "../../src/model/paths.ts";
import { claimManualCopy, sweepManualCopies } from "../../src/upgrade/manual-copies.ts";
import { emptyInstance } from "../support/instance.ts";
import { startProgram } from "../support/program.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

let home: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
});
afterEach(() => home[Symbol.dispose]());

const discard = async (copy: string) => rmSync(copy, { recursive: true });

test("a copy whose maker was killed goes at once, and that of one who lives stays", async () => {
  const maker = startProgram(
    `import { claimManualCopy } from "#/upgrade/manual-copies.ts";
     await claimManualCopy({ copies: process.argv[1] }, 1n);
     console.log("claimed");
     await Bun.sleep(60_000);`,
    { args: [layout.copies] },
  );
  await maker.stdout.getReader().read();
  const { copy, lock } = await claimManualCopy(layout, 2_000_000_000n);
  expect(await sweepManualCopies(layout, discard)).toEqual([]);
  maker.kill("SIGKILL");
  await maker.exited;
  const swept = await sweepManualCopies(layout, discard);
  expect(swept).toHaveLength(1);
  expect(swept).not.toContain(copy);
  expect(readdirSync(layout.copies)).toHaveLength(1);
  lock.release();
  expect(await sweepManualCopies(layout, discard)).toEqual([copy]);
});

test("a folder that is being swept away is nobody's until it is gone", async () => {
  const { copy, lock } = await claimManualCopy(layout, 1n);
  lock.release();
  const removal = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const sweeping = sweepManualCopies(layout, async (path) => {
    begun.resolve();
    await removal.promise;
    await discard(path);
  });
  await begun.promise;
  let claimed = false;
  const claiming = claimManualCopy(layout, 1n).then((claim) => {
    claimed = true;
    return claim;
  });
  await Bun.sleep(30);
  expect(claimed).toBe(false);
  removal.resolve();
  await sweeping;
  const again = await claiming;
  expect(again.copy).toBe(copy);
  expect(existsSync(copy)).toBe(true);
  again.lock.release();
});
