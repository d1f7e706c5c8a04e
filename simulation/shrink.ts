import type { Invariant } from "./invariants.ts";
import type { Script } from "./script.ts";
import { type Outcome, runWorld, type WorldOptions } from "./world.ts";

/** How many worlds are run at most to make one shorter. */
const MOST_TRIES = 400;

export interface Shrunk {
  script: Script;
  outcome: Outcome;
  tries: number;
}

/** Seconds that a world goes on after the last deed before it calms down. */
const TAIL = 10;

type Breaks = (candidate: Script) => Promise<boolean>;

/**
 * The shortest script that can be found that still breaks the invariant: halves, quarters, … of what is done to the
 * world are left out, down to single deeds (delta debugging, Zeller 1999), then nodes, then the time between deeds; and
 * from the beginning, as long as anything goes.
 */
export async function shrink(script: Script, invariant: Invariant, options: WorldOptions): Promise<Shrunk> {
  let tries = 0;
  const breaks: Breaks = async (candidate) => {
    if (tries >= MOST_TRIES) return false;
    tries += 1;
    const { violation } = await runWorld(candidate, { ...options, keepTrace: false });
    return violation?.invariant === invariant;
  };
  let best = script;
  for (let before: Script | undefined; before !== best; ) {
    before = best;
    for (const shorten of [leaveOutDeeds, leaveOutNodes, hasten]) best = await shorten(best, breaks);
  }
  return { script: best, outcome: await runWorld(best, { ...options, keepTrace: true }), tries };
}

async function leaveOutDeeds(script: Script, breaks: Breaks): Promise<Script> {
  let best = script;
  for (let part = Math.ceil(best.actions.length / 2); part >= 1; part = part === 1 ? 0 : Math.ceil(part / 2)) {
    for (let start = 0; start < best.actions.length; ) {
      const shorter = { ...best, actions: best.actions.toSpliced(start, part) };
      if (await breaks(shorter)) best = shorter;
      else start += part;
    }
  }
  return best;
}

async function leaveOutNodes(script: Script, breaks: Breaks): Promise<Script> {
  for (let nodes = 1; nodes < script.nodes; nodes += 1) {
    if (await breaks({ ...script, nodes })) return { ...script, nodes };
  }
  return script;
}

/** Less time before, between and after the deeds: what nobody did anything in need not be read. */
async function hasten(script: Script, breaks: Breaks): Promise<Script> {
  const end = Math.floor(script.actions.at(-1)?.at ?? 0) + TAIL;
  let best = script;
  if (end < best.length && (await breaks({ ...best, length: end }))) best = { ...best, length: end };
  for (let index = 0; index < best.actions.length; index += 1) {
    const gap = (best.actions[index]?.at ?? 0) - (best.actions[index - 1]?.at ?? 0);
    for (let by = Math.floor(gap); by >= 1; by = Math.floor(by / 2)) {
      const actions = best.actions.map((action, at) => (at < index ? action : { ...action, at: action.at - by }));
      const sooner = { ...best, actions, length: best.length - by };
      if (!(await breaks(sooner))) continue;
      best = sooner;
      break;
    }
  }
  return best;
}
