import type { Layout } from "../../model/paths.ts";
import type { RollbackPlan } from "../../model/render-rollback.ts";
import { systemClock } from "../../system/clock.ts";
import { measureHome } from "../../upgrade/archive/measure-home.ts";
import { foldersAt } from "../../upgrade/backup.ts";
import { rolledBackPaths } from "../../upgrade/rolled-back.ts";
import type { SavedHome } from "../../upgrade/saved-homes.ts";
import type { WayBack } from "./choose.ts";

/** What a way back costs, for people to read before it begins. @param run the process that would perform it. */
export async function measureWayBack(layout: Layout, way: WayBack, run: number | null): Promise<RollbackPlan> {
  const { from, to, saved, notes } = way;
  const common = { now: systemClock.wall(), from, to, run, notes, rolledBack: layout.rolledBack };
  if (saved === null) return { ...common, data: null };
  const { kind, path, at } = saved;
  const homeBytes = await bytesOf(layout.home, layout);
  return { ...common, data: { kind, path, at, bytes: await savedBytes(saved, layout), homeBytes } };
}

function savedBytes({ kind, path, bytes }: SavedHome, layout: Layout): Promise<number | null> | number | null {
  return kind === "kept" ? bytesOf(rolledBackPaths(path).home, layout) : bytes;
}

/** Null where something in it cannot be looked at: the way back itself moves it as it is. */
async function bytesOf(home: string, { backups }: Layout): Promise<number | null> {
  try {
    return (await measureHome(home, foldersAt(backups))).sourceBytes;
  } catch {
    return null;
  }
}
