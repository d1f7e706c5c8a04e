import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseEnvFile } from "../../src/model/env-file.ts";
import { NymvisorError } from "../../src/model/errors.ts";

function parse(text: string, variables: Record<string, string> = {}): Record<string, string> {
  return parseEnvFile(text, { path: "node.env", variables });
}

test.each([
  ["A=1", { A: "1" }],
  ["A=1\nB=2\n", { A: "1", B: "2" }],
  ["A=1\r\nB='x'\r\n", { A: "1", B: "x" }],
  ["\ufeffA=1", { A: "1" }],
  ["export A=1\n  export\tB = 2  ", { A: "1", B: "2" }],
  ["# a comment\n\n   # another\nA=1", { A: "1" }],
  ["A=", { A: "" }],
  ["A=\nB=1", { A: "", B: "1" }],
  ["A= # nothing", { A: "" }],
  ["A=#1", { A: "#1" }],
  ["A=b#c # d", { A: "b#c" }],
  ["A=two words  # and a comment", { A: "two words" }],
  ["A='#$x \\n \"' # c", { A: '#$x \\n "' }],
  ['A="x # y \\n \\t \\" \\\\ \\$x \'"', { A: "x # y \n \t \" \\ $x '" }],
  ["A='over\ntwo lines'\nB=\"over\n\nthree\"", { A: "over\ntwo lines", B: "over\n\nthree" }],
  ["A='it'\\''s'", { A: "it's" }],
  ["A=pre'mid'\"post\"", { A: "premidpost" }],
  ["A=s\\ ix", { A: "s ix" }],
  ["A=1\nA=2", { A: "2" }],
  ["A=x=y", { A: "x=y" }],
  ["", {}],
  ["__proto__=1", Object.fromEntries([["__proto__", "1"]])],
])("%j holds its variables", (text, expected) => {
  expect(parse(text)).toEqual(expected);
});

test("a variable stands for what the file set before, else for what the environment holds", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the file's syntax
  expect(parse("A=file\nB=$A/${HOME}\nC=\"$A\"\nD='$A'\nE=\\$A\nF=5$", { A: "environment", HOME: "/h" })).toEqual({
    A: "file",
    B: "file//h",
    C: "file",
    D: "$A",
    E: "$A",
    F: "5$",
  });
});

test.each([
  ["A", 1, "it is not KEY=VALUE"],
  ["A=1\n\nB", 3, "it is not KEY=VALUE"],
  ["1A=2", 1, "it is not KEY=VALUE"],
  ["=2", 1, "it is not KEY=VALUE"],
  ["A-B=2", 1, "it is not KEY=VALUE"],
  ["export A", 1, "it is not KEY=VALUE"],
  ["A='x\n\ny", 1, "the single quote that opens here is never closed"],
  ['A=1\nB="x\n', 2, "the double quote that opens here is never closed"],
  ['A="x', 1, "the double quote that opens here is never closed"],
  ['A="x" y', 1, "something stands behind the closing quote"],
  ["A='x\ny' z", 2, "something stands behind the closing quote"],
  ["A=a\\db", 1, "\\d is no escape"],
  ["A=x\\", 1, "\\ is no escape"],
  ["A=${B", 1, "is never closed"],
  ["A=1\nB=$NOT_SET", 2, "the variable NOT_SET is not set"],
  ["A=$constructor", 1, "the variable constructor is not set"],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the file's syntax
  ["A=${}", 1, "is not set"],
  ["A=a\0b", 1, "NUL"],
])("%j is malformed, and the error names line %d", (text, line, why) => {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof NymvisorError)) throw error;
    expect(error.exitCode).toBe(1);
    expect(error.what).toContain(`node.env:${line} `);
    expect(error.why).toContain(why);
    expect(error.next).toBeString();
    return;
  }
  throw new Error("it was taken");
});

test("an error shows no value, which may be a secret", () => {
  expect(() => parse("TOKEN='s3cret' s3cret")).toThrow(/^(?!.*s3cret)/s);
  expect(() => parse("TOKEN s3cret")).toThrow(/^(?!.*s3cret)/s);
});

test("any value can be written: in single quotes, or in double quotes with escapes", () => {
  const value = fc.string({ unit: "binary" }).filter((text) => !/[\0\r]/.test(text) && !text.startsWith("\ufeff"));
  fc.assert(
    fc.property(value, (text) => {
      expect(parse(`A='${text.replaceAll("'", "'\\''")}'`)).toEqual({ A: text });
      expect(parse(`A="${text.replace(/["\\$]/g, "\\$&")}"`)).toEqual({ A: text });
    }),
  );
});

test("whatever the text, the parser comes to an end", () => {
  const piece = fc.constantFrom(
    "A",
    "=",
    "'",
    '"',
    "\\",
    "$",
    "{",
    "}",
    "#",
    " ",
    "\n",
    "\r",
    "\t",
    "export ",
    "\u00a0",
    "x",
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      try {
        parse(pieces.join(""));
      } catch (error) {
        expect(error).toBeInstanceOf(NymvisorError);
      }
    }),
  );
});
