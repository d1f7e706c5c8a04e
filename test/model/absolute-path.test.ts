import { expect, test } from "bun:test";
import { resolve } from "node:path";
import fc from "fast-check";
import { absolutePath } from "../../src/model/absolute-path.ts";

test.each([
  ["/a/b", "/a/b"],
  ["/a//b/", "/a/b"],
  ["/a/./b/../c", "/a/c"],
  ["/../..", "/"],
  ["/", "/"],
  ["a", "/work/a"],
  ["./~", "/work/~"],
  ["..", "/"],
  ["../x/", "/x"],
  ["~user/x", "/work/~user/x"],
  ["a b/'\"&\n", "/work/a b/'\"&\n"],
])("%p, typed in /work, is %p", (text, expected) => {
  expect(absolutePath(text, "/work")).toBe(expected);
});

test("it agrees with what the system's own library makes of a path", () => {
  const part = fc.constantFrom(".", "..", "a", "b c", "", "...");
  fc.assert(
    fc.property(fc.array(part, { minLength: 1 }), (parts) => {
      const text = parts.join("/");
      fc.pre(text !== "");
      expect(absolutePath(text, "/base/folder")).toBe(resolve("/base/folder", text));
    }),
  );
});

test.each([
  ["", "empty"],
  ["a\0b", "NUL"],
  ["/tmp/\ufffd", "not valid UTF-8"],
  ["~", "only a shell expands"],
  ["~/.nym", "only a shell expands"],
])("%p is refused: %s", (text, why) => {
  expect(() => absolutePath(text, "/work")).toThrow(why);
  expect(() => absolutePath(text, "/work")).toThrow(RangeError);
});
