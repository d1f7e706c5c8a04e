import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { testCertificate } from "../support/certificate.ts";
import { startForwardProxy } from "../support/forward-proxy.ts";
import { type ReleaseServer, type Responder, startReleaseServer } from "../support/release-server.ts";
import { answerEndlessly, answerWith, redirectTo } from "../support/responders.ts";
import { nymvisor } from "./support/nymvisor.ts";
import { nextYear, type PreparedNode, prepareNode } from "./support/prepared-node.ts";

const INFO = "/nym-node/upgrade-info.json";

async function startSecureServer(): Promise<ReleaseServer & AsyncDisposable> {
  const server = await startReleaseServer({ certificate: testCertificate });
  return Object.assign(server, { [Symbol.asyncDispose]: async () => server.close() });
}

/** Variables that make nymvisor ask that server, and trust its certificate. */
function trusting(server: ReleaseServer, node: PreparedNode): Record<string, string> {
  const authority = node.home.at("authority.pem");
  writeFileSync(authority, testCertificate.cert);
  return { NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: server.url, NODE_EXTRA_CA_CERTS: authority };
}

describe("what is asked", () => {
  test("says who asks, with the version, for announcements and binaries", async () => {
    await using node = await prepareNode();
    const version = (await nymvisor(node.home, ["-V"])).stdout.trim().split(" ").at(-1);
    node.release("1.1.0", { due: nextYear() });
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
    const names = node.server.requests.map(({ headers }) => headers["user-agent"]);
    expect(names.length).toBeGreaterThan(1);
    expect(new Set(names)).toEqual(new Set([`nymvisor/${version}`]));
    expect(new Set(node.server.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
  });

  test.each([
    ["a base without a slash at its end", "/x", `/x${INFO}`],
    ["a base with a slash at its end", "/x/", `/x${INFO}`],
    ["a base with a query", "/x?key=1", `/x${INFO}?key=1`],
  ])("is <base>/<daemon>/upgrade-info.json: %s", async (_, base, asked) => {
    await using node = await prepareNode();
    await using run = await node.run(["run"], {
      variables: { NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: `${node.server.url}${base}` },
    });
    await run.waitForLog(/no answer about releases/);
    expect(node.server.requests.map(({ target }) => target)).toEqual([asked]);
  });

  test("is the absolute address, where there is one", async () => {
    await using node = await prepareNode();
    const announced = node.publish("1.1.0", { due: nextYear() });
    node.server.serve("/mine.json", answerWith(200, JSON.stringify(announced)));
    const variables = { DAEMON_ABSOLUTE_UPSTREAM_UPGRADE_URL: `${node.server.url}/mine.json` };
    await using run = await node.run(["run"], { variables });
    await run.waitForLog(/1\.1\.0 is staged/);
    expect(node.server.requests.map(({ path }) => path)).not.toContain(INFO);
  });

  test("goes through the proxy of http_proxy, but for the hosts of no_proxy", async () => {
    await using node = await prepareNode();
    const proxy = startForwardProxy();
    try {
      node.release("1.1.0", { due: nextYear() });
      {
        await using run = await node.run(["run"], { variables: { http_proxy: proxy.url } });
        await run.waitForLog(/1\.1\.0 is staged/);
        expect(proxy.asked).toHaveLength(2);
        expect(proxy.asked[0]).toBe(`GET ${node.server.url}${INFO}`);
        await run.stop();
      }
      const variables = { http_proxy: proxy.url, no_proxy: "127.0.0.1", NYMVISOR_LOG: "debug" };
      await using run = await node.run(["run"], { variables });
      await run.waitForLog(/nothing new/);
      expect(proxy.asked).toHaveLength(2);
    } finally {
      proxy.close();
    }
  });

  test("comes at once and then at the polling rate, give or take a tenth", async () => {
    await using node = await prepareNode({ settings: { NYMVISOR_UPSTREAM_POLLING_RATE: "300ms" } });
    await using _run = await node.run();
    await node.server.nextRequest(INFO);
    const first = performance.now();
    await node.server.nextRequest(INFO);
    await node.server.nextRequest(INFO);
    expect(performance.now() - first).toBeGreaterThan(2 * 270 - 20);
  });
});

describe("an https source", () => {
  test("that is trusted is used, for the announcement and for the binary", async () => {
    await using node = await prepareNode();
    await using server = await startSecureServer();
    const announced = node.publish("1.1.0", { due: nextYear() });
    const { pathname } = new URL(announced.platforms.any?.url ?? "");
    server.serveFile(pathname, await (await fetch(`${node.server.url}${pathname}`)).bytes());
    const any = { ...announced.platforms.any, url: `${server.url}${pathname}` };
    server.announce("nym-node", { ...announced, platforms: { any } });
    await using run = await node.run(["run"], { variables: trusting(server, node) });
    await run.waitForLog(/1\.1\.0 is staged/);
  });

  test("may name no binary over plain http", async () => {
    await using node = await prepareNode();
    await using server = await startSecureServer();
    server.announce("nym-node", node.publish("1.1.0"));
    await using run = await node.run(["run"], { variables: trusting(server, node) });
    expect(await run.waitForLog(/could not be staged/)).toMatch(/plain http/);
    expect(node.downloads()).toEqual([]);
    expect(node.events.of("signal")).toEqual([]);
  });

  test("may not redirect to plain http", async () => {
    await using node = await prepareNode();
    await using server = await startSecureServer();
    server.serve(INFO, redirectTo(`${node.server.url}${INFO}`));
    await using run = await node.run(["run"], { variables: trusting(server, node) });
    expect(await run.waitForLog(/no answer about releases/)).toMatch(/redirected to.*plain http/);
    expect(node.server.requests).toEqual([]);
  });

  test("whose certificate nobody signed is refused, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
    await using node = await prepareNode();
    await using server = await startSecureServer();
    server.announce("nym-node", node.publish("1.1.0"));
    const variables = { NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: server.url, NODE_TLS_REJECT_UNAUTHORIZED: "0" };
    await using run = await node.run(["run"], { variables });
    expect(await run.waitForLog(/no answer about releases/)).toMatch(/signed by itself|unknown authority/);
    expect(server.requests).toEqual([]);
  });
});

describe("a binary's server that", () => {
  const cases: [string, Responder, RegExp][] = [
    ["answers with a web page of the right status", answerWith(200, "<html>login</html>"), /not what was announced/],
    ["sends nothing", answerWith(200, ""), /it is empty/],
    ["denies access", answerWith(403), /denies access to it \(403\)/],
    ["announces three gigabytes", answerEndlessly({ length: 3 * 1024 ** 3 }), /longer than 2\.0 GiB/],
  ];
  for (const [what, respond, reason] of cases) {
    test(`${what}: the reason is said, the node runs on, and what is mended is staged`, async () => {
      await using node = await prepareNode();
      const announced = node.publish("1.1.0", { due: nextYear() });
      const good = node.publish("1.1.0", { due: nextYear() });
      const { pathname } = new URL(announced.platforms.any?.url ?? "");
      node.server.serve(pathname, respond);
      node.announce(announced);
      await using run = await node.run();
      expect(await run.waitForLog(/could not be staged/)).toMatch(reason);
      node.server.serve(pathname, redirectTo(new URL(good.platforms.any?.url ?? "").pathname));
      await run.waitForLog(/1\.1\.0 is staged/);
      expect(node.events.of("signal")).toEqual([]);
    });
  }
});
