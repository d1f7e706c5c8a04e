import { expect, test } from "bun:test";
import { locateKeys } from "../../src/model/toml-lines.ts";

function linesOf(text: string): Record<string, number> {
  return Object.fromEntries(locateKeys(text));
}

test("tables and keys are found where they begin", () => {
  const text = "top = 1\n\n[daemon]\n  home = '/x'\nname='n' # name = 2\n[nymvisor]\r\nid = \"i\"\r\n";
  expect(linesOf(text)).toEqual({
    top: 1,
    daemon: 3,
    "daemon.home": 4,
    "daemon.name": 5,
    nymvisor: 6,
    "nymvisor.id": 7,
  });
});

test("what stands in a string, a list, an inline table or a comment is no key", () => {
  const text = [
    "[a]",
    'b = """',
    'c = 1 # \\"""',
    "[x]",
    '"""',
    "d = '''",
    "e = 1",
    "''''",
    "f = [ # ]",
    "  'g = 1',",
    "]",
    "# h = 1",
    "i = { j = 1, k = [2] }",
    'l = "m = # \\" [n]"',
    "o = 1",
  ].join("\n");
  expect(linesOf(text)).toEqual({ a: 1, "a.b": 2, "a.d": 6, "a.f": 9, "a.i": 13, "a.l": 14, "a.o": 15 });
});

test("quoted and dotted keys go by their plain path", () => {
  expect(linesOf("daemon . \"home\" = 1\n['a b'.c]\nd = 1\n[[e]]\nf = 1\n[[e]]\nf = 2\n")).toEqual({
    "daemon.home": 1,
    "a b.c": 2,
    "a b.c.d": 3,
    e: 4,
    "e.f": 5,
  });
});

test("an empty document has no keys", () => {
  expect(linesOf("")).toEqual({});
});
