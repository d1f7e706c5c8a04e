import { describe, expect, test } from "bun:test";
import { waitFor } from "../support/wait.ts";
import { FAILING, tryOut } from "./support/failing.ts";
import { hasSmallDisks } from "./support/small-disk.ts";

describe.each(Object.entries(FAILING))("a version that %s", (_, failing) => {
  const savings = failing.akin || !hasSmallDisks ? (["copy"] as const) : (["copy", "archive"] as const);
  test.each(savings)("is put back with its data, as a %s has them", async (saving) => {
    await using tried = await tryOut(failing, { saving });
    const { trial, run, contents } = tried;
    await run.waitForLog(/the node is back on genesis/);
    await run.waitForEvent("started", { version: "1.0.0", count: 2 });
    expect(trial.contents()).toEqual(contents);
    expect(run.stderr).toMatch(saving === "copy" ? /the copy is complete/ : /there is no room to copy the home/);
    await trial.decided("1.1.0 rolled-back");
    expect(trial.outcomes()).toMatchObject([
      {
        name: "1.1.0",
        state: "rolled-back",
        wentBack: "with-data",
        byHand: false,
        why: expect.stringMatching(failing.why),
      },
    ]);
    const { node } = trial;
    expect([node.current(), node.plan().current.name, node.record().name]).toEqual(["genesis", "genesis", "genesis"]);
    expect(trial.rolledBack()).toHaveLength(1);
    await waitFor("the copy to go", () => trial.copies().length === 0);
    await waitFor("the state", () => trial.status().wayBack?.why.search(failing.why) === 0);
    await node.oneRuns();
    expect((await run.stop()).stderr.trimEnd()).toEndWith("nymvisor ends with 0: it was asked to stop by SIGTERM");
  });
});
