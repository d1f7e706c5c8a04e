import { expect, test } from "bun:test";
import { GENTLE_PIECE, Pace, SyncPortion } from "../../src/upgrade/pace.ts";

function workFor(milliseconds: number): number {
  const began = performance.now();
  while (performance.now() - began < milliseconds) Bun.hash.xxHash3("work");
  return performance.now() - began;
}

test("a stretch of work is followed by a rest that is no shorter", async () => {
  const pace = new Pace();
  const worked = workFor(30);
  const began = performance.now();
  await pace.breathe();
  // Timers have milliseconds, and may be early by a part of one.
  expect(performance.now() - began).toBeGreaterThanOrEqual(worked - 1);
});

test("a rest is not work: the next one is no longer than what was worked since", async () => {
  const pace = new Pace();
  workFor(200);
  await pace.breathe();
  workFor(10);
  const began = performance.now();
  await pace.breathe();
  expect(performance.now() - began).toBeLessThan(150);
});

test("whoever calls a copy off does not wait for a rest that is as long as what a slow disk took", async () => {
  const pace = new Pace();
  workFor(900);
  const began = performance.now();
  await pace.breathe();
  expect(performance.now() - began).toBeLessThan(800);
});

test("between two pieces there is a rest, however fast the disk is", async () => {
  const pace = new Pace();
  const began = performance.now();
  let rests = 0;
  for (let piece = 0; piece < 40; piece += 1) {
    const rest = pace.moved(GENTLE_PIECE / 2);
    if (rest !== undefined) rests += 1;
    await rest;
  }
  expect(rests).toBe(20);
  expect(performance.now() - began).toBeGreaterThanOrEqual(15);
});

test("little is written between two syncs; more where a sync takes long whatever there is to be synced", async () => {
  const portion = new SyncPortion();
  const until = () => {
    let bytes = 0;
    do bytes += GENTLE_PIECE / 4;
    while (!portion.isDue(GENTLE_PIECE / 4));
    return bytes;
  };
  const sizes: number[] = [];
  for (const milliseconds of [0, 30, 30, 30, 30, 30, 0, 0]) {
    sizes.push(until() / GENTLE_PIECE);
    await portion.sync(() => Bun.sleep(milliseconds));
  }
  expect(sizes).toEqual([1, 1, 2, 4, 8, 8, 8, 1]);
});
