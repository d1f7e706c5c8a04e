import { describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { RELEASE_STATES } from "../../src/model/releases.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import type { GithubNode } from "./support/github-node.ts";
import { prepareTrain, releaseOf, tagOf } from "./support/github-orders.ts";
import { stateOf } from "./support/tree.ts";

interface Candidate {
  name: string;
  version: string | null;
  publishedAt: string | null;
  state: string;
  why: string;
  at: string | null;
}

interface Report {
  source: string;
  asOf: string;
  stale: boolean;
  running: { name: string; version: string; release: string | null; by: string | null };
  candidates: Candidate[];
}

async function report(node: GithubNode, variables: Record<string, string> = {}): Promise<Report> {
  return JSON.parse(expectSuccess(await node.type(["check", "-o", "json"], variables)));
}

const states = ({ candidates }: Report) => candidates.map(({ version, state }) => [version, state]);

/** So that it is asked anew, though a minute has not passed. */
const forget = (node: GithubNode) => rmSync(join(node.data, "release-list.json"));

describe("check", () => {
  test("says of each release what becomes of it, newest first, and changes nothing but the list it keeps", async () => {
    await using node = await prepareTrain();
    const before = stateOf(node.home);
    const told = await report(node);
    expect(states(told)).toEqual([
      ["1.4.0", "chosen"],
      ["1.3.0", "superseded"],
      ["1.2.0", "running"],
      ["1.1.0", "older"],
    ]);
    expect(told).toMatchObject({
      source: "github",
      stale: false,
      running: { name: "genesis", version: "1.2.0", release: tagOf("1.2.0"), by: "bytes" },
    });
    for (const { state, why, publishedAt, at } of told.candidates) {
      expect(RELEASE_STATES).toContain(state as never);
      expect(why).not.toBe("");
      expect(publishedAt).toMatch(/Z$/);
      if (at !== null) expect(at).toMatch(/Z$/);
    }
    const { ".nym/nymvisors/data/nym-node/release-list.json": list, ...after } = stateOf(node.home);
    expect(list).toBeDefined();
    expect(after).toEqual(before);
  });

  test("asks at most once a minute, and says how old the answer is", async () => {
    await using node = await prepareTrain();
    const first = await report(node);
    const text = expectSuccess(await node.type(["check"]));
    expect(text).toContain(first.asOf);
    expect(text).toMatch(/Asked: +github; its answer is of .*(ago|just now)/);
    expect((await report(node)).asOf).toBe(first.asOf);
    expect(node.github.questions).toHaveLength(1);
  });

  test("ends with 100 where it is asked to and there is something to take, and else with 0", async () => {
    await using node = await prepareTrain();
    expect((await node.type(["check", "--exit-code"])).status).toBe(100);
    expect((await node.type(["check"])).status).toBe(0);
    expect((await node.type(["hold"])).status).toBe(0);
    const held = await node.type(["check", "--exit-code"]);
    expect(held.status).toBe(0);
    expect(held.stdout).toMatch(/^Held: +until it is lifted, by nymvisor hold \(nymvisor resume\)$/m);
    await node.type(["resume"]);
    await node.type(["pin", "1.2.0"]);
    expect((await node.type(["check", "--exit-code"])).status).toBe(0);
  });

  test("names the time of a release that is too young", async () => {
    await using node = await prepareTrain({ NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "15days" });
    const told = await report(node);
    const [young, next] = told.candidates;
    expect(next).toMatchObject({ version: "1.3.0", state: "chosen" });
    expect(young).toMatchObject({ version: "1.4.0", state: "too-young" });
    expect(Date.parse(young?.at ?? "") - Date.now()).toBeWithin(4.9 * 86_400_000, 5.1 * 86_400_000);
  });

  test("fails where nobody answers, again and again, and says what was known", async () => {
    await using node = await prepareTrain();
    node.github.retryAfter = "60";
    expectFailure(await node.type(["check"]), 1, "no source of releases has given an answer", "github:");
    node.github.retryAfter = null;
    forget(node);
    await report(node);
    node.github.close();
    const variables = { NYMVISOR_GITHUB_API_URL: "http://127.0.0.1:1" };
    expectFailure(await node.type(["check"], variables), 1, "github:", "127.0.0.1:1");
    expectFailure(await node.type(["check", "--exit-code"], variables), 1);
  });

  test("in auto asks Nym first, and GitHub where that gives no answer", async () => {
    await using node = await prepareTrain({ NYMVISOR_UPSTREAM_SOURCE: "auto" });
    // The daemon's own address would be an own source; the usual one cannot be reached from here.
    const ended = await node.type(["check", "-o", "json"], {
      HTTPS_PROXY: "http://127.0.0.1:1",
      NO_PROXY: "127.0.0.1",
    });
    expect(ended.status).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ source: "github" });
    expect(ended.stderr).toMatch(/nym.*127\.0\.0\.1:1|nymtech/);
  });

  test("tells why nothing is taken where what runs cannot be told", async () => {
    await using node = await prepareTrain();
    node.github.releases = [releaseOf(node.home, "3.0.0")];
    const told = await report(node);
    expect(told.running).toMatchObject({ release: null, why: expect.stringContaining("what runs (1.2.0)") });
    expect(states(told)).toEqual([["3.0.0", "not-replaced"]]);
  });
});
