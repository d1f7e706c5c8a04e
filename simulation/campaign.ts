import type { Mutation } from "./mutation.ts";
import { Random } from "./random.ts";
import { type Script, writeScript } from "./script.ts";
import { noTally, type Outcome, runWorld, type Tally } from "./world.ts";

export interface CampaignOptions {
  seed: string;
  /** It ends with the world in which so many steps are reached. */
  events: number;
  nodes?: number | undefined;
  mutation?: Mutation | undefined;
  onWorld?: ((worlds: number, tally: Readonly<Tally>) => void) | undefined;
}

export interface CampaignResult {
  worlds: number;
  tally: Tally;
  /** Of everything that happened in every world. */
  digest: number;
  /** The world in which an invariant was broken. */
  broken: { script: Script; outcome: Outcome } | undefined;
}

/** The world with that number: all of it follows from the seed and the number. */
export function scriptOf(seed: string, world: number, nodes?: number): Script {
  const own = `${seed}/${world}`;
  return writeScript(own, new Random(own).fork("script"), nodes);
}

/** World after world, until an invariant is broken or there were events enough. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { seed, events, nodes, mutation, onWorld } = options;
  const tally = noTally();
  let digest = 0;
  let worlds = 0;
  while (tally.steps < events) {
    const script = scriptOf(seed, worlds, nodes);
    const outcome = await runWorld(script, { mutation });
    worlds += 1;
    for (const key of Object.keys(tally) as (keyof Tally)[]) tally[key] += outcome.tally[key];
    digest = Bun.hash.crc32(String(outcome.digest), digest);
    onWorld?.(worlds, tally);
    if (outcome.violation !== undefined) return { worlds, tally, digest, broken: { script, outcome } };
  }
  return { worlds, tally, digest, broken: undefined };
}
