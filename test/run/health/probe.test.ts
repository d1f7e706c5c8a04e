import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { HealthCheck } from "../../../src/model/health.ts";
import { HealthProbe } from "../../../src/run/health/probe.ts";
import { startFullBacklog } from "../../support/full-backlog.ts";
import { type ReleaseServer, type Responder, startReleaseServer } from "../../support/release-server.ts";
import {
  answerDripping,
  answerEndlessly,
  answerGzipBomb,
  answerRaw,
  answerWith,
  head,
  neverAnswer,
  neverEndHeader,
  redirectTo,
} from "../../support/responders.ts";
import { sampleBuildInfo } from "../../support/sample-daemon.ts";

const EXPECTED = sampleBuildInfo({ version: "1.2.3" });
const SECOND = 1_000_000_000n;
/** Nobody waits so long when all is well. */
const PATIENT = { commandLimit: 10n * SECOND, environment: { PATH: "/usr/bin:/bin" } };
const HASTY = { ...PATIENT, limit: SECOND / 10n };

const never = new AbortController().signal;

let server: ReleaseServer;

beforeEach(async () => {
  server = await startReleaseServer();
});

afterEach(() => server.close());

function portOf({ url }: ReleaseServer): number {
  return Number(new URL(url).port);
}

/** A check of a page that the server serves. */
function page(kind: "url" | "version" | "uptime", respond: Responder): HealthCheck {
  server.serve(`/${kind}`, respond);
  return { kind, url: `${server.url}/${kind}` };
}

function json(value: unknown): Responder {
  return answerWith(200, JSON.stringify(value));
}

function look(check: HealthCheck, options = PATIENT) {
  return new HealthProbe([check], EXPECTED, options).look(never);
}

const WELL = { well: true, reasons: [] };

function unwell(...reasons: (string | RegExp)[]) {
  return { well: false, reasons: reasons.map((reason) => expect.stringMatching(reason)) };
}

test("a daemon that nothing is asked of is well", async () => {
  expect(await new HealthProbe([], EXPECTED, PATIENT).look(never)).toEqual(WELL);
});

describe("a page", () => {
  test.each([200, 204, 299])("that answers %i is well", async (status) => {
    expect(await look(page("url", answerWith(status, "ok")))).toEqual(WELL);
  });

  test.each([100, 304, 400, 401, 404, 429, 500, 503])("that answers %i is not", async (status) => {
    const { well, reasons } = await look(page("url", answerWith(status)));
    expect(well).toBe(false);
    expect(reasons).toHaveLength(1);
  });

  test("that answers 503 is said to be in trouble, with its address", async () => {
    const reason = `cannot get ${server.url}/url: the server is in trouble (503)`;
    expect(await look(page("url", answerWith(503)))).toEqual({ well: false, reasons: [reason] });
  });

  test("may be as long as it likes: nobody reads it", async () => {
    expect(await look(page("url", answerEndlessly()))).toEqual(WELL);
    expect(await look(page("url", answerDripping(1)))).toEqual(WELL);
  });

  test("that leads elsewhere is not well, and nobody follows it", async () => {
    server.serve("/elsewhere", answerWith(200, "ok"));
    expect(await look(page("url", redirectTo("/elsewhere")))).toEqual(unwell(/it is a redirect \(302\), which is not/));
    expect(server.requests.map(({ path }) => path)).toEqual(["/url"]);
  });

  test.each([
    ["never answers", neverAnswer],
    ["never ends its header", neverEndHeader],
  ])("that %s is not well, in time", async (_, respond) => {
    const reason = `${server.url}/url did not answer within 100ms`;
    expect(await look(page("url", respond), HASTY)).toEqual({ well: false, reasons: [reason] });
  });

  test.each([
    ["closes the connection at once", () => {}],
    ["speaks something else", answerRaw("SSH-2.0-OpenSSH_9.2\r\n")],
  ])("that %s is not well", async (_, respond) => {
    expect((await look(page("url", respond), HASTY)).well).toBe(false);
  });

  test("is asked for without the proxy that the environment names", async () => {
    const environment = { ...PATIENT.environment, http_proxy: "http://127.0.0.1:1/" };
    expect(await look(page("url", answerWith(200)), { ...PATIENT, environment })).toEqual(WELL);
  });
});

describe("a version", () => {
  test("that is the expected one is well, whatever else stands there", async () => {
    expect(await look(page("version", json({ ...EXPECTED, more: [1] })))).toEqual(WELL);
  });

  test("that is another is named with the one that was expected", async () => {
    const reason = `${server.url}/version names version 1.2.4, not 1.2.3`;
    expect(await look(page("version", json({ build_version: "1.2.4" })))).toEqual({ well: false, reasons: [reason] });
  });

  test("that would write on the terminal is made harmless", async () => {
    const { reasons } = await look(page("version", json({ build_version: `\u001b[2J${"9".repeat(500)}` })));
    expect(reasons[0]).toContain("names version \\u001b[2J999");
    expect(reasons[0]?.length).toBeLessThan(200);
  });

  test.each<[string, Responder, RegExp]>([
    ["a web page", answerWith(200, "<!doctype html><p>1.2.3"), /it is a web page \(HTML\) and not JSON/],
    ["no JSON", answerWith(200, "1.2.3 says"), /it is not JSON/],
    ["nothing", answerWith(200, ""), /the answer is empty/],
    ["another document", json([EXPECTED]), /answered with JSON that holds no build_version/],
    ["a number", json({ build_version: 1 }), /answered with JSON that holds no build_version/],
    ["an endless body", answerEndlessly({ type: "application/json" }), /it is longer than 64\.0 KiB/],
    ["what unfolds without end", answerGzipBomb(1 << 30), /it is longer than 64\.0 KiB/],
    [
      "the half of it",
      answerRaw(`${head(200, { "Content-Length": "500" })}{"build_version": "1.2.3"`),
      /cannot get .*\/version: /,
    ],
  ])("is not told by %s", async (_, respond, reason) => {
    expect(await look(page("version", respond))).toEqual(unwell(reason));
  });

  test("that drips in is not waited for", async () => {
    const reason = `${server.url}/version did not answer within 100ms`;
    expect(await look(page("version", answerDripping(5)), HASTY)).toEqual({ well: false, reasons: [reason] });
  });
});

