import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { runOnTerminal } from "../support/pseudo-terminal.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const ESCAPE = "\u001b[";

/** `CI` is taken away because the runtime colours nothing where it is set. */
function onTerminal(words: string[], variables: Record<string, string> = {}, columns = 80): Promise<string> {
  return runOnTerminal(["env", "-u", "CI", process.execPath, MAIN, ...words], { env: variables, columns });
}

describe("on a terminal", () => {
  test("help and errors are coloured", async () => {
    expect(await onTerminal(["--help"])).toContain(ESCAPE);
    expect(await onTerminal(["nonsense"])).toContain(ESCAPE);
  });

  test.each([[{ NO_COLOR: "1" }], [{ NO_COLOR: "0" }], [{ TERM: "dumb" }]])(
    "nothing is, with %p",
    async (variables) => {
      expect(await onTerminal(["--help"], variables)).not.toContain(ESCAPE);
      expect(await onTerminal(["nonsense"], variables)).not.toContain(ESCAPE);
    },
  );

  test.each([
    [50, 50],
    [90, 90],
    [300, 100],
    [10, 40],
  ])("with %d columns the help is %d wide", async (columns, width) => {
    const [about = ""] = (await onTerminal(["help", "init"], { NO_COLOR: "1" }, columns)).split("\r\n");
    expect(about.length).toBeLessThanOrEqual(width);
    expect(about.length).toBeGreaterThan(width - 15);
  });
});
