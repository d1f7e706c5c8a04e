import type { Fault, FaultCode } from "../build/fault.ts";

/** The table of fault points, made from what a run was seen to do: a new step of an upgrade is in it by itself. */

export interface Point {
  /** As in a record: `<kind> <path>`. */
  effect: string;
  /** Which of those of that name, from 1. */
  occurrence: number;
}

export interface Case {
  point: Point;
  action: Fault["action"];
}

export function pointsOf(effects: readonly string[]): Point[] {
  const counts = new Map<string, number>();
  return effects
    .filter((effect) => !effect.startsWith("look "))
    .map((effect) => {
      const occurrence = (counts.get(effect) ?? 0) + 1;
      counts.set(effect, occurrence);
      return { effect, occurrence };
    });
}

/** What a file system answers, if anything but success, to each kind of effect; the likelier error first. */
const ERRORS: Readonly<Record<string, readonly FaultCode[] | undefined>> = {
  open: ["ENOSPC", "EIO"],
  write: ["ENOSPC", "EIO"],
  mkdir: ["ENOSPC", "EIO"],
  symlink: ["ENOSPC", "EIO"],
  link: ["ENOSPC", "EIO"],
  copy: ["ENOSPC", "EIO"],
  rename: ["ENOSPC", "EIO"],
  fsync: ["EIO", "ENOSPC"],
  remove: ["EIO", "ENOSPC"],
  truncate: ["EIO", "ENOSPC"],
  chmod: ["EIO", "ENOSPC"],
  time: ["EIO", "ENOSPC"],
};

/** Deaths and errors at every point. */
export function everyCase(points: readonly Point[]): Case[] {
  return points.flatMap((point) =>
    (["kill-before", "kill-after", ...errorsOf(point)] as const).map((action) => ({ point, action })),
  );
}

/** What nothing is decided by; written over and over in the same way. */
const ASIDE = /\/(last-good|\.?upgrade-status\.json)/;

/**
 * What a copy is made of before it is complete, where it is made: nobody looks at what there is of it, and whichever file
 * an error is about, there is no copy then.
 */
const UNFINISHED_COPY = / ~\/[^ ]*\/copies\/[^/]+\/(home|stored|changes)/;

/**
 * Without those that leave what another one leaves. Between two effects nothing changes, so a death after the one is a
 * death before the next: it is tried where others can see what was done. An fsync changes nothing that a process could
 * see. A temporary file that is empty, half or whole is the same to everybody, and so is what fails until it has its
 * name; so is a copy of a home until it has its note. Of the same effect over and over the first and the last are enough.
 * Of the file of a lock it matters whether it is there; the lock itself is gone with its holder.
 */
export function distinctCases(points: readonly Point[]): Case[] {
  const errorsInCopy = new Set<string>();
  return points.flatMap((point, index) => {
    const kind = kindOf(point);
    const isSame = (other: Point | undefined) => other?.effect === point.effect;
    if (isSame(points[index - 1]) && isSame(points[index + 1])) return [];
    if (ASIDE.test(point.effect) && point.occurrence > 1) return [];
    const isUnfinished = point.effect.endsWith(".tmp") && /^(open|chmod)$/.test(kind);
    const isInCopy = UNFINISHED_COPY.test(point.effect);
    const isPartOfCopy = isInCopy && /^(open|chmod|time|truncate|remove)$/.test(kind);
    const isKnownError = isInCopy && errorsInCopy.has(kind);
    if (isInCopy) errorsInCopy.add(kind);
    const isLockFile = point.effect.endsWith(".lock");
    const dies = isLockFile ? /^(open|remove)$/ : /^(?!fsync)/;
    const diesAfter = isLockFile ? /^(lock|remove)$/ : /^(rename|remove|link|spawn-daemon|spawn-archive|signal)$/;
    const fails = isLockFile ? /^(open|write|remove)$/ : /^(?!rename)/;
    const actions: Case["action"][] = [];
    if (dies.test(kind) && !isUnfinished && !isPartOfCopy) actions.push("kill-before");
    if (diesAfter.test(kind) && !isPartOfCopy) actions.push("kill-after");
    if (fails.test(kind) && !isUnfinished && !isKnownError) actions.push(...errorsOf(point).slice(0, 1));
    return actions.map((action) => ({ point, action }));
  });
}

function kindOf({ effect }: Point): string {
  return effect.slice(0, effect.indexOf(" "));
}

function errorsOf(point: Point): readonly FaultCode[] {
  return ERRORS[kindOf(point)] ?? [];
}

export function faultOf({ point, action }: Case): Fault {
  const effect = `^${point.effect.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
  return { action, effect, occurrence: point.occurrence };
}

export function nameOf({ point, action }: Case): string {
  return `${action} ${point.effect} #${point.occurrence}`;
}
