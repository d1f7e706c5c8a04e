import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareReleaseVersions } from "../../src/policy/release-order.ts";
import { happenings, publication, World } from "./release-world.ts";
import { DAY, HOUR } from "./train.ts";

const MINUTE = HOUR / 60n;
/** A loaded machine is slow, and nothing here waits. */
const LONGEST_MS = 60_000;
const seed = fc.string({ minLength: 1 });

/**
 * The world itself watches that nothing goes back, runs without its checksum, is executed before its age or outside the
 * windows, or is kept waiting longer than spread and windows say.
 */
test(
  "whatever happens to a train and its policy, every step is one that is allowed, and no release is kept waiting",
  () => {
    let performed = 0;
    fc.assert(
      fc.property(seed, happenings, (of, sequence) => {
        const world = new World(of);
        for (const [minutes, happening] of sequence) {
          world.pass(BigInt(minutes) * MINUTE);
          world.happen(happening);
        }
        world.pass(DAY);
        performed += world.performed.length;
      }),
      { numRuns: 60 },
    );
    // Else it would have shown nothing.
    expect(performed).toBeGreaterThan(20);
  },
  LONGEST_MS,
);

test(
  "when nothing more happens, the node arrives at the newest release that is allowed",
  () => {
    fc.assert(
      fc.property(seed, happenings, (of, sequence) => {
        const world = new World(of);
        for (const [minutes, happening] of sequence) {
          world.pass(BigInt(minutes) * MINUTE);
          world.happen(happening);
        }
        world.settle();
        const [newest, ...others] = world.allowed();
        const before = world.runningName();
        const isFound = world.isFoundByBytes();
        world.pass(20n * DAY);
        expect(world.allowed()).toEqual([]);
        // A lower version that was published later is out of reach once the higher one runs.
        const highest = others.every(
          ({ version }) => (compareReleaseVersions(version, newest?.version ?? "") ?? 1) <= 0,
        );
        if (highest && isFound) expect(world.runningName()).toBe(newest?.name ?? before);
      }),
      { numRuns: 60 },
    );
  },
  LONGEST_MS,
);

test(
  "releases that come faster than their spread do not keep a node waiting",
  () => {
    const usual = publication.map((one) => ({ ...one, bump: 2, asset: true, checksum: true, prerelease: false }));
    fc.assert(
      fc.property(seed, fc.array(usual, { minLength: 60, maxLength: 60 }), (of, releases) => {
        const world = new World(of);
        world.happen({ what: "policy", age: 24, spread: 30, windows: [], prereleases: false, enforce: true });
        for (const one of releases) {
          world.pass(2n * HOUR);
          world.happen(one);
        }
        // Five days of releases: a day of age, and then a step at least every thirty hours.
        expect(world.performed.length).toBeGreaterThanOrEqual(3);
      }),
      { numRuns: 8 },
    );
  },
  LONGEST_MS,
);
