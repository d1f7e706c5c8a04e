import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock, useClock } from "../../../src/system/clock.ts";
import { readFinishedCopy } from "../../../src/upgrade/copy/finished-copy.ts";
import { HomeCopy } from "../../../src/upgrade/copy/home-copy.ts";
import { settleCopy } from "../../../src/upgrade/copy/settle-copy.ts";
import { type Snapshot, snapshot } from "../archive/tree-snapshot.ts";
import { Chance, RandomChanges } from "./random-changes.ts";

export interface Outcome {
  home: Record<string, Snapshot>;
  copy: Record<string, Snapshot>;
  changes: number;
}

/**
 * Files count as settled two seconds after their last change. So that some are settled before a test is over, the program's
 * clock runs ahead; what remains is still more than the kernel's own clock may be late.
 */
const AHEAD = 1_970_000_000n;

/** Not asked for by a copy. */
const waiting = { monotonic: () => process.hrtime.bigint(), after: systemClock.after };

/** A home that is changed before, between, and during the rounds of its copy, at random, as the seed says. */
export async function copyUnderChanges(folder: string, seed: number, changes: number): Promise<Outcome> {
  const chance = new Chance(seed);
  const root = mkdtempSync(join(folder, "changes-"));
  useClock(() => ({ ...waiting, wall: () => BigInt(Date.now()) * 1_000_000n + AHEAD }));
  const home = join(root, "home");
  mkdirSync(join(home, "nymvisor"), { recursive: true });
  const daemon = new RandomChanges(home, chance);
  try {
    const burst = (count: number) => {
      for (let index = 0; index < count; index += 1) daemon.step();
    };
    burst(Math.ceil(changes / 2));
    const destination = join(home, "nymvisor", "copy");
    const copy = await HomeCopy.begin({ home, destination, excluded: [], exclude: [], rebuildable: [] });
    for (let rounds = chance.below(4); rounds > 0; rounds -= 1) {
      if (chance.below(2) === 0) await Bun.sleep(40);
      let running = true;
      const round = copy.round().finally(() => {
        running = false;
      });
      round.catch(() => undefined);
      for (let left = Math.ceil(changes / 6); running && left > 0; left -= 1) {
        daemon.step();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await round;
      burst(chance.below(Math.ceil(changes / 10)));
    }
    daemon.stop();
    const finished = await copy.finish({ mapped: new Set() });
    if (chance.below(2) === 0) await settleCopy(finished, interruption(chance.below(30))).catch(expectInterruption);
    const found = readFinishedCopy(destination);
    if (found === undefined) throw new Error("the finished copy is not there");
    const settled = await settleCopy(found);
    const result = {
      home: snapshot(home, (path) => path === "nymvisor"),
      copy: snapshot(settled.tree),
      changes: daemon.steps,
    };
    await copy.discard();
    return result;
  } finally {
    daemon.stop();
    useClock(undefined);
    rmSync(root, { recursive: true, force: true });
  }
}

const INTERRUPTED = "interrupted by the test";

/** A signal that is aborted when it is asked for the `count`th time. */
function interruption(count: number): AbortSignal {
  let left = count;
  const throwIfAborted = () => {
    left -= 1;
    if (left < 0) throw new Error(INTERRUPTED);
  };
  return Object.assign(new AbortController().signal, { throwIfAborted });
}

function expectInterruption(error: unknown): void {
  if (!(error instanceof Error) || !error.message.includes(INTERRUPTED)) throw error;
}
