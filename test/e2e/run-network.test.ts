import { describe, expect, test } from "bun:test";
import { type Responder, startReleaseServer } from "../support/release-server.ts";
import {
  answerDripping,
  answerEndlessly,
  answerGzipBomb,
  answerRaw,
  answerWith,
  neverAnswer,
  neverEndHeader,
  redirectTo,
} from "../support/responders.ts";
import { waitFor } from "../support/wait.ts";
import { nextYear, prepareNode } from "./support/prepared-node.ts";

const INFO = "/nym-node/upgrade-info.json";
const OFTEN = { NYMVISOR_UPSTREAM_POLLING_RATE: "50ms" };

describe("a source that answers", () => {
  const long = JSON.stringify({ name: "1.1.0", version: "1.1.0", notes: "x".repeat(1 << 20) });
  const cases: [string, Responder, RegExp][] = [
    ["404", answerWith(404), /it is not there \(404\)/],
    ["500", answerWith(500), /the server is in trouble \(500\)/],
    ["429", answerWith(429), /asked too often/],
    ["a web page", answerWith(200, "<html><body>parked</body></html>"), /it is a web page/],
    ["nothing", answerWith(200, ""), /the answer is empty/],
    ["text", answerWith(200, "soon"), /it is not JSON/],
    ["half an object", answerWith(200, '{"name": "1.1.0",'), /it is not JSON/],
    ["a list", answerWith(200, "[]"), /is not the announcement of an upgrade/],
    ["an object without a name", answerWith(200, '{"version": "1.1.0"}'), /is not the announcement.*name/],
    ["no HTTP", answerRaw("220 mail ready\r\n\r\n"), /does not speak HTTP|connection failed/],
    ["an end before an answer", answerRaw(""), /closed too early/],
    ["a redirect to itself", redirectTo(INFO), /redirected more than 5 times/],
    ["a redirect to nowhere", answerRaw("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), /without an address/],
    ["a redirect to another protocol", redirectTo("ftp://127.0.0.1/x"), /neither https nor http/],
    ["more than 1 MiB", answerWith(200, long), /longer than 1\.0 MiB/],
    ["without an end", answerEndlessly({ type: "application/json" }), /longer than 1\.0 MiB/],
    ["a gzip bomb", answerGzipBomb(64 << 20), /longer than 1\.0 MiB/],
  ];
  for (const [what, respond, reason] of cases) {
    test(`${what}: is logged and asked again, and the node runs on and hears of the next release`, async () => {
      await using node = await prepareNode({ settings: OFTEN });
      node.server.serve(INFO, respond);
      await using run = await node.run();
      expect(await run.waitForLog(/no answer about releases/)).toMatch(reason);
      const before = node.server.requests.length;
      await waitFor("another poll", () => node.server.requests.length > before);
      node.release("1.1.0", { due: nextYear() });
      await run.waitForLog(/answers again/);
      await run.waitForLog(/1\.1\.0 is staged/);
      expect(node.events.of("started")).toHaveLength(1);
      expect(node.events.of("signal")).toEqual([]);
    });
  }

  test("a few redirects is followed, also relative ones", async () => {
    await using node = await prepareNode();
    const announced = node.publish("1.1.0", { due: nextYear() });
    node.server.serve(INFO, redirectTo("/a"));
    node.server.serve("/a", redirectTo("b/c", 301));
    node.server.serve("/b/c", redirectTo(`${node.server.url}/d`, 307));
    node.server.serve("/d", answerWith(200, JSON.stringify(announced)));
    await using run = await node.run();
    await run.waitForLog(/1\.1\.0 is staged/);
  });

  test("not at all, since nothing listens there: is asked again until it does", async () => {
    await using node = await prepareNode({ settings: OFTEN });
    const elsewhere = await startReleaseServer();
    const variables = { NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: elsewhere.url };
    elsewhere.close();
    await using run = await node.run(["run"], { variables });
    expect(await run.waitForLog(/no answer about releases/)).toContain("refused");
    await node.oneRuns();
  });
});

describe("a source that never comes to an end holds up neither the node nor its stop:", () => {
  test.each([
    ["it says nothing", neverAnswer],
    ["it never ends its header", neverEndHeader],
    ["it sends a byte now and then", answerDripping(20)],
  ])("%s", async (_, respond) => {
    await using node = await prepareNode();
    node.server.serve(INFO, respond);
    await using run = await node.run();
    await node.server.nextRequest(INFO);
    await run.waitForEvent("started");
    expect((await run.stop(5_000)).status).toBe(0);
  });
});
