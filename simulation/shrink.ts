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

/**
 * The shortest script that can be found that still breaks the invariant: halves, quarters, … of what is done to the
 * world are left out, then single actions, then nodes, as long as it breaks (delta debugging, Zeller 1999).
 */
export async function shrink(script: Script, invariant: Invariant, options: WorldOptions): Promise<Shrunk> {
  let best = script;
  let tries = 0;
  const breaks = async (candidate: Script): Promise<boolean> => {
    if (tries >= MOST_TRIES) return false;
    tries += 1;
    const { violation } = await runWorld(candidate, { ...options, keepTrace: false });
    return violation?.invariant === invariant;
  };
  for (let part = Math.ceil(best.actions.length / 2); part >= 1; part = part === 1 ? 0 : Math.ceil(part / 2)) {
    for (let start = 0; start < best.actions.length; ) {
      const actions = best.actions.toSpliced(start, part);
      if (await breaks({ ...best, actions })) best = { ...best, actions };
      else start += part;
    }
  }
  for (let nodes = 1; nodes < best.nodes; nodes += 1) {
    if (!(await breaks({ ...best, nodes }))) continue;
    best = { ...best, nodes };
    break;
  }
  return { script: best, outcome: await runWorld(best, { ...options, keepTrace: true }), tries };
}
