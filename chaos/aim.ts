import { watch } from "node:fs";
import { journalState, wayBackState } from "./disk.ts";
import type { ChaosNode } from "./node.ts";
import type { Random } from "./random.ts";

/** The instant at which something is done to a node. */
export type Aim =
  | { at: "time"; milliseconds: number }
  /** So many milliseconds after the journal has come to this state. */
  | { at: "journal"; state: string; milliseconds: number }
  /** The same for that of a way back. */
  | { at: "way-back"; state: string; milliseconds: number }
  /** So many milliseconds after a line of the log. */
  | { at: "log"; words: string; milliseconds: number };

const JOURNAL_STATES = ["copying", "stopping", "backing-up", "switching", "recording"] as const;

const WAY_BACK_STATES = ["preparing", "exchanging"] as const;

/** Words of the lines between which an upgrade, or a way back, passes from one step to the next. */
const LOG_WORDS = [
  "runs the instance",
  "is in the plan",
  "staging the upgrade",
  "is staged",
  "upgrading from",
  "copying the home",
  "the home is copied",
  "stopping the daemon",
  "the copy is complete",
  "backing up before",
  "current is now",
  "started (pid",
  "backed up into",
  "to prove itself",
  "has proven itself",
  "did not prove itself",
  "going back from",
  "the node is back on",
] as const;

/** Some instants lie anywhere in the course of an upgrade; the others lie where it is narrow. */
export function drawAim(random: Random): Aim {
  const milliseconds = random.pick([0, 0, random.between(0, 1), random.between(0, 4), random.between(0, 12)]);
  switch (random.weighted({ time: 35, journal: 35, "way-back": 15, log: 20 })) {
    case "time":
      return { at: "time", milliseconds: random.between(0, 450) };
    case "journal":
      return { at: "journal", state: random.pick(JOURNAL_STATES), milliseconds };
    case "way-back":
      return { at: "way-back", state: random.pick(WAY_BACK_STATES), milliseconds };
    case "log":
      return { at: "log", words: random.pick(LOG_WORDS), milliseconds };
  }
}

export function describeAim(aim: Aim): string {
  const after = `${aim.milliseconds.toFixed(1)} ms after`;
  switch (aim.at) {
    case "time":
      return `${aim.milliseconds.toFixed(1)} ms in`;
    case "journal":
      return `${after} the journal says ${aim.state}`;
    case "way-back":
      return `${after} the way back is ${aim.state}`;
    case "log":
      return `${after} "${aim.words}"`;
  }
}

/** Settles at that instant, and at the latest after `limit` milliseconds: what it waits for may never come. */
export async function reach(aim: Aim, node: ChaosNode, limit: number): Promise<void> {
  if (aim.at === "time") return Bun.sleep(aim.milliseconds);
  const seen = Promise.withResolvers<void>();
  const timer = setTimeout(seen.resolve, limit);
  const forget = aim.at === "log" ? node.onLine((line) => line.includes(aim.words) && seen.resolve()) : watchJournal();
  await seen.promise;
  clearTimeout(timer);
  forget();
  await pause(aim.milliseconds);

  function watchJournal(): () => void {
    const watcher = watch(node.places.instanceData, (_, file) => {
      if (file === "journal.json" && aim.at === "journal" && journalState(node.places) === aim.state) seen.resolve();
      if (file === "way-back.json" && aim.at === "way-back" && wayBackState(node.places) === aim.state) seen.resolve();
    });
    return () => watcher.close();
  }
}

/** Timers come a millisecond late; steps of an upgrade take less than that. */
const SHORTEST_TIMER_MS = 2;

async function pause(milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  if (milliseconds > SHORTEST_TIMER_MS) await Bun.sleep(milliseconds - SHORTEST_TIMER_MS);
  while (performance.now() < end);
}
