import { describe, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../support/github-model.ts";
import { waitFor } from "../support/wait.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import type { GithubNode } from "./support/github-node.ts";
import { prepareTrain, releaseOf, tagOf } from "./support/github-orders.ts";
import { nextBinary, readJson } from "./support/instance.ts";
import { nymvisor } from "./support/nymvisor.ts";
import { stateOf } from "./support/tree.ts";

const FAR = "2199-01-01T00:00:00Z";

const said = async (node: GithubNode, ...words: string[]) => {
  const ended = await node.type(words);
  expect(ended).toMatchObject({ status: 0 });
  return ended.stdout;
};
const operator = (node: GithubNode) =>
  readJson<{ pin: { release: string } | null; orders: { name: string }[] }>(join(node.data, "operator.json"));

/** Nothing would be taken by itself. */
const CAUTIOUS = {
  NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1year",
  NYMVISOR_POLICY_SPREAD: "1year",
  NYMVISOR_POLICY_WINDOW: "Mon 00:00-00:01",
};

describe("upgrade", () => {
  test("takes the newest release at once on a running node, whatever age, spread and window say", async () => {
    await using node = await prepareTrain(CAUTIOUS);
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.2.0" });
    const text = await said(node, "upgrade");
    expect(text.replaceAll("\n", " ")).toContain(`(pid ${run.pid})`);
    expect(text).toMatch(/To undo, until then: nymvisor skip/);
    await run.waitForEvent("started", { version: "1.4.0" });
    expect(node.performed()).toEqual([tagOf("1.4.0")]);
  });

  test("takes a release that the running nymvisor has not heard of yet", async () => {
    await using node = await prepareTrain(CAUTIOUS);
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.2.0" });
    await node.github.nextQuestion();
    await waitFor("the list to be kept", () => existsSync(join(node.data, "release-list.json")));
    // So that it is asked anew, though a minute has not passed.
    rmSync(join(node.data, "release-list.json"));
    node.github.releases.push(releaseOf(node.home, "1.5.0", { age: 0 }));
    await said(node, "upgrade", "1.5.0");
    await run.waitForEvent("started", { version: "1.5.0" });
    expect(run.stderr).not.toContain("leaves the plan");
  });

  test("takes what is skipped, pinned away or a prerelease, if it is asked for", async () => {
    await using node = await prepareTrain();
    const [newest] = node.github.releases.slice(-1);
    if (newest !== undefined) newest.prerelease = true;
    await said(node, "check");
    await said(node, "pin", "1.2.0");
    await said(node, "skip", tagOf("1.4.0"));
    expect(await said(node, "upgrade", "1.4.0")).toContain("overrides this");
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.4.0" });
  });

  test("waits for run where none is there, and for its time", async () => {
    await using node = await prepareTrain();
    const text = await said(node, "upgrade", tagOf("1.3.0"), "--at", FAR);
    expect(text).toMatch(/No nymvisor runs this instance/);
    expect(node.plan().queuedUp).toMatchObject([{ name: tagOf("1.3.0"), upgradeTime: FAR }]);
    await using run = await node.run();
    await run.waitForLog(/1\.3\.0\) is staged/);
    // What the policy chooses goes its own way, and leaves no step back behind it.
    await run.waitForEvent("started", { version: "1.4.0" });
    await run.waitForLog(/1\.3\.0.*lower|cheese leaves the plan|no longer in the plan/);
    expect(node.current()).toBe(`upgrades/${tagOf("1.4.0")}`);
  });

  test("of what is queued moves its time", async () => {
    await using node = await prepareTrain();
    await said(node, "upgrade", "1.4.0", "--at", FAR);
    await said(node, "upgrade", tagOf("1.4.0"), "--at", "2198-01-01T00:00:00Z");
    expect(node.plan().queuedUp).toMatchObject([{ name: tagOf("1.4.0"), upgradeTime: "2198-01-01T00:00:00Z" }]);
    expect(operator(node).orders).toHaveLength(1);
    const binary = nextBinary(node.home, "1.9.0");
    await nymvisor(node.home, ["add-upgrade", "--upgrade-name", "mine", "--upgrade-time", FAR, binary]);
    await said(node, "upgrade", "mine", "--at", "2197-01-01T00:00:00Z");
    expect(node.queue()).toEqual(["mine", tagOf("1.4.0")]);
  });

  test("never overrides a hold", async () => {
    await using node = await prepareTrain();
    await said(node, "hold");
    const before = stateOf(node.home);
    expectFailure(await node.type(["upgrade"]), 1, "held", "try: nymvisor resume");
    expectFailure(await node.type(["upgrade", "1.4.0", "--at", FAR]), 1, "nymvisor resume");
    expect(stateOf(node.home)).toEqual(before);
  });

  test("never overrides a checksum that is missing", async () => {
    await using node = await prepareTrain();
    const bare = releaseOf(node.home, "1.5.0", { silent: true });
    for (const asset of bare.assets) asset.digest = null;
    node.github.releases.push(bare);
    expectFailure(await node.type(["upgrade", bare.tag]), 1, "checksum");
    expect(node.queue()).toEqual([]);
    expect(await said(node, "upgrade")).toContain(tagOf("1.4.0"));
  });

  test("goes back only where it is allowed to, pins then, and says how to undo it", async () => {
    await using node = await prepareTrain(CAUTIOUS);
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.2.0" });
    expectFailure(await node.type(["upgrade", "1.1.0"]), 1, "comes before", "--allow-downgrade");
    const text = await said(node, "upgrade", "1.1.0", "--allow-downgrade");
    expect(text).toContain(`nymvisor upgrade ${tagOf("1.2.0")} && nymvisor unpin`);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(operator(node).pin?.release).toBe(tagOf("1.1.0"));
    await said(node, "upgrade", tagOf("1.2.0"));
    await run.waitForEvent("started", { version: "1.2.0", count: 2 });
  });

  test("asks the binary for a version that nothing else tells, and no older one in vain", async () => {
    await using node = await prepareTrain(CAUTIOUS);
    node.github.releases.push(
      releaseOf(node.home, "1.5.0", { silent: true, age: 3_600_000 }),
      releaseOf(node.home, "1.0.0", { silent: true, age: 100 * 86_400_000 }),
    );
    expectFailure(await node.type(["upgrade", tagOf("1.0.0")]), 1, "published", "--allow-downgrade");
    expect(node.github.downloads.filter(({ path }) => path.includes(tagOf("1.0.0")))).toEqual([]);
    expect(await said(node, "upgrade", "--at", FAR)).toContain("(1.5.0)");
    expect(node.plan().queuedUp).toMatchObject([{ name: tagOf("1.5.0"), version: "1.5.0" }]);
  });

  test("counts for the bytes that it was said of, and not for others under their name", async () => {
    await using node = await prepareTrain(CAUTIOUS);
    await said(node, "upgrade", "1.4.0", "--at", FAR);
    const changed = releaseOf(node.home, "1.4.0", { age: 0 });
    changed.assets = changed.assets.map((asset) =>
      asset.name === "nym-node" ? { ...asset, content: new TextEncoder().encode("#!/bin/false\n") } : asset,
    );
    changed.assets = changed.assets.filter(({ name }) => name === "nym-node");
    node.github.releases = [...node.github.releases.filter(({ tag }) => tag !== changed.tag), changed];
    await using run = await node.run({ NYMVISOR_UPSTREAM_POLLING_RATE: "1s" });
    await run.waitForLog(/4-cheese leaves the plan/);
    const [content] = changed.assets;
    expect(
      node
        .plan()
        .queuedUp.some(({ platforms }) =>
          JSON.stringify(platforms).includes(sha256Of(content?.content ?? new Uint8Array())),
        ),
    ).toBe(false);
    expect(node.queue()).not.toContain(tagOf("1.4.0"));
  });

  test("does not make other bytes under the name any older: they keep the time, and come of age first", async () => {
    await using node = await prepareTrain(CAUTIOUS);
    await said(node, "upgrade", "1.4.0", "--at", FAR);
    const [ordered] = node.plan().queuedUp;
    const changed = releaseOf(node.home, "1.4.0", { age: 0, commit: "another one" });
    node.github.releases = [...node.github.releases.filter(({ tag }) => tag !== changed.tag), changed];
    await using run = await node.run({ NYMVISOR_UPSTREAM_POLLING_RATE: "1s" });
    const entry = await waitFor(
      "the other bytes in the plan",
      () =>
        node
          .plan()
          .queuedUp.find((one) => !Bun.deepEquals(one.platforms, ordered?.platforms) && one.version === "1.4.0"),
      { file: node.planPath },
    );
    expect(entry).toMatchObject({ name: tagOf("1.4.0"), upgradeTime: FAR });
    const { executeFrom } = entry as { executeFrom?: string };
    expect(Date.parse(executeFrom ?? "")).toBeGreaterThan(Date.now() + 360 * 86_400_000);
    expect(run.stderr).not.toContain("1.4.0 is staged");
  });

  test("leaves the plan when its release is withdrawn", async () => {
    await using node = await prepareTrain(CAUTIOUS);
    await said(node, "upgrade", "1.4.0", "--at", FAR);
    node.github.releases = node.github.releases.filter(({ tag }) => tag !== tagOf("1.4.0"));
    await using run = await node.run({ NYMVISOR_UPSTREAM_POLLING_RATE: "1s" });
    await run.waitForLog(/4-cheese leaves the plan: its source no longer has it/);
  });

  test("has nothing to do where the newest runs, and says what it does not know", async () => {
    await using node = await prepareTrain();
    node.github.releases = node.github.releases.slice(0, 2);
    expect(await said(node, "upgrade")).toMatch(/^Nothing to do: /);
    expect(await said(node, "upgrade", "1.2.0")).toMatch(/^Nothing to do: /);
    expectFailure(await node.type(["upgrade", "nope"]), 1, "nope", "known are", "(1.1.0)");
    expect(expectSuccess(await node.type(["plan"]))).toContain("Nothing is queued.");
  });
});
