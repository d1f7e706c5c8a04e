import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Answer, type RequestOptions, request } from "../../src/upstream/http.ts";
import { HttpError, type HttpPhase } from "../../src/upstream/http-error.ts";
import { testCertificate } from "../support/certificate.ts";
import { startForwardProxy } from "../support/forward-proxy.ts";
import { startFullBacklog } from "../support/full-backlog.ts";
import { type ReleaseServer, startReleaseServer } from "../support/release-server.ts";
import {
  answerAndBreakPromise,
  answerRaw,
  answerWith,
  neverAnswer,
  neverEndHeader,
  redirectTo,
} from "../support/responders.ts";

let server: ReleaseServer;
const opened: { close(): void }[] = [];

beforeEach(async () => {
  server = closeLater(await startReleaseServer());
});

afterEach(() => {
  for (const resource of opened.splice(0)) resource.close();
});

function closeLater<T extends { close(): void }>(resource: T): T {
  opened.push(resource);
  return resource;
}

const never = new AbortController().signal;

function get(path: string, options: Partial<RequestOptions> = {}): Promise<Answer> {
  const url = path.startsWith("/") ? server.url + path : path;
  return request(url, { allowHttp: true, environment: {}, signal: never, ...options });
}

async function textOf(answer: Promise<Answer>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of (await answer).body) text += decoder.decode(chunk, { stream: true });
  return text;
}

async function failureOf(attempt: Promise<unknown>): Promise<HttpError> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof HttpError) return error;
  throw error ?? new Error("it did not fail");
}

