import { expect, test } from "bun:test";
import { relativeTo } from "../../src/model/relative-time.ts";

const SECOND = 1_000_000_000n;
const NOW = 1_800_000_000n * SECOND;

test.each([
  [0n, "just now"],
  [SECOND - 1n, "just now"],
  [5n * SECOND, "in 5s"],
  [-5n * SECOND, "5s ago"],
  [3661n * SECOND, "in 1h 1m"],
  [-(26n * 3600n + 60n) * SECOND, "1day 2h ago"],
])("a moment %p nanoseconds from now is %s", (distance, text) => {
  expect(relativeTo(NOW, NOW + distance)).toBe(text);
});
