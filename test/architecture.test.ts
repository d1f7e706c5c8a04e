import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";

/** Which room may import from which: itself, and what is named here. The order is the order of the rooms, top to bottom. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["commands", "run", "upgrade", "daemon", "upstream", "policy", "system", "model"],
  commands: ["run", "upgrade", "daemon", "upstream", "policy", "system", "model"],
  run: ["upgrade", "daemon", "upstream", "policy", "system", "model"],
  upgrade: ["daemon", "upstream", "policy", "system", "model"],
  daemon: ["policy", "system", "model"],
  upstream: ["policy", "system", "model"],
  system: ["model"],
  policy: ["model"],
  model: [],
};

const root = join(import.meta.dir, "../src");

interface Module {
  /** Relative to `src`. */
  path: string;
  room: string;
  /** Without comments. */
  code: string;
  imports: readonly string[];
  /** Those that are loaded with the module; the others are loaded when they are needed. */
  early: readonly string[];
}

const modules: readonly Module[] = [...new Glob("**/*.ts").scanSync(root)].sort().map((path) => {
  const code = withoutComments(readFileSync(join(root, path), "utf8"));
  const named = (pattern: RegExp) => [...code.matchAll(pattern)].map((match) => match[1] ?? "");
  const early = named(/(?:\bfrom|^import)\s*"([^"]+)"/gm);
  return { path, room: path.split("/")[0] ?? "", code, early, imports: [...early, ...named(/\bimport\("([^"]+)"\)/g)] };
});

/** Comments may speak of what the code may not do. Strings that look like comments (URLs) stay. */
function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

/** `path: what was found`, for every module outside of `allowed` that does what `pattern` describes. */
function offenders(pattern: RegExp, allowed: readonly string[] = [], rooms?: readonly string[]): string[] {
  return modules
    .filter(({ path, room }) => !allowed.includes(path) && (rooms === undefined || rooms.includes(room)))
    .flatMap(({ path, code }) => {
      const [found] = pattern.exec(code) ?? [];
      return found === undefined ? [] : [`${path}: ${found}`];
    });
}

test("there is something to look at, in every room", () => {
  expect(new Set(modules.map(({ room }) => room))).toEqual(new Set(Object.keys(MAY_IMPORT)));
  expect(modules.flatMap(({ imports }) => imports).length).toBeGreaterThan(modules.length);
});

describe("imports", () => {
  test("go down only", () => {
    const wrong = modules.flatMap(({ path, room, imports }) =>
      imports
        .filter((name) => name.startsWith("."))
        .map((name) => join(dirname(path), name))
        .filter((target) => {
          const [targetRoom = ""] = target.split("/");
          return targetRoom !== room && !MAY_IMPORT[room]?.includes(targetRoom);
        })
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("lead in no circle", () => {
    const targets = new Map(
      modules.map(({ path, early }) => [
        path,
        early.filter((name) => name.startsWith(".")).map((name) => join(dirname(path), name)),
      ]),
    );
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]) => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      if (trail.includes(path) || done.has(path)) return;
      for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
      done.add(path);
    };
    for (const { path } of modules) visit(path, []);
    expect(circles).toEqual([]);
  });

  test("of model and policy are each other and zod", () => {
    const wrong = modules
      .filter(({ room }) => room === "model" || room === "policy")
      .flatMap(({ path, imports }) =>
        imports.filter((name) => !/^\.|^zod$/.test(name)).map((name) => `${path}: ${name}`),
      );
    expect(wrong).toEqual([]);
  });
});

describe("model and policy", () => {
  test("know no clock, no chance, no environment and no disk", () => {
    const impure =
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bMath\.random\b|\bcrypto\b|\bprocess\b|\bBun\b|\bfetch\(|\bset(?:Timeout|Interval)\b/;
    expect(offenders(impure, [], ["model", "policy"])).toEqual([]);
  });
});

describe("what there is one place for", () => {
  test("the environment is read in system/environment.ts", () => {
    expect(offenders(/\bprocess\.env\b|\bBun\.env\b|\bimport\.meta\.env\b/, ["system/environment.ts"])).toEqual([]);
  });

  test("processes are started in daemon/launch.ts", () => {
    expect(offenders(/\bBun\.spawn(?:Sync)?\b|\bBun\.\$|child_process/, ["daemon/launch.ts"])).toEqual([]);
  });

  test("the network is asked in upstream/http.ts", () => {
    expect(offenders(/(?<![.\w])fetch\(|\bofetch\b|"node:https?2?"/, ["upstream/http.ts"])).toEqual([]);
  });

  test("the process is ended in main.ts", () => {
    expect(offenders(/\bprocess\.(?:exit\b|exitCode\b|abort\b)/, ["main.ts"])).toEqual([]);
  });

  test("output goes through system, never through console", () => {
    expect(offenders(/\bconsole\.\w+\(/)).toEqual([]);
  });
});
