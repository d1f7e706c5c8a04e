import { describe, expect, test } from "bun:test";
import { FAILING, tryOut } from "./support/failing.ts";

describe.each(Object.entries(FAILING))("a version that %s", (_, failing) => {
  test("stays where nothing was saved, and that shows", async () => {
    await using tried = await tryOut(failing, { saving: "nothing" });
    const { trial, run } = tried;
    await run.waitForLog(/ERROR +nymvisor: 1\.1\.0 1\.1\.0 stays although .*no backup of the home was made/);
    if (failing.exits === undefined) {
      await trial.node.oneRuns();
      await trial.decided("1.1.0 failed");
      expect((await run.stop()).status).toBe(0);
    } else {
      const { status, stderr } = await run.ended();
      expect(status).toBe(failing.exits);
      const last = `nymvisor ends with ${failing.exits}: the daemon exited with ${failing.exits}, and restarts are off`;
      expect(stderr.trimEnd()).toEndWith(last);
    }
    expect(trial.node.current()).toBe("upgrades/1.1.0");
    expect(trial.status().stays).toMatchObject({ name: "1.1.0", why: expect.stringContaining("no backup") });
    expect(trial.outcomes()).toMatchObject([{ name: "1.1.0", state: "failed", wentBack: null, kept: null }]);
    expect(trial.outcomes()[0]?.why).toMatch(
      new RegExp(`${failing.why.source.replace("$", "")}.*; it stays: no backup`),
    );
    expect(trial.node.events.of("started", "1.0.0")).toHaveLength(1);
  });

  if (failing.akin) return;
  test("goes back without its data where that is wanted", async () => {
    const settings = { NYMVISOR_ROLLBACK_WITHOUT_DATA: "true" };
    await using tried = await tryOut(failing, { saving: "nothing", settings });
    const { trial, run } = tried;
    await run.waitForLog(/the node was put back from 1\.1\.0 to genesis: .*; its data stay as they are/);
    await run.waitForEvent("started", { version: "1.0.0", count: 2 });
    await trial.decided("1.1.0 rolled-back");
    expect(trial.node.current()).toBe("genesis");
    expect(trial.outcomes()).toMatchObject([{ state: "rolled-back", wentBack: "without-data", kept: null }]);
    expect(trial.rolledBack()).toEqual([]);
    if (failing.before === undefined) {
      await trial.node.oneRuns();
    } else {
      // What it is there for: the old version does not know what the new one has made of its database.
      await run.waitForLog(/migration 3 was previously applied but is missing/);
      await run.waitForLog(/starts again in .*, and it goes on/);
    }
    expect((await run.stop()).status).toBe(0);
  });
});