describe("an uptime", () => {
  test("is well at the first look, and as long as it rises", async () => {
    const told = [1, 2, 60];
    const check = page("uptime", (exchange) => json({ status: "up", uptime: told.shift() })(exchange));
    const probe = new HealthProbe([check], EXPECTED, PATIENT);
    for (let count = 0; count < 3; count += 1) expect(await probe.look(never)).toEqual(WELL);
  });

  test("that flaps is not well when it falls, and well again when it rises from there", async () => {
    const told = [100, 3, 4, 90, 1];
    const check = page("uptime", (exchange) => json({ uptime: told.shift() })(exchange));
    const probe = new HealthProbe([check], EXPECTED, PATIENT);
    const looks = [];
    for (let count = 0; count < 5; count += 1) looks.push((await probe.look(never)).well);
    expect(looks).toEqual([true, false, true, true, false]);
  });

  test("is remembered over a look that it did not answer", async () => {
    const told: Responder[] = [json({ uptime: 100 }), answerWith(500), json({ uptime: 5 })];
    const check = page("uptime", (exchange) => told.shift()?.(exchange));
    const probe = new HealthProbe([check], EXPECTED, PATIENT);
    expect(await probe.look(never)).toEqual(WELL);
    expect(await probe.look(never)).toEqual(unwell(/in trouble \(500\)/));
    expect(await probe.look(never)).toEqual(unwell(/fell from 100 s to 5 s/));
  });

  test.each(['{"status":"up"}', '{"uptime":"7"}', '{"uptime":-1}', '{"uptime":1e999}', '{"uptime":null}', "7"])(
    "is not told by %s",
    async (body) => {
      expect(await look(page("uptime", answerWith(200, body)))).toEqual(
        unwell(/answered with JSON that holds no uptime/),
      );
    },
  );
});

describe("a port", () => {
  test("that takes a connection is well", async () => {
    expect(await look({ kind: "port", host: "127.0.0.1", port: portOf(server) })).toEqual(WELL);
    expect(await look({ kind: "port", host: "localhost", port: portOf(server) })).toEqual(WELL);
  });

  test("that nobody listens at refuses", async () => {
    const port = portOf(server);
    server.close();
    const reason = `port ${port} of 127.0.0.1 refused the connection`;
    expect(await look({ kind: "port", host: "127.0.0.1", port })).toEqual({ well: false, reasons: [reason] });
  });

  test("that lets one wait is not well, in time", async () => {
    const { port, close } = await startFullBacklog();
    try {
      const reason = `port ${port} of 127.0.0.1 took no connection within 100ms`;
      expect(await look({ kind: "port", host: "127.0.0.1", port }, HASTY)).toEqual({ well: false, reasons: [reason] });
    } finally {
      close();
    }
  });

  test("of a host that nobody knows is not well", async () => {
    const { well, reasons } = await look({ kind: "port", host: "nobody.invalid", port: 1 });
    expect(well).toBe(false);
    expect(reasons[0]).toMatch(/^port 1 of nobody\.invalid (cannot be reached|took no connection)/);
  });
});

describe("several checks", () => {
  test("are asked at once, and all that is wrong is told, each once", async () => {
    const arrived = Promise.withResolvers<void>();
    let waiting = 0;
    const together: Responder = async (exchange) => {
      waiting += 1;
      if (waiting === 2) arrived.resolve();
      await arrived.promise;
      await answerWith(500)(exchange);
    };
    const checks = [page("url", together), page("uptime", together), { kind: "command" as const, command: "exit 3" }];
    expect(await new HealthProbe(checks, EXPECTED, PATIENT).look(never)).toEqual(
      unwell(/\/url: the server is in trouble/, /\/uptime: the server is in trouble/, /"exit 3" exited with 3$/),
    );
  });

  test("that say the same are told once", async () => {
    server.serve("/health", answerWith(500));
    const url = `${server.url}/health`;
    const probe = new HealthProbe(
      [
        { kind: "url", url },
        { kind: "uptime", url },
      ],
      EXPECTED,
      PATIENT,
    );
    expect((await probe.look(never)).reasons).toEqual([`cannot get ${url}: the server is in trouble (500)`]);
  });
});

describe("a look that is called off", () => {
  test("ends at once, with the signal's reason", async () => {
    const controller = new AbortController();
    const checks: HealthCheck[] = [page("url", neverAnswer), { kind: "command", command: "sleep 600" }];
    const looking = new HealthProbe(checks, EXPECTED, PATIENT).look(controller.signal);
    await server.nextRequest("/url");
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await looking.catch((error: unknown) => error)).toBe(reason);
  });

  test("before it began asks nobody", async () => {
    const reason = new Error("enough");
    const looking = new HealthProbe([page("url", answerWith(200))], EXPECTED, PATIENT).look(AbortSignal.abort(reason));
    expect(await looking.catch((error: unknown) => error)).toBe(reason);
    expect(server.requests).toEqual([]);
  });
});
