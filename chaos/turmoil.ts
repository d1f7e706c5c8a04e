import type { Assailant } from "./assailant.ts";
import type { Random } from "./random.ts";
import type { Writers } from "./writers.ts";

/** Milliseconds in which both writers begin; an upgrade takes about as long. */
const WRITING_MS = 250;

/** What happens in one round, all of it at once: releases, an operator's hand or several, and attacks. */
export async function turmoil(
  random: Random,
  writers: Writers,
  assailant: Assailant,
  over: AbortSignal,
): Promise<void> {
  const later = async (act: (own: Random) => Promise<void> | void, name: string): Promise<void> => {
    const own = random.branch(name);
    await Bun.sleep(own.between(0, WRITING_MS));
    if (!over.aborted) await act(own);
  };
  const releases = random.chance(0.8) ? 1 : 0;
  const added = Number(random.weighted({ 0: 35, 1: 45, 2: 14, 4: 6 }));
  const rollbacks = random.chance(0.15) ? 1 : 0;
  const attacks = Number(random.weighted({ 1: 50, 2: 35, 3: 15 }));
  await Promise.all([
    ...numbered(releases).map((each) => later((own) => writers.announce(own), `release ${each}`)),
    ...numbered(added).map((each) => later((own) => writers.add(own), `by hand ${each}`)),
    ...numbered(rollbacks).map((each) => later((own) => writers.rollBack(own), `rollback ${each}`)),
    ...numbered(attacks).map((each) => assailant.attack(random.branch(`attack ${each}`))),
  ]);
}

function numbered(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
