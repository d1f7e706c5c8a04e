import { lstatSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { type FSWatcher, watch } from "chokidar";
import { errorCode, reasonOf } from "../model/errors.ts";
import type { Emit } from "../model/events.ts";
import type { Layout } from "../model/paths.ts";

/**
 * Tells of every change of the plan, of `current`, of what people have said by command and of how upgrades have turned out,
 * by whoever. What changed is not told: the listener reads what is there, and is called again if anything changes while it
 * reads.
 *
 * chokidar (inotify) tells at once. It cannot be trusted alone: watches are limited, network file systems send nothing,
 * and a watch dies with its folder. So the files are looked at besides; four lstat a second cost nothing.
 */
export interface PlanWatcher {
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 1_000;

/**
 * Two writes within one tick of the kernel's clock (up to 10 ms) may leave the same size and times, so that only the
 * contents tell them apart; they are compared again once such a tick is surely over.
 */
const SETTLE_MS = 50;

export function watchPlan(layout: Layout, changed: () => void, emit: Emit): PlanWatcher {
  const names = new Set(watched(layout).map((path) => basename(path)));
  let stamp = stampsOf(layout);
  let contents = contentsOf(layout);
  const look = () => {
    const now = stampsOf(layout);
    if (now === stamp) return;
    stamp = now;
    contents = contentsOf(layout);
    changed();
  };
  const lookInside = () => {
    const now = contentsOf(layout);
    if (now === contents) return look();
    stamp = stampsOf(layout);
    contents = now;
    changed();
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  let settle: ReturnType<typeof setTimeout> | undefined;
  const watcher = startWatching(
    layout,
    names,
    () => {
      lookInside();
      clearTimeout(settle);
      settle = setTimeout(lookInside, SETTLE_MS);
    },
    emit,
  );
  return {
    async close() {
      clearInterval(timer);
      clearTimeout(settle);
      await watcher?.close();
    },
  };
}

/** What the schedule is made from. */
function watched({ plan, current, operator, outcomes }: Layout): string[] {
  return [plan, current, operator, outcomes];
}

function startWatching(
  layout: Layout,
  names: ReadonlySet<string>,
  happened: () => void,
  emit: Emit,
): FSWatcher | undefined {
  const degraded = (error: unknown) => emit({ type: "watcher.degraded", reason: reasonOf(error) });
  try {
    const watcher = watch(layout.upgradeData, {
      depth: 0,
      ignoreInitial: true,
      followSymlinks: false,
      ignored: (path) => path !== layout.upgradeData && !names.has(basename(path)),
    });
    watcher.on("all", happened);
    watcher.on("error", degraded);
    return watcher;
  } catch (error) {
    degraded(error);
    return undefined;
  }
}

/** Differs whenever a file was written, replaced, removed or made again, but for what {@link SETTLE_MS} says. */
function stampsOf(layout: Layout): string {
  return watched(layout).map(stampOf).join(" ");
}

function stampOf(path: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
    return `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (error) {
    return errorCode(error) ?? "unknown";
  }
}

function contentsOf(layout: Layout): string {
  const read = (path: string) => {
    try {
      return readFileSync(path, "latin1");
    } catch (error) {
      return errorCode(error) ?? "unknown";
    }
  };
  return [layout.plan, layout.operator, layout.outcomes].map(read).join("\0");
}
