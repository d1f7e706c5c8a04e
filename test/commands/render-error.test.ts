import { describe, expect, test } from "bun:test";
import { renderError } from "../../src/commands/render-error.ts";
import { NymvisorError } from "../../src/model/errors.ts";

const asIs = (text: string) => text;
const look = { style: { bold: asIs, dim: asIs, accent: asIs, alarm: asIs }, debug: false };

describe("an error that a person can act on", () => {
  test("is what happened, why, and what to type", () => {
    const error = new NymvisorError({ what: "it broke", why: "one side\nother side", next: "nymvisor config" });
    expect(renderError(error, look)).toBe("error: it broke\n  one side\n  other side\n  try: nymvisor config\n");
  });

  test("keeps several things to do under each other", () => {
    const error = new NymvisorError({ what: "it broke", next: "one thing\nanother" });
    expect(renderError(error, look)).toBe("error: it broke\n  try: one thing\n       another\n");
  });

  test("is one line when there is no more to say", () => {
    expect(renderError(new NymvisorError({ what: "it broke" }), look)).toBe("error: it broke\n");
  });

  test("cannot colour or clear a terminal, whatever it quotes", () => {
    const error = new NymvisorError({ what: "\u001b[2Jbad\rname", why: "\u009b31m" });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(renderError(error, look)).not.toMatch(/[\u001b\u009b\r]/);
  });
});

describe("an error that nobody foresaw", () => {
  test("says what it says, and how to learn more", () => {
    const text = renderError(new TypeError("x is not a function"), look);
    expect(text).toContain("x is not a function");
    expect(text).toContain("NYMVISOR_LOG=debug");
    expect(text).not.toContain("render-error.test.ts");
  });

  test("shows where it came from when the log says everything", () => {
    expect(renderError(new TypeError("x"), { ...look, debug: true })).toContain("render-error.test.ts");
  });

  test("may be anything that can be thrown", () => {
    expect(renderError("a string", look)).toContain("a string");
    expect(renderError(undefined, { ...look, debug: true })).toContain("undefined");
  });
});
