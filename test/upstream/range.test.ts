import { describe, expect, test } from "bun:test";
import type { Origin } from "../../src/upstream/partial-file.ts";
import { continues, rangeHeaders, wholeLength } from "../../src/upstream/range.ts";

const URL = "https://host/nym-node";
const DATE = "Thu, 01 Jan 1970 00:00:00 GMT";

function origin(more: Partial<Origin> = {}): Origin {
  const checksum = { algorithm: "sha256" as const, hex: "ab" };
  return { checksum, url: URL, etag: null, lastModified: null, total: 100, ...more };
}

test.each([
  ["nothing is known of it", undefined, undefined],
  ["it has no validator", origin(), undefined],
  ["it has an ETag", origin({ etag: '"a"', lastModified: DATE }), '"a"'],
  ["its ETag is weak", origin({ etag: 'W/"a"' }), undefined],
  ["its ETag is weak and it has a date", origin({ etag: 'W/"a"', lastModified: DATE }), DATE],
  ["it has a date", origin({ lastModified: DATE }), DATE],
  ["it comes from elsewhere", origin({ etag: '"a"', url: "https://mirror/nym-node" }), undefined],
])("the rest of a file is asked for on the right condition where %s", (_, from, condition) => {
  const headers = rangeHeaders({ length: 40, origin: from }, URL);
  expect(headers).toEqual(
    condition === undefined ? { Range: "bytes=40-" } : { Range: "bytes=40-", "If-Range": condition },
  );
});

describe("an answer goes on with 40 of 100 bytes", () => {
  test.each([
    ["a rest", 206, { "Content-Range": "bytes 40-99/100" }, true],
    ["a rest of an unknown whole", 206, { "Content-Range": "bytes 40-99/*" }, true],
    ["a rest with the same ETag", 206, { "Content-Range": "bytes 40-99/100", ETag: '"a"' }, true],
    ["a rest with another ETag", 206, { "Content-Range": "bytes 40-99/100", ETag: '"b"' }, false],
    ["a rest of a longer file", 206, { "Content-Range": "bytes 40-100/101" }, false],
    ["a piece", 206, { "Content-Range": "bytes 40-50/100" }, false],
    ["a rest from another place", 206, { "Content-Range": "bytes 39-99/100" }, false],
    ["all", 206, { "Content-Range": "bytes 0-99/100" }, false],
    ["several pieces", 206, { "Content-Type": "multipart/byteranges; boundary=x" }, false],
    ["other units", 206, { "Content-Range": "pages 40-99/100" }, false],
    ["all, with 200", 200, { "Content-Range": "bytes 40-99/100" }, false],
  ])("with %s: %#", (_, status, headers, expected) => {
    const beginning = { length: 40, origin: origin({ etag: '"a"' }) };
    expect(continues({ status, headers: new Headers(headers as Record<string, string>) }, beginning, URL)).toBe(
      expected,
    );
  });
});

test.each([
  [200, { "Content-Length": "100" }, 100],
  [200, { "Content-Length": "100, 100" }, 100],
  [200, { "Content-Length": "0" }, 0],
  [200, {}, null],
  [200, { "Content-Length": "7", "Transfer-Encoding": "chunked" }, null],
  [206, { "Content-Length": "60", "Content-Range": "bytes 40-99/100" }, 100],
  [206, { "Content-Length": "60", "Content-Range": "bytes 40-99/*" }, 100],
])("the whole of a %d with %o has the length %p", (status, headers, length) => {
  expect(wholeLength({ status, headers: new Headers(headers as Record<string, string>) })).toBe(length);
});
