import { expect, test } from "bun:test";
import { nextPage } from "../../../src/upstream/github/link.ts";

const BASE = "https://api.github.com/repositories/1/releases?page=2";

test.each([
  [
    '<https://api.github.com/repositories/1/releases?page=3>; rel="next"',
    "https://api.github.com/repositories/1/releases?page=3",
  ],
  ['<https://h/1>; rel="prev", <https://h/3>; rel="next", <https://h/9>; rel="last"', "https://h/3"],
  ["<https://h/3>;rel=next", "https://h/3"],
  ['<https://h/3>; title="a, b"; REL="last NEXT"', "https://h/3"],
  ["<?page=3>; rel=next", "https://api.github.com/repositories/1/releases?page=3"],
  ['<https://h/a,b>; rel="next"', "https://h/a,b"],
])("the page after %s is %s", (header, next) => {
  expect(nextPage(header, BASE)).toBe(next);
});

test.each([
  [null],
  [""],
  ['<https://h/9>; rel="last"'],
  ['<https://h/9>; title="rel=next"'],
  ['<http://>; rel="next"'],
  ["https://h/3; rel=next"],
  ["<".repeat(10_000)],
])("%p names no next page", (header) => {
  expect(nextPage(header, BASE)).toBeNull();
});
