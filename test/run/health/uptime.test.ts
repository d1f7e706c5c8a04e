import { expect, test } from "bun:test";
import { requireRising } from "../../../src/run/health/uptime.ts";

/** Two answers so many milliseconds apart. */
function look(first: number, second: number, apart: number): () => void {
  const before = { seconds: first, askedAt: 0, answeredAt: 10 };
  const now = { seconds: second, askedAt: 10 + apart, answeredAt: 20 + apart };
  return () => requireRising("http://n/", before, now);
}

test("an uptime that rises is that of a process that goes on", () => {
  expect(look(7, 8, 1000)).not.toThrow();
  expect(look(7, 7.2, 200)).not.toThrow();
  expect(look(7, 5000, 1)).not.toThrow();
});

test("an uptime that stays the same within a second has had no time to rise", () => {
  expect(look(7, 7, 999)).not.toThrow();
  expect(look(7, 7, 1000)).toThrow("the uptime at http://n/ stands still at 7 s");
});

test("an uptime that falls is that of another process, however soon", () => {
  expect(look(7, 6, 1)).toThrow("the uptime at http://n/ fell from 7 s to 6 s");
  expect(look(7, 0, 60_000)).toThrow("the uptime at http://n/ fell from 7 s to 0 s");
});
