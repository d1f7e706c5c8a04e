import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { waitFor } from "../support/wait.ts";
import type { GithubNode } from "./support/github-node.ts";
import {
  ageList,
  before,
  decided,
  entryOf,
  linesOf,
  listPath,
  prepareTrain,
  publish,
  tagOf,
} from "./support/github-train.ts";
import { readJson } from "./support/instance.ts";

const HOUR = 3_600_000;
const TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";

const lastAsked = (node: GithubNode): Readonly<Record<string, string>> => {
  return node.github.questions.at(-1)?.request.headers ?? {};
};
const asked = (node: GithubNode, count: number) =>
  waitFor(`question ${count}`, () => node.github.questions.length >= count);

describe("the list of releases", () => {
  const HOURLY = { NYMVISOR_UPSTREAM_POLLING_RATE: "1h", NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h" };

  test("is kept: a start within the polling rate asks nothing, and a later one only for what has changed", async () => {
    await using node = await prepareTrain(HOURLY);
    const release = publish(node, "1.1.0", { published: before(HOUR / 2) });
    const start = async () => {
      await using run = await node.run();
      await entryOf(node, release.tag);
      await run.waitForLog(/due/);
      // A person who wants to know now is answered from what was said within the last minute.
      run.signal("SIGHUP");
      await run.waitForLog(/SIGHUP received/);
      await run.stop();
    };
    await start();
    await start();
    await start();
    expect(node.github.questions.map(({ status }) => status)).toEqual([200]);
    ageList(node, 2 * HOUR);
    await start();
    expect(node.github.questions.map(({ status }) => status)).toEqual([200, 304]);
    // Its hashes.json is got with the list, and the list is kept after that.
    publish(node, "1.2.0", { published: before(HOUR / 4) });
    ageList(node, 2 * HOUR);
    await using run = await node.run();
    await waitFor("it in the list", () => readFileSync(listPath(node), "utf8").includes(tagOf("1.2.0")));
    await run.stop();
    await start();
    expect(node.github.questions.map(({ status }) => status)).toEqual([200, 304, 200]);
    expect(lastAsked(node)["user-agent"]).toStartWith("nymvisor");
    // Each hashes.json once, by way of a redirect.
    expect(node.github.downloads.filter(({ target }) => target.includes("hashes.json"))).toHaveLength(6);
  });

  test("that is kept and cannot be read is set aside, and asked for anew", async () => {
    await using node = await prepareTrain(HOURLY);
    const release = publish(node, "1.1.0", { published: before(HOUR / 2) });
    writeFileSync(listPath(node), '{"format": 1, "of": ');
    await using run = await node.run();
    await run.waitForLog(/release-list\.json cannot be used and is kept as/);
    await entryOf(node, release.tag);
    await node.events.wait("started");
  });

  test("of another repository is not used, though it was asked for a moment ago", async () => {
    await using node = await prepareTrain(HOURLY);
    const release = publish(node, "1.1.0", { published: before(HOUR / 2) });
    await using run = await node.run();
    await entryOf(node, release.tag);
    await run.stop();
    await using again = await node.run({ NYMVISOR_GITHUB_TAG_PREFIX: "nym-binaries-v2025.1" });
    await again.waitForLog(/leaves the plan: its source no longer has it/);
    expect(node.github.questions).toHaveLength(2);
  });

  test("of a repository that was renamed is found", async () => {
    await using node = await prepareTrain();
    node.github.formerName = "nymtech/old";
    publish(node, "1.1.0");
    await using run = await node.run({ NYMVISOR_GITHUB_REPOSITORY: "nymtech/old" });
    await run.waitForEvent("started", { version: "1.1.0" });
  });
});

describe("a wait that GitHub asks for", () => {
  const SOON_STALE = { NYMVISOR_UPSTREAM_STALE_AFTER: "1s" };

  test("is kept to, also after a restart, and said once", async () => {
    await using node = await prepareTrain({ ...SOON_STALE, NYMVISOR_POLICY_MINIMUM_RELEASE_AGE: "1h" });
    const release = publish(node, "1.1.0", { published: before(HOUR / 2) });
    await using run = await node.run();
    await entryOf(node, release.tag);
    node.github.retryAfter = "3600";
    await run.waitForLog(/GitHub is not asked .*before/);
    const count = node.github.questions.length;
    expect(node.github.questions.at(-1)?.status).toBe(429);
    const { askedAt, waitUntil } = readJson<{ askedAt: string; waitUntil: string }>(listPath(node));
    expect(Date.parse(waitUntil) - Date.parse(askedAt)).toBe(HOUR);
    // Many polls later.
    await run.waitForLog(/stale/);
    await run.stop();
    node.github.retryAfter = null;
    await using again = await node.run();
    await again.waitForLog(/GitHub is not asked .*before/);
    await again.stop();
    expect(node.github.questions).toHaveLength(count);
    expect(linesOf(run, /GitHub is not asked/)).toHaveLength(1);
    expect(linesOf(run, /answers again/)).toEqual([]);
    expect(linesOf(again, /GitHub is not asked/)).toHaveLength(1);
    expect(node.queue()).toEqual([release.tag]);
  });

  test("because no question is left is kept to, and what was answered is followed meanwhile", async () => {
    await using node = await prepareTrain();
    node.github.limit = { remaining: 1, reset: Math.ceil(Date.now() / 1000) + 3 };
    const release = publish(node, "1.1.0");
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
    await run.waitForLog(/GitHub is not asked before/);
    expect(node.github.questions).toHaveLength(1);
    expect(node.performed()).toEqual([release.tag]);
    const { reset } = node.github.limit;
    node.github.limit = null;
    await asked(node, 2);
    expect(Date.now()).toBeGreaterThanOrEqual(reset * 1000);
    expect(linesOf(run, /GitHub is not asked/)).toHaveLength(1);
  });

  test("for longer than a day ends after a day", async () => {
    await using node = await prepareTrain(SOON_STALE);
    node.github.retryAfter = "31536000";
    await using run = await node.run();
    await run.waitForLog(/GitHub is not asked .*before/);
    const { askedAt, waitUntil } = readJson<{ askedAt: string; waitUntil: string }>(listPath(node));
    expect(Date.parse(waitUntil) - Date.parse(askedAt)).toBe(24 * HOUR);
    // Many polls later.
    await run.waitForLog(/stale/);
    expect(node.github.questions).toHaveLength(1);
    expect(linesOf(run, /GitHub is not asked/)).toHaveLength(1);
    expect(node.events.of("started")).toHaveLength(1);
  });
});

describe("a token", () => {
  test("goes to the API alone, and nowhere is it written, logged, printed or handed on", async () => {
    await using node = await prepareTrain();
    node.github.tokens.add(TOKEN);
    publish(node, "1.1.0");
    const secret = { NYMVISOR_GITHUB_TOKEN: TOKEN };
    await using run = await node.run({ ...secret, NYMVISOR_LOG: "debug" });
    const { env } = await run.waitForEvent("started", { version: "1.1.0" });
    expect(lastAsked(node).authorization).toBe(`Bearer ${TOKEN}`);
    for (const { headers } of node.github.downloads) expect(headers.authorization).toBeUndefined();
    expect(JSON.stringify(env)).not.toContain(TOKEN);
    expect(env?.HOME).toBe(node.home.path);
    const { stdout, stderr } = await run.stop();
    expect(stdout + stderr).not.toContain(TOKEN);
    for (const words of [["config"], ["config", "-o", "json"], ["daemon-build-info"], ["build-info"]]) {
      const printed = await node.type(words, secret);
      expect(printed.status).toBe(0);
      expect(printed.stdout + printed.stderr).not.toContain(TOKEN);
    }
    expect(await written(node)).not.toContain(TOKEN);
  });

  test("may stand in a file, and the variable wins", async () => {
    await using node = await prepareTrain();
    const path = node.home.at("token");
    writeFileSync(path, `${TOKEN}\n`);
    node.github.tokens.add(TOKEN).add("another");
    await using run = await node.run({ NYMVISOR_GITHUB_TOKEN_FILE: path });
    await asked(node, 1);
    expect(lastAsked(node).authorization).toBe(`Bearer ${TOKEN}`);
    await run.stop();
    const count = node.github.questions.length;
    await using _ = await node.run({ NYMVISOR_GITHUB_TOKEN_FILE: path, NYMVISOR_GITHUB_TOKEN: "another" });
    await asked(node, count + 1);
    expect(lastAsked(node).authorization).toBe("Bearer another");
  });

  test("that GitHub refuses is warned of once, and GitHub is asked without it from then on", async () => {
    await using node = await prepareTrain();
    publish(node, "1.1.0");
    await using run = await node.run({ NYMVISOR_GITHUB_TOKEN: "expired" });
    await run.waitForEvent("started", { version: "1.1.0" });
    await decided(node);
    const refused = node.github.questions.filter(({ status }) => status === 401);
    expect(refused).toHaveLength(1);
    expect(linesOf(run, /token is of no use/)).toHaveLength(1);
    expect(lastAsked(node).authorization).toBeUndefined();
    expect(run.stderr).not.toContain("expired");
  });

  test("whose file is missing, empty or no token is warned of once, and GitHub is asked without it", async () => {
    await using node = await prepareTrain();
    const path = node.home.at("token");
    for (const content of [undefined, "\n", "two words\n"]) {
      if (content !== undefined) writeFileSync(path, content);
      await using run = await node.run({ NYMVISOR_GITHUB_TOKEN_FILE: path });
      await run.waitForLog(/token/);
      await decided(node);
      await run.stop();
      expect(linesOf(run, /token/)).toHaveLength(1);
    }
    expect(node.github.questions.some(({ request }) => request.headers.authorization !== undefined)).toBe(false);
  });
});

/** All that lies below the home, but the binaries. */
async function written(node: GithubNode): Promise<string> {
  const files = await Array.fromAsync(
    new Bun.Glob("{.nym,node}/**/*.{json,toml,lock}").scan({ cwd: node.home.path, dot: true }),
  );
  expect(files.length).toBeGreaterThan(5);
  return files.map((name) => readFileSync(node.home.at(name), "latin1")).join("\n");
}
