import { describe, expect, test } from "bun:test";
import { joinTails, shareLines, splitLines } from "../../src/daemon/tail.ts";

const tail = (text: string, cut = false) => ({ bytes: Buffer.from(text), cut });
const texts = (lines: readonly Buffer[]) => lines.map(String);
const numbered = (count: number, of: string) => Array.from({ length: count }, (_, at) => Buffer.from(`${of} ${at}`));

describe("the lines of an output's end", () => {
  test.each([
    ["", false, []],
    ["a\nb\n", false, ["a", "b"]],
    ["a\n\nno end", false, ["a", "", "no end"]],
    ["\n", false, [""]],
    ["ginning is gone\nb\n", true, ["b"]],
    ["all there is", true, ["all there is"]],
  ])("%j (cut: %p) are %j", (text, cut, expected) => {
    expect(texts(splitLines(tail(text, cut)))).toEqual(expected);
  });

  test("keep their beginning where they are longer than 4 KiB, and bytes that are no text", () => {
    const long = Buffer.alloc(10_000, "x");
    const odd = Buffer.from([0xff, 0x00, 0xfe]);
    const lines = splitLines({ bytes: Buffer.concat([long, Buffer.from("\n"), odd]), cut: false });
    expect(lines).toEqual([Buffer.alloc(4096, "x"), odd]);
  });
});

describe("what is kept", () => {
  test("are the last 200 lines", () => {
    expect(texts(shareLines([numbered(500, "line")]))).toEqual(texts(numbered(500, "line").slice(-200)));
  });

  test("are 256 KiB in all", () => {
    const lines = Array.from({ length: 200 }, (_, at) => Buffer.alloc(4096, String(at % 10)));
    expect(shareLines([lines])).toEqual(lines.slice(-64));
  });

  test("is half of two outputs each, and more where one has less", () => {
    const [out, error] = [numbered(500, "out"), numbered(500, "error")];
    expect(texts(shareLines([out, error]))).toEqual(texts([...out.slice(-100), ...error.slice(-100)]));
    expect(texts(shareLines([out.slice(0, 10), error]))).toEqual(texts([...out.slice(0, 10), ...error.slice(-190)]));
    expect(texts(shareLines([out, error.slice(0, 10)]))).toEqual(texts([...out.slice(-190), ...error.slice(0, 10)]));
  });
});

test("an end behind another is cut where either is, and is the later one alone where that is cut", () => {
  expect(joinTails(tail("a"), tail("b"))).toEqual(tail("ab"));
  expect(joinTails(tail("a", true), tail("b"))).toEqual(tail("ab", true));
  expect(joinTails(tail("a"), tail("b", true))).toEqual(tail("b", true));
  const mebibyte = "x".repeat(1024 * 1024);
  expect(joinTails(tail("a"), tail(mebibyte))).toEqual(tail(mebibyte, true));
});
