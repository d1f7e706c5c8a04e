import { describe, expect, test } from "bun:test";
import { startForwardProxy } from "../support/forward-proxy.ts";
import { answerWith } from "../support/responders.ts";
import { waitFor } from "../support/wait.ts";
import { decided, linesOf, prepareTrain, publish, tagOf } from "./support/github-train.ts";
import { prepareNode } from "./support/prepared-node.ts";

/** Whoever is asked for anything outside of this machine is asked through a proxy that refuses. */
function closedWorld() {
  const proxy = startForwardProxy({ status: 502 });
  const variables = { https_proxy: proxy.url, http_proxy: proxy.url, no_proxy: "127.0.0.1" };
  return { proxy, variables, [Symbol.dispose]: () => proxy.close() };
}

describe("without a word about the source", () => {
  test("Nym's endpoint is asked first, each time, and GitHub because that does not answer", async () => {
    using world = closedWorld();
    await using node = await prepareTrain({ NYMVISOR_UPSTREAM_SOURCE: "" });
    publish(node, "1.1.0");
    node.github.answerPage = () => {
      node.github.answerPage = null;
      expect(world.proxy.asked).toEqual(["CONNECT nymtech.net:443"]);
      return undefined;
    };
    await using run = await node.run(world.variables);
    await run.waitForEvent("started", { version: "1.1.0" });
    await decided(node);
    expect(node.performed()).toEqual([tagOf("1.1.0")]);
    expect(world.proxy.asked.length).toBeGreaterThan(2);
    expect(linesOf(run, /nym tells of no releases, another source does/)).toHaveLength(1);
    expect(linesOf(run, /no answer about releases/)).toEqual([]);
  });

  test("GitHub is not asked by a node with a source of its own", async () => {
    await using node = await prepareTrain({ NYMVISOR_UPSTREAM_SOURCE: "" });
    await using other = await prepareNode();
    publish(node, "1.1.0");
    await using run = await node.run({ NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: other.server.url });
    await other.server.nextRequest("/nym-node/upgrade-info.json");
    await other.server.nextRequest("/nym-node/upgrade-info.json");
    await run.stop();
    expect(node.github.questions).toEqual([]);
  });

  test("both that say nothing are told of, and that what is known is stale, once", async () => {
    using world = closedWorld();
    await using node = await prepareTrain({ NYMVISOR_UPSTREAM_SOURCE: "", NYMVISOR_UPSTREAM_STALE_AFTER: "1s" });
    node.github.answerPage = () => answerWith(500);
    await using run = await node.run(world.variables);
    await run.waitForLog(/stale/);
    const count = node.github.questions.length;
    await waitFor("more questions", () => node.github.questions.length > count + 3);
    expect(linesOf(run, /stale/)).toHaveLength(1);
    expect(linesOf(run, /no answer about releases from nym/)).toHaveLength(1);
    expect(linesOf(run, /no answer about releases from github/)).toHaveLength(1);
    node.github.answerPage = null;
    await run.waitForLog(/github answers again/);
    // And again, when it happens again.
    const after = run.mark;
    node.github.answerPage = () => answerWith(500);
    await run.waitForLog(/stale/, { after });
    expect(node.events.of("started")).toHaveLength(1);
  });
});

describe("of the sources", () => {
  test("github is asked alone where that is said", async () => {
    using world = closedWorld();
    await using node = await prepareTrain();
    publish(node, "1.1.0");
    await using run = await node.run(world.variables);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(world.proxy.asked).toEqual([]);
  });

  test("nym is asked alone where that is said, and what GitHub has put into the plan stays as it is", async () => {
    using world = closedWorld();
    await using node = await prepareTrain({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "10h" });
    const { tag } = publish(node, "1.1.0");
    await using run = await node.run();
    await run.waitForLog(new RegExp(`${tag} .*in the plan`));
    await run.stop();
    const before = node.plan();
    node.github.releases.pop();
    const count = node.github.questions.length;
    await using again = await node.run({ ...world.variables, NYMVISOR_UPSTREAM_SOURCE: "nym" });
    await again.waitForLog(/no answer about releases from nym/);
    await waitFor("a second poll", () => world.proxy.asked.length > 1);
    expect(node.github.questions).toHaveLength(count);
    expect(node.plan()).toEqual(before);
  });
});

test("a node that runs what is no release is left as it is, and it is said why", async () => {
  await using node = await prepareTrain();
  node.github.releases = [];
  publish(node, "1.1.0");
  publish(node, "1.2.0");
  await using run = await node.run();
  await run.waitForLog(/none is taken by itself: what runs \(1\.0\.0\) has neither the bytes/);
  await decided(node);
  expect(node.queue()).toEqual([]);
  expect(linesOf(run, /none is taken by itself/)).toHaveLength(1);
  expect(node.github.downloads.filter(({ path }) => path.endsWith("/nym-node"))).toEqual([]);
});
