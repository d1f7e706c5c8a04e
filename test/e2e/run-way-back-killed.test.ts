import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../support/wait.ts";
import { prepareTrial } from "./support/trial.ts";

/** Moments of a way back, in milliseconds after its beginning; the kill matrix has each of its steps. */
const MOMENTS = [0, 15, 40, 80, 160].map((limit) => [Math.floor(Math.random() * (limit + 1))]);

test.each(MOMENTS)("nymvisor that is killed %d ms into a way back takes it at its next start", async (moment) => {
  const settings = { NYMVISOR_HEALTH_PROBATION: "1h", DAEMON_FAILURE_RESTART_DELAY: "10ms" };
  await using trial = await prepareTrial({ settings, behaviour: { migrations: ["1"] } });
  const { node } = trial;
  await using run = await trial.run();
  await run.waitForEvent("started", { version: "1.0.0" });
  await trial.migrated();
  const before = trial.contents();
  node.release("1.1.0", { behaviour: { migrations: ["1", "2"] } });
  run.signal("SIGHUP");
  const { pid } = await run.waitForEvent("started", { version: "1.1.0" });
  const migrated = () => trial.contents().migrations?.contents !== before.migrations?.contents;
  await waitFor("the trial", () => trial.isOnProbation() && migrated());
  process.kill(pid, "SIGKILL");
  await run.waitForLog(/1\.1\.0 did not prove itself/);
  await Bun.sleep(moment ?? 0);
  run.signal("SIGKILL");
  await run.exited;
  await using next = await trial.run();
  await next.waitForLog(/genesis 1\.0\.0 started/);
  await trial.decided("1.1.0 rolled-back");
  await node.oneRuns();
  expect(node.current()).toBe("genesis");
  expect(node.record().name).toBe("genesis");
  expect(trial.contents()).toEqual(before);
  // One that came to nothing may have left an empty folder.
  const kept = trial.rolledBack().filter((folder) => existsSync(join(folder, "note.json")));
  expect(kept.map((folder) => readFileSync(join(folder, "home/migrations"), "utf8"))).toEqual(["1\n2\n"]);
  // The old version does not refuse its own home, which it would if the other's were there.
  expect(next.stderr).not.toContain("previously applied");
  expect((await next.stop()).status).toBe(0);
});
