import { expect, test } from "bun:test";
import { wrap, wrapWords } from "../../src/model/wrap.ts";

test("lines are as long as the width allows, and no longer", () => {
  expect(wrap("aa bb cc", 5)).toEqual(["aa bb", "cc"]);
  expect(wrap("aa bb cc", 4)).toEqual(["aa", "bb", "cc"]);
});

test("the indent counts as part of the width", () => {
  expect(wrap("aa bb", 6, 2)).toEqual(["  aa", "  bb"]);
  expect(wrap("aa bb", 7, 2)).toEqual(["  aa bb"]);
});

test("a word that is longer than a line stands alone and whole", () => {
  expect(wrap("see https://example.org/a/long/path now", 10)).toEqual([
    "see",
    "https://example.org/a/long/path",
    "now",
  ]);
});

test("spaces and line breaks between words do not matter", () => {
  expect(wrap("  aa\n bb  ", 80)).toEqual(["aa bb"]);
});

test("words that hold spaces are not broken", () => {
  expect(wrapWords(["[default: 1h]", "[env: A]"], 14)).toEqual(["[default: 1h]", "[env: A]"]);
});

test("nothing yields no line", () => {
  expect(wrap("", 80, 4)).toEqual([]);
});
