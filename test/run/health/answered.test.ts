import { afterEach, beforeEach, expect, test } from "bun:test";
import type { HealthCheck } from "../../../src/model/health.ts";
import { answeredChecks } from "../../../src/run/health/answered.ts";
import { type ReleaseServer, startReleaseServer } from "../../support/release-server.ts";
import { answerWith, neverAnswer } from "../../support/responders.ts";
import { sampleBuildInfo } from "../../support/sample-daemon.ts";

const RUNNING = sampleBuildInfo({ version: "1.2.3" });
const never = new AbortController().signal;

let server: ReleaseServer;

beforeEach(async () => {
  server = await startReleaseServer();
});

afterEach(() => server.close());

function checks(): HealthCheck[] {
  return [
    { kind: "url", url: `${server.url}/health` },
    { kind: "uptime", url: `${server.url}/health` },
    { kind: "version", url: `${server.url}/build` },
    { kind: "port", host: "127.0.0.1", port: Number(new URL(server.url).port) },
  ];
}

test("what the running version answers is asked of the next one", async () => {
  server.serve("/health", answerWith(200, '{"status":"up","uptime":7}'));
  server.serve("/build", answerWith(200, JSON.stringify(RUNNING)));
  expect(await answeredChecks(checks(), RUNNING, never)).toEqual(checks());
});

test("what it does not answer is not, and the rest is", async () => {
  server.serve("/health", answerWith(200, "fine"));
  server.serve("/build", answerWith(200, JSON.stringify({ ...RUNNING, build_version: "0.9.0" })));
  const [url, , , port] = checks();
  expect(await answeredChecks(checks(), RUNNING, never)).toEqual([url, port] as HealthCheck[]);
});

test("nothing is asked of the next one where nobody listens", async () => {
  const found = checks();
  server.close();
  expect(await answeredChecks(found, RUNNING, never)).toEqual([]);
  expect(await answeredChecks([], RUNNING, never)).toEqual([]);
});

test("it ends with the signal's reason when it is called off", async () => {
  server.serve("/health", neverAnswer);
  const controller = new AbortController();
  const asking = answeredChecks(checks(), RUNNING, controller.signal);
  await server.nextRequest("/health");
  const reason = new Error("enough");
  controller.abort(reason);
  expect(await asking.catch((error: unknown) => error)).toBe(reason);
});
