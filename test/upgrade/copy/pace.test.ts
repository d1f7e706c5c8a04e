import { expect, test } from "bun:test";
import { Pace } from "../../../src/upgrade/copy/pace.ts";

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
