import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Answer, type RequestOptions, request } from "../../src/upstream/http.ts";
import { HttpError } from "../../src/upstream/http-error.ts";
import { failureOfAsync } from "../support/failure.ts";
import { type ForwardProxy, startForwardProxy } from "../support/forward-proxy.ts";
import { type ReleaseServer, startReleaseServer } from "../support/release-server.ts";
import { answerRaw, answerWith, redirectTo } from "../support/responders.ts";

let server: ReleaseServer;
let other: ReleaseServer;
let proxy: ForwardProxy;

beforeEach(async () => {
  server = await startReleaseServer();
  other = await startReleaseServer();
  proxy = startForwardProxy();
});

afterEach(() => {
  server.close();
  other.close();
  proxy.close();
});

async function get(url: string, more: Partial<RequestOptions> = {}): Promise<Answer> {
  const signal = new AbortController().signal;
  const answer = await request(url, { allowHttp: true, environment: {}, signal, ...more });
  answer.discard();
  return answer;
}

/** The same server, under a name that only the proxy knows the address of. */
function named(url: string, name = "releases.example.org"): string {
  return url.replace("127.0.0.1", name);
}

describe("a public host", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["localhost", "127.0.0.1"],
    ["[::1]", "::1"],
  ])("that redirects to %s is not followed", async (host, address) => {
    const inside = server.url.replace("127.0.0.1", host);
    other.serve("/file", redirectTo(`${inside}/file`));
    server.serve("/file", answerWith(200, "secret"));
    const failure = await failureOfAsync(get(`${named(other.url)}/file`, { environment: { http_proxy: proxy.url } }));
    expect(failure).toMatchObject({ phase: "redirect" });
    expect(failure.why).toContain(
      `the address it is redirected to is inside a private network (${address}), and ${named(other.url)}/file is not`,
    );
    expect(server.requests).toEqual([]);
  });

  test("that names an address inside is not followed there", async () => {
    server.serve("/file", answerWith(200, "secret"));
    const failure = await failureOfAsync(get(`${server.url}/file`, { namedBy: "https://140.82.121.4/list" }));
    expect(failure).toMatchObject({ phase: "redirect" });
    expect(failure.why).toBe(
      "the address that was named is inside a private network (127.0.0.1), and https://140.82.121.4/list is not",
    );
    expect(server.requests).toEqual([]);
  });

  test("that redirects to another public one is followed, and that one is judged in turn", async () => {
    const environment = { http_proxy: proxy.url };
    other.serve("/file", redirectTo(`${named(server.url, "files.example.org")}/file`));
    server.serve("/file", answerWith(200, "there"));
    expect((await get(`${named(other.url)}/file`, { environment })).status).toBe(200);
    server.serve("/file", redirectTo(`${other.url}/secret`));
    expect(await failureOfAsync(get(`${named(other.url)}/file`, { environment }))).toMatchObject({ phase: "redirect" });
  });
});

test("a host inside may redirect to another one inside", async () => {
  other.serve("/file", redirectTo(`${server.url}/file`));
  server.serve("/file", answerWith(200, "there"));
  expect((await get(`${other.url}/file`, { namedBy: `${server.url}/list` })).status).toBe(200);
});

describe("what authorizes a request", () => {
  const headers = { Authorization: "Bearer secret", Accept: "text/plain" };

  test("is sent again on the same origin", async () => {
    server.serve("/before", redirectTo("/after", 301));
    server.serve("/after", answerWith(200));
    await get(`${server.url}/before`, { headers });
    expect((await server.nextRequest("/after")).headers.authorization).toBe("Bearer secret");
  });

  test("stays there when another origin follows, also when that leads back", async () => {
    server.serve("/before", redirectTo(`${other.url}/there`));
    other.serve("/there", redirectTo(`${server.url}/back`));
    server.serve("/back", answerWith(200));
    await get(`${server.url}/before`, { headers: { ...headers, authorization: "Basic too" } });
    expect((await other.nextRequest("/there")).headers).toMatchObject({ accept: "text/plain" });
    for (const asked of [...other.requests, ...server.requests.slice(1)]) {
      expect(asked.headers).not.toHaveProperty("authorization");
    }
    expect(server.requests).toHaveLength(2);
  });
});

describe("an unchanged answer", () => {
  beforeEach(() => server.serve("/file", answerRaw('HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n')));

  test("is one where it was asked for", async () => {
    const answer = await get(`${server.url}/file`, { headers: { "If-None-Match": '"a"' } });
    expect(answer.status).toBe(304);
    expect(answer.headers.get("etag")).toBe('"a"');
  });

  test("is none where it was not", async () => {
    expect(await failureOfAsync(get(`${server.url}/file`))).toMatchObject({ phase: "status", status: 304 });
  });
});

test("a refusal comes with its headers, for whoever wants to know when to ask again", async () => {
  server.serve("/file", answerRaw("HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"));
  const failure = await failureOfAsync(get(`${server.url}/file`));
  if (!(failure instanceof HttpError)) throw failure;
  expect(failure.headers?.get("retry-after")).toBe("30");
});
