import { Glob } from "bun";
import { type BytePath, decodePath } from "./byte-path.ts";

/** Whether a thing of the home, by its name relative to it, is meant. */
export type PathFilter = (name: BytePath) => boolean;

/**
 * Glob patterns for paths relative to a home (https://bun.com/docs/runtime/glob#supported-glob-patterns). One without a
 * slash is matched against the last part of a path, so `*.bloom` means every file of that kind; one with a slash against
 * the whole path. What lies in a folder that matches is not asked for here: a walk that leaves a folder out leaves all of
 * it out.
 */
export function pathFilter(patterns: readonly string[]): PathFilter {
  if (patterns.length === 0) return () => false;
  const globs = patterns.map((pattern) => {
    // `data/*` and `data/*/` mean the same: nothing here depends on whether a path is a folder.
    const text = pattern.replace(/^\.?\/+|\/+$/g, "");
    return { glob: new Glob(text), isWhole: text.includes("/") };
  });
  return (name) => {
    // Of a hundred thousand names hardly one is to be decoded.
    const path = ASCII.test(name) ? name : decodePath(name);
    const last = path.slice(path.lastIndexOf("/") + 1);
    // Not with `some`, which would make a closure for each name.
    for (const { glob, isWhole } of globs) if (glob.match(isWhole ? path : last)) return true;
    return false;
  };
}

const ASCII = /^[ -~]*$/;

/** {@link pathFilter}, and also true for all that lies in a folder that matches. */
export function treeFilter(patterns: readonly string[]): PathFilter {
  const matches = pathFilter(patterns);
  return (name) => {
    for (let end = name.length; end > 0; end = name.lastIndexOf("/", end - 1)) {
      if (matches(name.slice(0, end) as BytePath)) return true;
    }
    return false;
  };
}
