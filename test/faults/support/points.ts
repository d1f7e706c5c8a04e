import type { Fault } from "../build/fault.ts";

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

/** What a file system answers, if anything but success, to each kind of effect. */
const ERRORS: Readonly<Record<string, readonly ["ENOSPC" | "EIO", "ENOSPC" | "EIO"] | undefined>> = {
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
};

/**
 * Effects after which the disk reads otherwise, or another process is told something. After any other one it is what it
 * is before the next.
 */
const DECIDING = /^(rename|remove|link|spawn-daemon|signal|lock|unlock) /;

/** All of them, or those that differ in what they leave. */
export function casesOf(points: readonly Point[], all: boolean): Case[] {
  return points.flatMap((point): Case[] => {
    const [first, second] = ERRORS[point.effect.split(" ", 1)[0] ?? ""] ?? [];
    const actions: (Fault["action"] | undefined)[] = ["kill-before", first];
    if (all || DECIDING.test(point.effect)) actions.push("kill-after");
    if (all) actions.push(second);
    return actions.filter((action) => action !== undefined).map((action) => ({ point, action }));
  });
}

export function faultOf({ point, action }: Case): Fault {
  const effect = `^${point.effect.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
  return { action, effect, occurrence: point.occurrence };
}

export function nameOf({ point, action }: Case): string {
  return `${action} ${point.effect} #${point.occurrence}`;
}
