import { describe, expect, test } from "bun:test";
import { Random } from "../../simulation/random.ts";

const draw = <T>(count: number, once: () => T): T[] => Array.from({ length: count }, once);

test("the numbers are those of the reference implementation in C", () => {
  const random = new Random("any", [1, 2, 3, 4]);
  expect(draw(10, () => random.uint32())).toEqual([
    ...[11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804],
  ]);
});

describe("a seed", () => {
  test("draws the same each time, as a number and as text", () => {
    const [one, same] = [new Random(42), new Random("42")];
    expect(draw(100, () => one.uint32())).toEqual(draw(100, () => same.uint32()));
  });

  test("draws otherwise than its neighbours", () => {
    const firsts = draw(100_000, () => 0).map((_, seed) => {
      const random = new Random(seed);
      return random.uint32() * 2 ** 20 + (random.uint32() >>> 12);
    });
    expect(new Set(firsts).size).toBe(firsts.length);
    const ones = firsts.reduce((sum, first) => sum + (first >= 2 ** 51 ? 1 : 0), 0);
    expect(Math.abs(ones / firsts.length - 0.5)).toBeLessThan(0.01);
  });

  test("draws the same today as in any other version, so that a seed that is written down can be replayed", () => {
    const random = new Random("a seed");
    expect(draw(4, () => random.uint32())).toEqual([1319490875, 2549471241, 2775943274, 929374852]);
    expect(random.fork("label").uint32()).toBe(3341197249);
  });
});

describe("a fork", () => {
  test("depends on the seed and the label, not on what was drawn", () => {
    const [one, other] = [new Random(1), new Random(1)];
    draw(10, () => other.uint32());
    const [first, second] = [one.fork("disk"), other.fork("disk")];
    expect(draw(10, () => first.uint32())).toEqual(draw(10, () => second.uint32()));
    expect(one.fork("disk").fork(3).seed).toBe("1/disk/3");
  });

  test("draws nothing from the one that it is forked from", () => {
    const [one, other] = [new Random(1), new Random(1)];
    one.fork("disk").uint32();
    expect(one.uint32()).toBe(other.uint32());
  });

  test("has numbers of its own", () => {
    const random = new Random(1);
    const forks = [random, random.fork("a"), random.fork("b"), random.fork("a").fork("b"), new Random(2).fork("a")];
    expect(new Set(forks.map((each) => each.uint32())).size).toBe(forks.length);
  });
});

describe("what is drawn", () => {
  const random = new Random("what is drawn");
  /** How often each was drawn, as a part of the whole. */
  const shares = <T>(count: number, once: () => T): Map<T, number> => {
    const found = new Map<T, number>();
    for (const each of draw(count, once)) found.set(each, (found.get(each) ?? 0) + 1 / count);
    return found;
  };

  test("are whole numbers from the least to the most, each as likely", () => {
    const found = shares(70_000, () => random.int(-3, 3));
    expect([...found.keys()].sort((a, b) => a - b)).toEqual([-3, -2, -1, 0, 1, 2, 3]);
    for (const share of found.values()) expect(share).toBeCloseTo(1 / 7, 2);
    expect(random.int(5, 5)).toBe(5);
  });

  test("are as likely where their count does not divide 2^32 by far", () => {
    const third = shares(30_000, () => Math.floor(random.int(0, 3 * 2 ** 30 - 1) / 2 ** 30));
    for (const share of third.values()) expect(share).toBeCloseTo(1 / 3, 1);
    expect(draw(1000, () => random.int(0, 2 ** 32 - 1)).every((each) => each >= 0 && each < 2 ** 32)).toBe(true);
  });

  test.each([
    [1, 0],
    [0, 2 ** 32],
    [Number.NaN, 1],
  ])("is an error from %d to %d", (least, most) => {
    expect(() => random.int(least, most)).toThrow(RangeError);
  });

  test("are fractions from 0 to less than 1", () => {
    const all = draw(10_000, () => random.float());
    expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...all)).toBeLessThan(1);
    expect(all.reduce((sum, each) => sum + each, 0) / all.length).toBeCloseTo(0.5, 1);
  });

  test("is true so often as was asked", () => {
    expect(shares(10_000, () => random.chance(0.2)).get(true)).toBeCloseTo(0.2, 1);
    expect(draw(1000, () => random.chance(0))).not.toContain(true);
    expect(draw(1000, () => random.chance(1))).not.toContain(false);
  });

  test("is any item, and none of none", () => {
    expect(new Set(draw(100, () => random.pick(["a", "b", "c"])))).toEqual(new Set(["a", "b", "c"]));
    expect(() => random.pick([])).toThrow(RangeError);
  });

  test("is an item as often as it weighs", () => {
    const found = shares(20_000, () =>
      random.weighted([
        [1, "a"],
        [0, "never"],
        [3, "b"],
      ]),
    );
    expect(found.get("a")).toBeCloseTo(0.25, 1);
    expect(found.get("b")).toBeCloseTo(0.75, 1);
    expect(found.has("never")).toBe(false);
    expect(() => random.weighted([[0, "never"]])).toThrow(RangeError);
  });

  test("is any order, of a copy", () => {
    const items = ["a", "b", "c"] as const;
    const found = shares(12_000, () => random.shuffle(items).join(""));
    expect([...found.keys()].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
    for (const share of found.values()) expect(share).toBeCloseTo(1 / 6, 1);
    expect(items).toEqual(["a", "b", "c"]);
  });
});