describe("a request", () => {
  test("says who asks, and asks for nothing that would be decompressed on the way", async () => {
    server.serveFile("/file", new TextEncoder().encode("hello"));
    expect(await textOf(get("/file"))).toBe("hello");
    const { headers, method } = await server.nextRequest("/file");
    expect(method).toBe("GET");
    expect(headers["user-agent"]).toMatch(/^nymvisor\/\d/);
    expect(headers.connection).toBe("close");
  });

  test("is answered anew after a server that broke its promise to keep the connection", async () => {
    server.serve("/file", answerAndBreakPromise("whole"));
    for (let times = 0; times < 5; times += 1) expect(await textOf(get("/file"))).toBe("whole");
  });

  test("carries the name and password of its URL, and shows them to nobody", async () => {
    server.serve("/secret", answerWith(403));
    const error = await failureOf(get(server.url.replace("//", "//someone:hunter2@").concat("/secret?token=tea")));
    const { headers } = await server.nextRequest("/secret");
    expect(headers.authorization).toBe(`Basic ${btoa("someone:hunter2")}`);
    expect(error.message).toContain("***@127.0.0.1");
    expect(JSON.stringify([error.message, error.what, error.why, error.next, error.url])).not.toMatch(
      /someone|hunter2|tea/,
    );
  });

  test.each([
    [404, "it is not there (404)"],
    [403, "the server denies access to it (403)"],
    [500, "the server is in trouble (500)"],
    [304, "the server answers with status 304"],
    [300, "the server answers with status 300"],
    [206, "the server sends a part (206), and all was asked for"],
  ])("takes status %d for no answer", async (status, reason) => {
    server.serve("/file", answerWith(status, "something"));
    const error = await failureOf(get("/file"));
    expect(error).toMatchObject({ phase: "status", status, why: reason, what: `cannot get ${server.url}/file` });
  });

  test("takes a part for an answer where it asked for one", async () => {
    server.serveFile("/file", new TextEncoder().encode("0123456789"));
    expect(await textOf(get("/file", { headers: { Range: "bytes=4-" } }))).toBe("456789");
  });

  const brokenAnswers: [string, string, HttpPhase][] = [
    ["no HTTP at all", "SSH-2.0-OpenSSH_9.6\r\n", "connect"],
    ["nothing", "", "connect"],
    ["half a header", "HTTP/1.1 200 OK\r\nContent-Le", "connect"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "connect"],
    ["fewer bytes than it announced", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "body"],
    ["a chunk and no end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "body"],
    ["a chunk of no length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", "body"],
  ];
  test.each(brokenAnswers)("fails on %s", async (_, raw, phase) => {
    server.serve("/file", answerRaw(raw));
    expect(await failureOf(textOf(get("/file")))).toMatchObject({ phase });
  });

  test("fails in plain words where nobody listens", async () => {
    const gone = await startReleaseServer();
    gone.close();
    expect(await failureOf(get(`${gone.url}/file`))).toMatchObject({
      phase: "connect",
      why: "the connection was refused (ECONNREFUSED)",
    });
  });

  test("fails in plain words for a host that does not exist", async () => {
    const error = await failureOf(get("http://no-such-host.invalid/"));
    expect(error.phase).toBe("connect");
    expect(error.why).toMatch(/ENOTFOUND|EAI_AGAIN/);
  });
});

describe("which URLs are taken", () => {
  test.each([
    ["ftp://127.0.0.1/file", "it is neither https nor http: ftp://127.0.0.1/file"],
    ["file:///etc/passwd", "it is neither https nor http: file:///etc/passwd"],
    ["data:text/plain,hello", "it is neither https nor http: data://text/plain,hello"],
    ["nonsense", "it is not a URL"],
    ["", "it is not a URL"],
  ])("%p is refused before anything is sent", async (url, reason) => {
    expect(await failureOf(get(url))).toMatchObject({ phase: "url", why: reason });
  });

  test("plain http is refused where https is meant", async () => {
    const error = await failureOf(get("/file", { allowHttp: false }));
    expect(error.phase).toBe("url");
    expect(error.why).toContain("plain http");
    expect(server.requests).toHaveLength(0);
  });
});

describe("a redirect", () => {
  test("is followed, and its target is asked with the same headers", async () => {
    server.serve("/latest", redirectTo("/v2?signature=x"));
    server.serveFile("/v2", new TextEncoder().encode("0123456789"));
    expect(await textOf(get("/latest", { headers: { Range: "bytes=8-" } }))).toBe("89");
    const { headers, target } = await server.nextRequest("/v2");
    expect(target).toBe("/v2?signature=x");
    expect(headers["user-agent"]).toMatch(/^nymvisor\//);
  });

  test.each([
    [5, "reaches its end"],
    [6, "is given up"],
  ])("of %d hops %s", async (hops) => {
    for (let hop = 0; hop < hops; hop += 1) server.serve(`/${hop}`, redirectTo(`/${hop + 1}`, 301 + (hop % 3)));
    server.serveFile(`/${hops}`, new TextEncoder().encode("there"));
    if (hops === 5) expect(await textOf(get("/0"))).toBe("there");
    else {
      expect(await failureOf(get("/0"))).toMatchObject({ phase: "redirect" });
      expect(server.requests).toHaveLength(6);
    }
  });

  test("that leads to itself is given up", async () => {
    server.serve("/loop", redirectTo("/loop"));
    const error = await failureOf(get("/loop"));
    expect(error.why).toContain("it was redirected more than 5 times");
  });

  test("without an address fails", async () => {
    server.serve("/file", answerWith(302));
    expect((await failureOf(get("/file"))).why).toBe("the answer is a redirect (302) without an address");
  });

  test.each(["file:///etc/passwd", "http://", "javascript:alert(1)"])("to %p is refused", async (location) => {
    server.serve("/file", redirectTo(location));
    expect(await failureOf(get("/file"))).toMatchObject({ phase: "redirect" });
  });

  test("names where it led when the target fails", async () => {
    server.serve("/file", redirectTo("/elsewhere?secret=1"));
    expect((await failureOf(get("/file"))).why).toBe(`it is not there (404) (redirected to ${server.url}/elsewhere?…)`);
  });

  test("from https to http is refused, unless the source is http itself", async () => {
    const secure = closeLater(await startReleaseServer({ certificate: testCertificate }));
    secure.serve("/file", redirectTo(`${server.url}/file`));
    server.serveFile("/file", new TextEncoder().encode("plain"));
    const options = { certificateAuthority: testCertificate.cert };
    const error = await failureOf(get(`${secure.url}/file`, { ...options, allowHttp: false }));
    expect(error.phase).toBe("redirect");
    expect(error.why).toContain("plain http");
    expect(server.requests).toHaveLength(0);
    expect(await textOf(get(`${secure.url}/file`, { ...options, allowHttp: true }))).toBe("plain");
  });
});

describe("limits of time", () => {
  const short = { connect: 250, firstByte: 250, stall: 250 };
  const long = { connect: 60_000, firstByte: 60_000, stall: 60_000 };

  test("a host that does not take the connection is given up after the limit for connecting", async () => {
    const backlog = closeLater(await startFullBacklog());
    const attempt = get(`http://127.0.0.1:${backlog.port}/`, { limits: { ...long, connect: 100 } });
    expect(await failureOf(attempt)).toMatchObject({ phase: "connect", why: "no connection within 0.1 s" });
  });

  test.each([
    ["answers nothing", neverAnswer],
    ["does not end its header", neverEndHeader],
  ])("a server that %s is given up after the limit for the first byte", async (_, responder) => {
    server.serve("/file", responder);
    const attempt = get("/file", { limits: { ...long, firstByte: 100 } });
    const { closed } = await server.nextRequest("/file");
    expect(await failureOf(attempt)).toMatchObject({ phase: "first-byte", why: "no answer within 0.1 s" });
    await closed;
  });

  test("a body that stops is given up after the limit for a stall", async () => {
    server.serveFile("/file", new Uint8Array(100_000), { stallAfter: 50_000 });
    const attempt = textOf(get("/file", { limits: { ...long, stall: 100 } }));
    const { closed } = await server.nextRequest("/file");
    expect(await failureOf(attempt)).toMatchObject({
      phase: "stall",
      status: 200,
      why: "not another byte came within 0.1 s",
    });
    await closed;
  });

  test("a reader that takes its time is no stall", async () => {
    server.serveFile("/file", new Uint8Array(8 << 20));
    let length = 0;
    for await (const chunk of (await get("/file", { limits: short })).body) {
      if (length === 0) await Bun.sleep(2 * short.stall);
      length += chunk.length;
    }
    expect(length).toBe(8 << 20);
  });

  test("a reader that begins late has no limit for that", async () => {
    server.serveFile("/file", new Uint8Array(1000));
    const answer = await get("/file", { limits: { ...long, firstByte: 500 } });
    await Bun.sleep(600);
    expect(await textOf(Promise.resolve(answer))).toHaveLength(1000);
  });

  test("a slow body is no stall as long as it comes", async () => {
    server.serveFile("/file", new Uint8Array(40_000), { bytesPerSecond: 100_000 });
    expect(await textOf(get("/file", { limits: short }))).toHaveLength(40_000);
  });
});

describe("the caller's signal", () => {
  class Enough extends Error {}

  async function isAborted(attempt: Promise<unknown>, controller: AbortController): Promise<void> {
    const reason = new Enough();
    controller.abort(reason);
    const error = await attempt.then(
      () => undefined,
      (rejection: unknown) => rejection,
    );
    expect(error).toBe(reason);
  }

  test("stops a request before it begins", async () => {
    const reason = new Enough();
    await expect(get("/file", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.requests).toHaveLength(0);
  });

  test("stops it while it connects", async () => {
    const controller = new AbortController();
    const backlog = closeLater(await startFullBacklog());
    await isAborted(get(`http://127.0.0.1:${backlog.port}/`, { signal: controller.signal }), controller);
  });

  test("stops it while it waits for the answer", async () => {
    const controller = new AbortController();
    server.serve("/file", neverAnswer);
    const attempt = get("/file", { signal: controller.signal });
    const { closed } = await server.nextRequest("/file");
    await isAborted(attempt, controller);
    await closed;
  });

  test("stops it in the middle of the body", async () => {
    const controller = new AbortController();
    server.serveFile("/file", new Uint8Array(100_000), { stallAfter: 50_000 });
    const attempt = textOf(get("/file", { signal: controller.signal }));
    const { closed, sent } = await server.nextRequest("/file").then((received) => ({
      closed: received.closed,
      sent: received.sent(50_000),
    }));
    await sent;
    await isAborted(attempt, controller);
    await closed;
  });

  test("stops it while the reader is busy with what came", async () => {
    const controller = new AbortController();
    server.serveFile("/file", new Uint8Array(8 << 20));
    const reason = new Enough();
    const attempt = (async () => {
      for await (const _ of (await get("/file", { signal: controller.signal })).body) controller.abort(reason);
    })();
    await expect(attempt).rejects.toBe(reason);
  });

  test("is let go of when the request is over", async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    server.serveFile("/file", new Uint8Array(10));
    await textOf(get("/file", { signal }));
    await failureOf(get("/missing", { signal }));
    (await get("/file", { signal })).discard();
    server.serve("/redirect", redirectTo("/file"));
    await textOf(get("/redirect", { signal }));
    expect(listeners).toBe(0);
  });
});

describe("an answer", () => {
  test("that is discarded closes its connection", async () => {
    server.serveFile("/file", new Uint8Array(64 << 20));
    const answer = await get("/file");
    const { closed } = await server.nextRequest("/file");
    answer.discard();
    await closed;
  });

  test("whose reading is left closes its connection", async () => {
    server.serveFile("/file", new Uint8Array(64 << 20));
    for await (const _ of (await get("/file")).body) break;
    await (await server.nextRequest("/file")).closed;
  });
});

describe("proxies", () => {
  test("plain http goes through the proxy of http_proxy", async () => {
    const proxy = closeLater(startForwardProxy());
    server.serveFile("/file", new TextEncoder().encode("through"));
    expect(await textOf(get("/file", { environment: { http_proxy: proxy.url } }))).toBe("through");
    expect(proxy.asked).toEqual([`GET ${server.url}/file`]);
  });

  test("https goes through a tunnel of the proxy of HTTPS_PROXY, and is verified all the same", async () => {
    const proxy = closeLater(startForwardProxy());
    const secure = closeLater(await startReleaseServer({ certificate: testCertificate }));
    secure.serveFile("/file", new TextEncoder().encode("through"));
    const environment = { HTTPS_PROXY: proxy.url.replace("//", "//me:secret@") };
    const certificateAuthority = testCertificate.cert;
    expect(await textOf(get(`${secure.url}/file`, { environment, certificateAuthority }))).toBe("through");
    expect(proxy.asked).toEqual([`CONNECT ${new URL(secure.url).host}`]);
    expect(proxy.requests[0]?.headers["proxy-authorization"]).toBe(`Basic ${btoa("me:secret")}`);
    const error = await failureOf(get(`${secure.url}/file`, { environment }));
    expect(error.why).toBe(
      `its certificate is signed by itself (DEPTH_ZERO_SELF_SIGNED_CERT) (through the proxy ${proxy.url.replace("//", "//***@")}/)`,
    );
  });

  test("only the proxy has to be reachable", async () => {
    const proxy = closeLater(startForwardProxy());
    server.serveFile("/file", new TextEncoder().encode("through"));
    const url = server.url.replace("127.0.0.1", "releases.invalid");
    expect(await textOf(get(`${url}/file`, { environment: { http_proxy: proxy.url } }))).toBe("through");
  });

  test("a proxy that swallows the connection is given up after the limit for connecting, by its name", async () => {
    const backlog = closeLater(await startFullBacklog());
    const environment = { http_proxy: `http://127.0.0.1:${backlog.port}` };
    expect(await failureOf(get("/file", { environment, limits: { connect: 100 } }))).toMatchObject({
      phase: "connect",
      why: `no connection within 0.1 s (through the proxy http://127.0.0.1:${backlog.port}/)`,
    });
  });

  test.each([302, 403, 500])(
    "a proxy's refusal (%d) of a tunnel is not taken for the server's answer",
    async (status) => {
      const proxy = closeLater(startForwardProxy({ status }));
      const error = await failureOf(get("https://releases.invalid/file", { environment: { https_proxy: proxy.url } }));
      expect(error).toMatchObject({ phase: "connect", status: undefined });
      expect(error.why).toContain("the proxy refuses a tunnel to the host");
    },
  );

  test("a proxy that refuses is named", async () => {
    const proxy = closeLater(startForwardProxy({ status: 407 }));
    const error = await failureOf(get("/file", { environment: { http_proxy: proxy.url } }));
    expect(error.why).toBe(`the proxy wants a name and a password (407) (through the proxy ${proxy.url}/)`);
  });
});

describe("certificates", () => {
  test("one that nobody vouches for is refused", async () => {
    const secure = closeLater(await startReleaseServer({ certificate: testCertificate }));
    const error = await failureOf(get(`${secure.url}/file`));
    expect(error).toMatchObject({ phase: "connect" });
    expect(error.why).toContain("its certificate is signed by itself");
    expect(secure.requests).toHaveLength(0);
  });

  test("one of another host is refused", async () => {
    const proxy = closeLater(startForwardProxy());
    const secure = closeLater(await startReleaseServer({ certificate: testCertificate }));
    const error = await failureOf(
      get(`${secure.url.replace("127.0.0.1", "releases.invalid")}/file`, {
        environment: { https_proxy: proxy.url },
        certificateAuthority: testCertificate.cert,
      }),
    );
    expect(error.why).toContain("its certificate is for another host");
    expect(secure.requests).toHaveLength(0);
  });
});

describe("in a process of its own", () => {
  /** Runs a program that requests from the server, and returns what it printed, once it has ended by itself. */
  async function run(program: string, env: Record<string, string>): Promise<{ output: string; took: number }> {
    const module = new URL("../../src/upstream/http.ts", import.meta.url).pathname;
    const source = `import { request } from ${JSON.stringify(module)};
      const signal = new AbortController().signal;
      const get = (url, more) => request(url, { allowHttp: true, environment: {}, signal, ...more });
      ${program}`;
    const started = performance.now();
    const child = Bun.spawn([process.execPath, "-e", source], {
      env: { PATH: process.env.PATH, ...env },
      stdout: "pipe",
      stderr: "inherit",
    });
    const output = await child.stdout.text();
    await child.exited;
    return { output: output.trim(), took: performance.now() - started };
  }

  test("NODE_TLS_REJECT_UNAUTHORIZED does not switch the verification off", async () => {
    const secure = closeLater(await startReleaseServer({ certificate: testCertificate }));
    secure.serveFile("/file", new Uint8Array(1));
    const { output } = await run(
      `console.log(await get("${secure.url}/file").then(() => "taken", (error) => error.phase));`,
      { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
    );
    expect(output).toBe("connect");
  });

  test("NODE_EXTRA_CA_CERTS is trusted", async () => {
    const secure = closeLater(await startReleaseServer({ certificate: testCertificate }));
    secure.serveFile("/file", new Uint8Array(1));
    const folder = mkdtempSync(join(tmpdir(), "nymvisor-http-"));
    const file = join(folder, "authority.pem");
    await Bun.write(file, testCertificate.cert);
    const { output } = await run(
      `const { status } = await get("${secure.url}/file"); console.log(status);
      process.exit()`,
      { NODE_EXTRA_CA_CERTS: file },
    ).finally(() => rmSync(folder, { recursive: true }));
    expect(output).toBe("200");
  });

  test("a proxy counts only if the environment that was handed in names it", async () => {
    server.serveFile("/file", new Uint8Array(1));
    const { output } = await run(
      `const { status } = await get("${server.url}/file"); console.log(status);
      process.exit()`,
      { HTTP_PROXY: "http://127.0.0.1:1", http_proxy: "http://127.0.0.1:1" },
    );
    expect(output).toBe("200");
  });

  test("nothing keeps it alive after a request has ended, however it ended", async () => {
    server.serveFile("/whole", new Uint8Array(10));
    server.serve("/silent", neverAnswer);
    server.serveFile("/stalls", new Uint8Array(1 << 20), { stallAfter: 1 << 19 });
    server.serve("/redirect", redirectTo("/whole"));
    const backlog = closeLater(await startFullBacklog());
    const { output, took } = await run(
      `const ends = [];
      const read = async (answer) => { for await (const _ of (await answer).body); return "read"; };
      const tell = (attempt) => attempt.catch((error) => error.phase ?? error.name).then((end) => ends.push(end));
      await tell(read(get("${server.url}/whole")));
      await tell(read(get("${server.url}/redirect")));
      await tell(get("${server.url}/whole").then((answer) => (answer.discard(), "discarded")));
      await tell(get("${server.url}/missing"));
      await tell(get("${server.url}/silent", { signal: AbortSignal.timeout(50) }));
      await tell(read(get("${server.url}/stalls", { signal: AbortSignal.timeout(50) })));
      await tell(get("http://127.0.0.1:${backlog.port}/", { signal: AbortSignal.timeout(50) }));
      await tell(get("http://127.0.0.1:${backlog.port}/", { limits: { connect: 50 } }));
      await tell(get("${server.url}/silent", { limits: { firstByte: 50 } }));
      console.log(ends.join());`,
      {},
    );
    expect(output).toBe("read,read,discarded,status,TimeoutError,TimeoutError,TimeoutError,connect,first-byte");
    // Any timer that was left would hold the process for the ten seconds of the shortest default limit.
    expect(took).toBeLessThan(9000);
  });
});
