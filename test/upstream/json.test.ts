import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { HttpError } from "../../src/upstream/http-error.ts";
import { type JsonOptions, requestJson } from "../../src/upstream/json.ts";
import { type ReleaseServer, startReleaseServer } from "../support/release-server.ts";
import { answerDripping, answerEndlessly, answerGzipBomb, answerRaw, answerWith } from "../support/responders.ts";

const MAX = 1 << 20;
let server: ReleaseServer;

beforeEach(async () => {
  server = await startReleaseServer();
});

afterEach(() => server.close());

function getJson(options: Partial<JsonOptions> = {}): Promise<unknown> {
  const signal = new AbortController().signal;
  return requestJson(`${server.url}/document`, { allowHttp: true, environment: {}, signal, maxBytes: MAX, ...options });
}

async function failureOf(attempt: Promise<unknown>): Promise<HttpError> {
  const error = await attempt.then(
    (value) => new Error(`it did not fail: ${value}`),
    (reason: unknown) => reason,
  );
  if (error instanceof HttpError) return error;
  throw error;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

describe("a JSON document", () => {
  test("is asked for as JSON, compressed or not", async () => {
    server.serveFile("/document", bytes('{"name":"ok"}'));
    expect(await getJson()).toEqual({ name: "ok" });
    const { headers } = await server.nextRequest("/document");
    expect(headers.accept).toBe("application/json");
    expect(headers["accept-encoding"]).toBe("gzip");
  });

  test.each([
    ["under another type", bytes("[1]"), { "Content-Type": "text/html" }],
    ["with a byte order mark", bytes("\ufeff[1]\n"), {}],
    ["compressed", new Uint8Array(gzipSync("[1]")), { "Content-Encoding": "gzip" }],
    ["in chunks", bytes("[1]"), {}],
  ])("is taken %s", async (form, content, headers) => {
    server.serveFile("/document", content, { headers, ...(form === "in chunks" ? { length: "chunked" } : {}) });
    expect(await getJson()).toEqual([1]);
  });

  test("may be as long as the limit, and no byte longer", async () => {
    server.serveFile("/document", bytes(`"${"x".repeat(MAX - 2)}"`));
    expect(await getJson()).toHaveLength(MAX - 2);
    server.serveFile("/document", bytes(`"${"x".repeat(MAX - 1)}"`));
    expect(await failureOf(getJson())).toMatchObject({ phase: "size" });
  });

  test.each([
    ["empty", bytes(""), "the answer is empty"],
    ["blank", bytes(" \n"), "the answer is empty"],
    ["a web page", bytes("\n<!doctype html><p>Just a moment"), "it is a web page (HTML) and not JSON"],
    ["half of one", bytes('{"name":"o'), "it is not JSON"],
    ["another text", bytes("not found"), "it is not JSON"],
    ["two of them", bytes("{}{}"), "it is not JSON"],
    ["not UTF-8", new Uint8Array([0x22, 0xff, 0xfe, 0x22]), "it is not even UTF-8 text"],
    ["compressed without saying so", new Uint8Array(gzipSync("[1]")), "it is not even UTF-8 text"],
    ["nested too deep", bytes("[".repeat(65) + "]".repeat(65)), "it is nested more than 64 deep"],
    ["nested without an end", bytes("[".repeat(MAX / 2) + "]".repeat(MAX / 2)), "it is nested more than 64 deep"],
  ])("that is %s is refused with the reason", async (_, content, reason) => {
    server.serveFile("/document", content);
    const error = await failureOf(getJson());
    expect(error).toMatchObject({ phase: "content", status: 200, what: `cannot get ${server.url}/document` });
    expect(error.why).toContain(reason);
  });

  test.each([
    ["an encoding nobody asked for", "br", new Uint8Array([1, 2]), "it is encoded as br, which was not asked for"],
    ["a broken compression", "gzip", bytes("{}"), "its compression is broken"],
    ["half a compression", "gzip", new Uint8Array(gzipSync("[1,2,3]").subarray(0, 15)), "its compression is broken"],
  ])("in %s is refused", async (_, encoding, content, reason) => {
    server.serveFile("/document", content, { headers: { "Content-Encoding": encoding } });
    const error = await failureOf(getJson());
    expect(error.phase).toBe("content");
    expect(error.why).toContain(reason);
  });

  test("with no content is empty", async () => {
    server.serve("/document", answerRaw("HTTP/1.1 204 No Content\r\n\r\n"));
    expect((await failureOf(getJson())).why).toBe("the answer is empty");
  });

  test("that is not there is an error with the status, whatever its body", async () => {
    server.serve("/document", answerWith(404, '{"message":"Not Found"}'));
    expect(await failureOf(getJson())).toMatchObject({ phase: "status", status: 404 });
  });
});

describe("a document that does not end", () => {
  test("is left at the limit, and the connection closed", async () => {
    server.serve("/document", answerEndlessly({ type: "application/json" }));
    const error = await failureOf(getJson());
    expect(error).toMatchObject({ phase: "size", why: "it is longer than 1.0 MiB, the most that is taken" });
    await (await server.nextRequest("/document")).closed;
  });

  test("is left at its deadline when it drips in between two stalls", async () => {
    server.serve("/document", answerDripping(5));
    const error = await failureOf(getJson({ deadline: 100, limits: { stall: 50_000 } }));
    expect(error).toMatchObject({ phase: "deadline", why: "it was not whole within 0.1 s" });
  });

  test("is refused as a gzip bomb without unfolding it", async () => {
    server.serve("/document", answerGzipBomb(512 << 20));
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    const error = await failureOf(getJson());
    expect(error.phase).toBe("size");
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 << 20);
  });
});
