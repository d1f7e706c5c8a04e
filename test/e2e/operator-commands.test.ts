import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import type { GithubNode } from "./support/github-node.ts";
import { prepareTrain, tagOf } from "./support/github-orders.ts";
import { readJson } from "./support/instance.ts";
import { nymvisor } from "./support/nymvisor.ts";
import { asSomebody, canBeForbidden, giveAway } from "./support/other-user.ts";
import { stateOf } from "./support/tree.ts";

const said = async (node: GithubNode, ...words: string[]) => expectSuccess(await node.type(words));
const plan = async (node: GithubNode) => JSON.parse(await said(node, "plan", "-o", "json"));

describe("hold", () => {
  test("keeps a running node from what is due until resume, at once", async () => {
    await using node = await prepareTrain();
    expect(await said(node, "hold")).toMatch(/held[\s\S]*To undo: nymvisor resume\n$/);
    await using run = await node.run();
    await run.waitForLog(/1\.4\.0\) is staged/);
    expect(node.current()).toBe("genesis");
    expect(await plan(node)).toMatchObject({
      run: run.pid,
      holds: [{ by: "command", until: null }],
      queued: [{ name: tagOf("1.4.0"), source: "github", staging: "staged", held: true, at: null }],
    });
    expect(await said(node, "resume")).toContain("To undo: nymvisor hold\n");
    await run.waitForEvent("started", { version: "1.4.0" });
  });

  test("typed twice changes nothing and says so; with another end it takes that", async () => {
    await using node = await prepareTrain();
    await said(node, "hold");
    const before = stateOf(node.home);
    expect(await said(node, "hold")).toContain("already held");
    expect(stateOf(node.home)).toEqual(before);
    expect(await said(node, "hold", "--until", "2199-01-01T00:00:00Z")).toContain("until 2199-01-01T00:00:00Z");
    expect(await said(node, "resume")).toContain("To undo: nymvisor hold --until 2199-01-01T00:00:00Z");
    expect(await said(node, "resume")).toContain("Nothing was held");
  });

  test("of the setting is no matter of resume, which says so", async () => {
    await using node = await prepareTrain({ NYMVISOR_POLICY_HOLD: "true" });
    expect(await said(node, "resume")).toContain("by the setting [policy] hold");
    expectFailure(await node.type(["upgrade"]), 1, "resume", "[policy] hold");
  });

  test.each([
    [["hold", "--until", "2020-01-01T00:00:00Z"], "has passed"],
    [["hold", "--until", "tomorrow"], "RFC 3339"],
    [["hold", "--for", "1h", "--until", "2199-01-01T00:00:00Z"], "together"],
    [["skip"], "<NAME>"],
    [["upgrade", "--now", "--at", "2199-01-01T00:00:00Z"], "together"],
    [["upgrade", "--at", "2020-01-01T00:00:00Z"], "has passed"],
  ])("and others do not take %j", async (words, why) => {
    await using node = await prepareTrain();
    const before = stateOf(node.home);
    expectFailure(await node.type(words), 2, why);
    expect(stateOf(node.home)).toEqual(before);
  });
});

describe("skip", () => {
  test("takes a release out of the plan of a running node, which takes the one before; unskip brings it back", async () => {
    await using node = await prepareTrain();
    await said(node, "hold");
    await using run = await node.run();
    await run.waitForLog(/1\.4\.0\) is staged/);
    expect(await said(node, "skip", tagOf("1.4.0"))).toMatch(/left the plan[\s\S]*To undo: nymvisor unskip/);
    await run.waitForLog(/1\.3\.0\) is staged/);
    expect(node.queue()).toEqual([tagOf("1.3.0")]);
    const { mark } = run;
    expect(await said(node, "unskip", tagOf("1.4.0"))).toContain("To undo: nymvisor skip");
    await run.waitForLog(/1\.4\.0\) is staged/, { after: mark });
    expect(node.queue()).toEqual([tagOf("1.4.0")]);
  });

  test("of a name that is not known is refused with those that are, and so is a version", async () => {
    await using node = await prepareTrain();
    expectFailure(await node.type(["skip", "x"]), 1, "none is known at all yet", "nymvisor check");
    await said(node, "check");
    expectFailure(await node.type(["skip", `${tagOf("1.4.0")}s`]), 1, "(1.3.0)", `nymvisor skip ${tagOf("1.4.0")}`);
    expectFailure(await node.type(["skip", "1.4.0"]), 1, `nymvisor skip ${tagOf("1.4.0")}`);
    expectFailure(await node.type(["skip", "genesis"]), 1, "what runs");
    expect(existsSync(join(node.data, "operator.json"))).toBe(false);
  });

  test("and unskip typed twice change nothing and say so", async () => {
    await using node = await prepareTrain();
    await said(node, "check");
    await said(node, "skip", tagOf("1.4.0"));
    expect(await said(node, "skip", tagOf("1.4.0"))).toContain("already skipped");
    await said(node, "unskip", tagOf("1.4.0"));
    expect(await said(node, "unskip", tagOf("1.4.0"))).toContain("nothing is changed");
    expectFailure(await node.type(["unskip", "x"]), 1, "known are", tagOf("1.4.0"));
  });
});

