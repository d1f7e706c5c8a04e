import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { INVARIANTS } from "../../simulation/invariants.ts";
import { mutations } from "../../simulation/mutations.ts";

/*
 * Each simulation has a process of its own: it takes the place of this machine's clock, disk and processes, and what the
 * code of a simulated process leaves unfinished when that is killed must not count as this test's.
 */

/** A campaign for every mutation: half a minute of one core, on a machine that has others to serve too. */
const CAMPAIGNS_TIMEOUT = 240_000;

/** Characters; the table of mutations is longer than what a failure shows of a history. */
const MOST_OUTPUT = 6_000;

const ROOT = resolve(import.meta.dir, "../..");

async function run(script: string, ...args: string[]): Promise<{ exitCode: number; output: string }> {
  const child = Bun.spawn([process.execPath, resolve(ROOT, script), ...args], { stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  // A history of a violation is long; the command line shows it whole.
  return { exitCode: await child.exited, output: `${output}${errors}`.slice(0, MOST_OUTPUT) };
}

const simulate = (...args: string[]) => run("simulation/simulate.ts", "--quiet", ...args);

const digestOf = (output: string) => /^digest +(\w+)$/m.exec(output)?.[1];

describe("a simulated box", () => {
  test.concurrent.each([
    ["one node", "1"],
    ["two nodes", "2"],
    ["three nodes", "3"],
  ])("with %s keeps every invariant through power losses, kills and failing disks", async (_, instances) => {
    const { exitCode, output } = await simulate(
      "--seed",
      `box of ${instances}`,
      "--events",
      "8000",
      "--instances",
      instances,
    );
    expect(output).toMatch(/^violations +0$/m);
    expect(exitCode).toBe(0);
    // Both ways of saving a home are tried: the other upgrades had no room for a copy.
    const [, saved] = /^homes saved by a copy +(\d+)$/m.exec(output) ?? [];
    const [, upgrades] = /^upgrades of homes +(\d+)$/m.exec(output) ?? [];
    expect(Number(saved)).toBeGreaterThan(0);
    expect(Number(upgrades)).toBeGreaterThan(0);
    const [, back] = /^ways back +(\d+)$/m.exec(output) ?? [];
    expect(Number(back)).toBeGreaterThan(0);
  });

  test.concurrent("keeps them with a seed that nobody has seen before", async () => {
    const { exitCode, output } = await simulate("--events", "12000");
    process.stdout.write(`${output.split("\n")[0]}\n`);
    expect(output).toMatch(/^violations +0$/m);
    expect(exitCode).toBe(0);
  });

  test.concurrent("goes the very same way again with the same seed, and another way with another", async () => {
    const [once, again, other] = await Promise.all(
      ["seed", "seed", "another"].map((seed) => simulate("--seed", seed, "--events", "3000")),
    );
    expect(digestOf(once?.output ?? "")).toMatch(/^[0-9a-f]{8}$/);
    expect(digestOf(again?.output ?? "")).toBe(digestOf(once?.output ?? "") ?? "none");
    expect(digestOf(other?.output ?? "")).not.toBe(digestOf(once?.output ?? ""));
  });
});

describe("a break of what nymvisor promises", () => {
  test.concurrent(
    "is noticed, for each that is made on purpose",
    async () => {
      const { output } = await run("test/simulation/support/find-mutations.ts");
      const noticed = output
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { name: string; invariant: string | null });
      expect(noticed.map(({ name }) => name)).toEqual(mutations.map(({ name }) => name));
      const missed = noticed.filter(
        ({ name, invariant }) =>
          !mutations.find((one) => one.name === name)?.breaks.some((broken) => broken === invariant),
      );
      expect(missed).toEqual([]);
      const unnoticed = Object.keys(INVARIANTS).filter((name) => !noticed.some(({ invariant }) => invariant === name));
      expect(unnoticed).toEqual([]);
    },
    CAMPAIGNS_TIMEOUT,
  );

  test("concerns each of the ten things that must stay true", () => {
    const promises: (number | null)[] = Object.values(INVARIANTS).map(({ promise }) => promise);
    for (let number = 1; number <= 10; number += 1) expect(promises).toContain(number);
  });

  test("is told with its seed, its invariant and a shorter history, and ends with 1", async () => {
    const { exitCode, output } = await simulate(
      "--seed",
      "told",
      "--events",
      "30000",
      "--mutation",
      "history-written-twice",
    );
    expect(exitCode).toBe(1);
    expect(output).toContain("seed told");
    expect(output).toContain('VIOLATION of "never-lost"');
    const [, short, long] = /\((\d+) of (\d+) deeds\)/.exec(output) ?? [];
    // One upgrade and nothing else is enough for that.
    expect(Number(short)).toBe(1);
    expect(Number(long)).toBeGreaterThanOrEqual(1);
    expect(output).toMatch(/"kind":"(announce|add)"/);
  });
});

test("arguments that mean nothing are refused", async () => {
  for (const args of [["--events", "many"], ["--instances", "4"], ["--mutation", "none"], ["--nonsense"]]) {
    expect(await simulate(...args)).toMatchObject({ exitCode: 2, output: expect.stringContaining("bun run simulate") });
  }
});
