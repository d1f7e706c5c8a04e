import { expect, test } from "bun:test";
import { writeHostileDaemon } from "../support/sample-daemon.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { expectFailure } from "./support/expect.ts";
import { nymvisor, processesOf } from "./support/nymvisor.ts";
import { stateOf } from "./support/tree.ts";

/** In a file of its own, because it takes the time that a binary is given, and nearly nothing else. */
test("a binary that hangs is given ten seconds, and then nothing is changed and no process of it is left", async () => {
  await Promise.all(
    (["hangs", "hangs and ignores signals"] as const).map(async (kind) => {
      using home = temporaryHome();
      const binary = writeHostileDaemon(home.at("given", "nym-node"), kind);
      const before = stateOf(home);
      expectFailure(await nymvisor(home, ["init", "--daemon-home", "node", binary]), 1, binary, "within 10 s");
      expect(stateOf(home)).toEqual(before);
      expect(processesOf(home)).toEqual([]);
    }),
  );
}, 40_000);