describe("pin", () => {
  test("to a version lets a running node go that far and no further; unpin lets it go on", async () => {
    await using node = await prepareTrain();
    await said(node, "check");
    expect(await said(node, "pin", "1.3.0")).toContain(tagOf("1.3.0"));
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.3.0" });
    const told = JSON.parse(await said(node, "check", "-o", "json"));
    expect(told.candidates[0]).toMatchObject({ version: "1.4.0", state: "pinned-away", at: null });
    expect(await said(node, "unpin")).toContain("To undo: nymvisor pin 1.3.0");
    await run.waitForEvent("started", { version: "1.4.0" });
  });

  test("typed twice changes nothing; a release that nobody knows is refused", async () => {
    await using node = await prepareTrain();
    await said(node, "check");
    expectFailure(await node.type(["pin", "9.9.9"]), 1, "known are", "(1.4.0)");
    await said(node, "pin", tagOf("1.3.0"));
    const before = readJson(join(node.data, "operator.json"));
    expect(await said(node, "pin", tagOf("1.3.0"))).toContain("already pinned");
    expect(readJson(join(node.data, "operator.json"))).toEqual(before);
    expect(await said(node, "pin", "1.2.0")).toContain(`To undo: nymvisor pin ${tagOf("1.3.0")}`);
    await said(node, "unpin");
    expect(await said(node, "unpin")).toContain("Nothing is pinned");
  });
});

describe("plan", () => {
  test("tells of an empty plan", async () => {
    await using node = await prepareTrain();
    expect(await said(node, "plan")).toContain("Nothing is queued.");
    expect(await plan(node)).toEqual({
      running: { name: "genesis", version: "1.2.0" },
      run: null,
      asOf: null,
      stale: false,
      holds: [],
      pin: null,
      skipped: [],
      queued: [],
    });
  });

  test("shows in words all that keeps an upgrade", async () => {
    await using node = await prepareTrain();
    await said(node, "upgrade", "1.3.0", "--at", "2199-01-01T00:00:00Z");
    await said(node, "skip", tagOf("1.4.0"));
    await said(node, "hold", "--until", "2198-01-01T00:00:00Z");
    const text = await said(node, "plan");
    for (const fact of [
      /^Held: +until 2198/m,
      /^Skipped: +nym/m,
      /due 2199.*\n?.*person/,
      /not\s+downloaded/,
      /nymvisor run/,
    ]) {
      expect(text).toMatch(fact);
    }
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test.skipIf(!canBeForbidden)("is for everyone who may read, and needs nobody and no lock", async () => {
    await using node = await prepareTrain();
    await said(node, "upgrade", "1.3.0", "--at", "2199-01-01T00:00:00Z");
    node.github.close();
    giveAway(node.home);
    const before = stateOf(node.home);
    const somebody = await asSomebody(node.home);
    const readOnly = ["sh", "-c", 'chmod -R a-w "$1" && shift && exec "$@"', "sh", node.data];
    const surroundings = { ...somebody, through: [...(somebody.through ?? []), ...readOnly] };
    const ended = await nymvisor(node.home, ["plan", "-o", "json"], surroundings);
    expect(JSON.parse(expectSuccess(ended)).queued).toHaveLength(1);
    expect(Object.keys(stateOf(node.home))).toEqual(Object.keys(before));
  });
});
