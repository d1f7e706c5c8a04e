import { expect, test } from "bun:test";
import { type RollbackPlan, renderRollback, renderRollbackPlan } from "../../src/model/render-rollback.ts";
import { NOON } from "../support/upgrades.ts";

const plan = (changes: Partial<RollbackPlan> = {}): RollbackPlan => ({
  now: NOON + 3_600_000_000_000n * 26n,
  from: { name: "second", version: "1.2.0" },
  to: { name: "1.1.0", version: "1.1.0" },
  run: 7,
  data: { kind: "copy", path: "/c", at: NOON, bytes: 1 << 20, homeBytes: 2 << 20 },
  notes: [],
  rolledBack: "/n1/nymvisor/rolled-back",
  ...changes,
});

test("what a way back costs is told before it: what is lost since when, what stays, how to undo it", () => {
  expect(renderRollbackPlan(plan({ notes: ["One more."] }))).toBe(
    `Back from second (1.2.0) to 1.1.0

Lost:       everything that was written since 2026-11-21T12:00:00Z (1day 2h):
            the home, 2.0 MiB by now, is put back as it was then: 1.0 MiB
Stays:      backups, binaries, the plan; the home as it is now is put aside in
            /n1/nymvisor/rolled-back, until the second good upgrade after this,
            or nymvisor backup prune
After it:   upgrades are pinned to 1.1.0: nothing newer is performed by itself
Downtime:   that of a restart
Note:       One more.
To undo:    nymvisor rollback --to second && nymvisor unpin
`,
  );
});

test("without the data nothing is lost, and there is something to beware of", () => {
  const text = renderRollbackPlan(plan({ data: null, run: null }));
  expect(text).toContain("Lost:       nothing: the home stays as it is\n");
  expect(text).toContain("Beware:     1.1.0 may not be able to read what second has written\n");
  expect(text).toContain("Downtime:   no nymvisor runs this instance\n");
  expect(text).toContain("rollback --to second --no-data && nymvisor unpin\n");
});

test("sizes that nobody knows are left out, and that of an archive is called so", () => {
  const data = { kind: "archive", path: "/a", at: NOON, bytes: 5, homeBytes: null } as const;
  expect(renderRollbackPlan(plan({ data })).replace(/\s+/g, " ")).toContain(
    "the home is put back as it was then: an archive of 5 B",
  );
});

test("what came of it is told with how to undo it, and for programs on one line", () => {
  const report = { state: "done", plan: plan(), kept: "/n1/nymvisor/rolled-back/x" } as const;
  const text = renderRollback(report, "text");
  expect(text.replaceAll("\n", " ")).toContain("The node is back on 1.1.0. The nymvisor that runs (pid 7) starts it.");
  expect(text).toEndWith("To undo: nymvisor rollback --to second && nymvisor unpin\n");
  expect(JSON.parse(renderRollback(report, "json"))).toEqual({
    state: "done",
    from: { name: "second", version: "1.2.0" },
    to: { name: "1.1.0", version: "1.1.0" },
    run: 7,
    data: { kind: "copy", path: "/c", at: "2026-11-21T12:00:00Z", bytes: 1 << 20, homeBytes: 2 << 20 },
    lostSince: "2026-11-21T12:00:00Z",
    kept: "/n1/nymvisor/rolled-back/x",
    notes: [],
    undo: "nymvisor rollback --to second && nymvisor unpin",
  });
  expect(JSON.parse(renderRollback({ state: "planned", plan: plan() }, "json"))).toMatchObject({ state: "planned" });
  const finished = renderRollback({ state: "finished", to: "x", kept: "/aside" }, "text").replaceAll("\n", " ");
  expect(finished).toContain("finished: the node is back on x. nymvisor run starts it. What was there lies in /aside.");
  expect(JSON.parse(renderRollback({ state: "withdrawn", to: "x" }, "json"))).toEqual({ state: "withdrawn", to: "x" });
});
