import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Checksum } from "../../src/policy/choose-binary.ts";
import { type Downloaded, type DownloadRequest, downloadBinary } from "../../src/upstream/download.ts";
import { DownloadError, type DownloadFailure } from "../../src/upstream/download-error.ts";
import { HttpError } from "../../src/upstream/http-error.ts";
import type { FileBehaviour } from "../support/file-responder.ts";
import { type ReleaseServer, startReleaseServer } from "../support/release-server.ts";
import { answerEndlessly, answerRaw, answerWith, neverAnswer, redirectTo } from "../support/responders.ts";

const SIZE = 4 << 20;
const HALF = 2 << 20;
const content = pseudorandom(SIZE, 1);
const other = pseudorandom(SIZE, 2);
const expected = checksumOf(content);

let server: ReleaseServer;
let folder: string;
let destination: string;

beforeEach(async () => {
  server = await startReleaseServer();
  folder = mkdtempSync(join(tmpdir(), "nymvisor-download-"));
  destination = join(folder, "nym-node");
});

afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** Bytes that differ at every place, the same at every run. */
function pseudorandom(size: number, seed: number): Uint8Array {
  const words = new Uint32Array(size / 4);
  let state = seed * 0x9e3779b9;
  for (let index = 0; index < words.length; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[index] = state;
  }
  return new Uint8Array(words.buffer);
}

function checksumOf(bytes: Uint8Array, algorithm: Checksum["algorithm"] = "sha256"): Checksum {
  return { algorithm, hex: new Bun.CryptoHasher(algorithm).update(bytes).digest("hex") };
}

function download(options: Partial<DownloadRequest> = {}): Promise<Downloaded> {
  const signal = new AbortController().signal;
  const url = `${server.url}/nym-node`;
  return downloadBinary({ url, destination, expected, allowHttp: true, environment: {}, signal, ...options });
}

async function errorOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => new Error("it did not fail"),
    (error: unknown) => error,
  );
}

async function failureOf(attempt: Promise<unknown>): Promise<DownloadFailure> {
  const error = await errorOf(attempt);
  if (error instanceof DownloadError) return error.failure;
  throw error;
}

/** Leaves half of `bytes` behind, as a download does that is interrupted there. */
async function interrupt(bytes = content, options: Partial<DownloadRequest> = {}, behaviour: FileBehaviour = {}) {
  server.serveFile("/nym-node", bytes, { stallAfter: HALF, ...behaviour });
  const controller = new AbortController();
  const reason = new Error("interrupted");
  const onProgress = (done: number) => done === HALF && controller.abort(reason);
  expect(await errorOf(download({ signal: controller.signal, onProgress, ...options }))).toBe(reason);
  await server.nextRequest("/nym-node");
}

function expectContent({ path }: { path: string }): void {
  expect(readFileSync(path).equals(content)).toBe(true);
}

function left(): string[] {
  return readdirSync(folder).toSorted();
}

describe("a download", () => {
  test("is the file that was announced, under a name of its own, and nothing else is left", async () => {
    server.serveFile("/nym-node", content);
    const downloaded = await download();
    expectContent(downloaded);
    expect(downloaded).toMatchObject({ size: SIZE, sha256: expected.hex, digest: expected.hex });
    expect(left()).toEqual([downloaded.path.slice(folder.length + 1)]);
    expect(downloaded.path).not.toBe(destination);
    const { headers } = await server.nextRequest("/nym-node");
    expect(headers["accept-encoding"]).toBe("identity");
    expect(headers.range).toBeUndefined();
  });

  test("is not executable", async () => {
    server.serveFile("/nym-node", content);
    const { path } = await download();
    expect(statSync(path).mode & 0o111).toBe(0);
  });

  test("may be announced by its SHA-512", async () => {
    server.serveFile("/nym-node", content);
    const sha512 = checksumOf(content, "sha512");
    expect(await download({ expected: sha512 })).toMatchObject({ sha256: expected.hex, digest: sha512.hex });
  });

  test("may be announced without a checksum", async () => {
    server.serveFile("/nym-node", content);
    expect(await download({ expected: null })).toMatchObject({ sha256: expected.hex, digest: expected.hex });
  });

  test.each([["chunked"], ["closing"]] as const)("may come without a length (%s)", async (length) => {
    server.serveFile("/nym-node", content, { length });
    const totals = new Set<number | null>();
    expectContent(await download({ onProgress: (_, total) => totals.add(total) }));
    expect([...totals]).toEqual([null]);
  });

  test("is reported as it grows, from nothing to the whole", async () => {
    server.serveFile("/nym-node", content);
    const reports: [number, number | null][] = [];
    await download({ onProgress: (done, total) => reports.push([done, total]) });
    expect(reports[0]).toEqual([0, SIZE]);
    expect(reports.at(-1)).toEqual([SIZE, SIZE]);
    const growing = reports.map(([done]) => done);
    expect(growing).toEqual(growing.toSorted((a, b) => a - b));
  });

  test("follows redirects", async () => {
    server.serve("/nym-node", redirectTo("/store/1?signature=abc"));
    server.serveFile("/store/1", content);
    expectContent(await download());
  });

  test("replaces what an older nymvisor left under its names", async () => {
    const victim = join(folder, "victim");
    writeFileSync(victim, "untouched");
    symlinkSync(victim, join(folder, ".nym-node.part"));
    mkdirSync(join(folder, ".nym-node.rejected", "folder"), { recursive: true });
    server.serveFile("/nym-node", content);
    expectContent(await download());
    expect(readFileSync(victim, "utf8")).toBe("untouched");
    expect(lstatSync(join(folder, ".nym-node.rejected"), { throwIfNoEntry: false })).toBeUndefined();
  });

  test("of 256 MiB is never held in memory", async () => {
    const file = join(folder, "source");
    writeFileSync(file, "");
    truncateSync(file, 256 << 20);
    server.serveFile("/nym-node", file);
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    let most = 0;
    const { size } = await download({
      expected: null,
      onProgress: () => {
        most = Math.max(most, process.memoryUsage.rss() - before);
      },
    });
    expect(size).toBe(256 << 20);
    expect(most).toBeLessThan(96 << 20);
  });
});

describe("an interrupted download", () => {
  test("says how far it came, and keeps that", async () => {
    server.serveFile("/nym-node", content, { stallAfter: HALF });
    const error = await errorOf(download({ limits: { stall: 250 } }));
    expect(error).toMatchObject({
      what: "the download of nym-node stopped after 2.0 MiB of 4.0 MiB",
      why: "not another byte came within 0.25 s",
      next: "the part is kept, and the next attempt goes on from there if the server lets it",
    });
    expect(left()).toEqual([".nym-node.part", ".nym-node.part.json"]);
  });

  test("goes on where it ended, on the condition that the file is the same", async () => {
    await interrupt();
    server.serveFile("/nym-node", content);
    let resumedAt = 0;
    const reports: number[] = [];
    const downloaded = await download({
      onResume: (at) => {
        resumedAt = at;
      },
      onProgress: (done) => reports.push(done),
    });
    expectContent(downloaded);
    expect(resumedAt).toBe(HALF);
    expect(reports[0]).toBe(HALF);
    const request = await server.nextRequest("/nym-node");
    expect(request.headers).toMatchObject({ range: `bytes=${HALF}-`, "if-range": `"${SIZE}-0"` });
    expect(request.bytesSent).toBe(SIZE - HALF);
    expect(left()).toHaveLength(1);
  });

  test("goes on after the connection was cut", async () => {
    server.serveFile("/nym-node", content, { cutAfter: 3 << 20, times: 1, bytesPerSecond: 100 << 20 });
    expect(await failureOf(download())).toMatchObject({ kind: "interrupted", kept: true, total: SIZE });
    expectContent(await download());
    expect(server.requests).toHaveLength(2);
    expect(server.requests[1]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test("goes on after its process was killed", async () => {
    server.serveFile("/nym-node", content, { stallAfter: HALF, times: 1 });
    const module = new URL("../../src/upstream/download.ts", import.meta.url).pathname;
    const options = { url: `${server.url}/nym-node`, destination, expected, allowHttp: true, environment: {} };
    const child = Bun.spawn(
      [
        process.execPath,
        "-e",
        `import { downloadBinary } from ${JSON.stringify(module)};
        const onProgress = (done) => console.log(done);
        await downloadBinary({ ...${JSON.stringify(options)}, onProgress, signal: new AbortController().signal });`,
      ],
      { stdout: "pipe", stderr: "inherit" },
    );
    let printed = "";
    for await (const chunk of child.stdout) {
      printed += new TextDecoder().decode(chunk);
      if (printed.includes(`${HALF}\n`)) break;
    }
    child.kill("SIGKILL");
    await child.exited;
    expectContent(await download());
    expect(server.requests[1]?.headers.range).toBe(`bytes=${HALF}-`);
    expect(left()).toHaveLength(1);
  });

  test("goes on at another address that serves the same file, whose validators are its own", async () => {
    await interrupt();
    server.serveFile("/mirror", content, { etag: '"mirror"' });
    expectContent(await download({ url: `${server.url}/mirror` }));
    const { headers } = await server.nextRequest("/mirror");
    expect(headers.range).toBe(`bytes=${HALF}-`);
    expect(headers["if-range"]).toBeUndefined();
  });

  test.each([
    ["last-modified", "Thu, 01 Jan 1970 00:00:00 GMT"],
    ["unvalidated", undefined],
  ] as const)("goes on with a server that knows %s", async (ranges, ifRange) => {
    await interrupt(content, {}, { ranges });
    server.serveFile("/nym-node", content, { ranges });
    expectContent(await download());
    const { headers } = await server.nextRequest("/nym-node");
    expect(headers.range).toBe(`bytes=${HALF}-`);
    expect(headers["if-range"]).toBe(ifRange as string);
  });

  test("is used as it is if only its verification was missing", async () => {
    await interrupt();
    writeFileSync(join(folder, ".nym-node.part"), content);
    expectContent(await download());
    expect(server.requests).toHaveLength(1);
  });

  test("needs room for what is missing only", async () => {
    await interrupt();
    server.serveFile("/nym-node", content);
    expectContent(await download({ freeSpace: async () => SIZE - HALF }));
  });
});

describe("an interrupted download begins anew", () => {
  async function expectAnew(requests: number, options: Partial<DownloadRequest> = {}): Promise<void> {
    let resumed = false;
    const downloaded = await download({
      onResume: () => {
        resumed = true;
      },
      ...options,
    });
    expectContent(downloaded);
    expect(resumed).toBe(false);
    expect(server.requests).toHaveLength(1 + requests);
    expect(left()).toHaveLength(1);
  }

  test("with a server that knows no ranges, in the same request", async () => {
    await interrupt(content, {}, { ranges: "none" });
    server.serveFile("/nym-node", content, { ranges: "none" });
    await expectAnew(1);
  });

  test("when the file has changed since, in the same request", async () => {
    await interrupt(other, {}, { etag: '"old"' });
    server.serveFile("/nym-node", content, { etag: '"new"' });
    await expectAnew(1);
  });

  test("when the server disregards the condition, and the file has changed", async () => {
    await interrupt(other, {}, { etag: '"old"' });
    server.serveFile("/nym-node", content, { etag: '"new"', ignoresIfRange: true });
    await expectAnew(2);
  });

  test("when the file has another length now", async () => {
    const longer = pseudorandom(SIZE + 4, 1);
    await interrupt(longer, {}, { ranges: "unvalidated" });
    server.serveFile("/nym-node", content, { ranges: "unvalidated" });
    await expectAnew(2);
  });

  test("when the file is shorter now than what is here (416)", async () => {
    await interrupt();
    writeFileSync(join(folder, ".nym-node.part"), pseudorandom(SIZE + 4, 3));
    server.serveFile("/nym-node", content, { ignoresIfRange: true });
    await expectAnew(2);
  });

  test.each([
    ["another place", `bytes ${HALF - 1}-${SIZE - 1}/${SIZE}`],
    ["the beginning", `bytes 0-${SIZE - 1}/${SIZE}`],
    ["the middle only", `bytes ${HALF}-${HALF + 9}/${SIZE}`],
    ["no place", "garbage"],
  ])("when the server sends a part from %s", async (_, contentRange) => {
    await interrupt();
    server.serveFile("/nym-node", content, { contentRange });
    await expectAnew(2);
  });

  test("when another checksum is announced", async () => {
    await interrupt(other, { expected: checksumOf(other) });
    server.serveFile("/nym-node", content, { ignoresIfRange: true });
    await expectAnew(1);
    expect(server.requests[1]?.headers.range).toBeUndefined();
  });

  test("when nothing says what it is a part of", async () => {
    await interrupt();
    writeFileSync(join(folder, ".nym-node.part.json"), '{"checksum":');
    server.serveFile("/nym-node", content);
    await expectAnew(1);
  });

  test("when no checksum would judge the whole; then it is not even kept", async () => {
    server.serveFile("/nym-node", content, { stallAfter: HALF, times: 1 });
    const failure = await failureOf(download({ expected: null, limits: { stall: 250 } }));
    expect(failure).toMatchObject({ kind: "interrupted", kept: false });
    expect(left()).toEqual([]);
    await expectAnew(1, { expected: null });
  });
});

describe("a wrong checksum", () => {
  test("shows both sums and the address, and sets the file aside, not executable", async () => {
    server.serveFile("/nym-node", other);
    const error = await errorOf(download());
    const wrong = checksumOf(other).hex;
    expect(error).toMatchObject({
      what: "what was downloaded for nym-node is not what was announced",
      why: `its sha256 is ${wrong}, and ${expected.hex} was announced (${server.url}/nym-node)`,
      next: `it is not used; to look at it: ${folder}/.nym-node.rejected`,
    });
    expect(left()).toEqual([".nym-node.rejected"]);
    expect(readFileSync(join(folder, ".nym-node.rejected")).equals(other)).toBe(true);
    expect(statSync(join(folder, ".nym-node.rejected")).mode & 0o111).toBe(0);
    expect(server.requests).toHaveLength(1);
  });

  test("replaces the file of the last one, and the next right download removes it", async () => {
    writeFileSync(join(folder, ".nym-node.rejected"), "older");
    server.serveFile("/nym-node", other);
    await failureOf(download());
    expect(readFileSync(join(folder, ".nym-node.rejected")).equals(other)).toBe(true);
    server.serveFile("/nym-node", content);
    expectContent(await download());
    expect(left()).toHaveLength(1);
  });

  test("of a web page in place of the file is one too", async () => {
    server.serve("/nym-node", answerWith(200, "<html>log in to the hotel's network</html>"));
    expect(await failureOf(download())).toMatchObject({ kind: "checksum" });
  });

  test("after going on is tried once more from the beginning", async () => {
    await interrupt(other, {}, { ranges: "unvalidated" });
    server.serveFile("/nym-node", content, { ranges: "unvalidated" });
    expectContent(await download());
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${HALF}-`, undefined]);
  });

  test("from the beginning too ends it", async () => {
    await interrupt(other, {}, { ranges: "unvalidated" });
    server.serveFile("/nym-node", other, { ranges: "unvalidated" });
    expect(await failureOf(download())).toMatchObject({ kind: "checksum", actual: checksumOf(other).hex });
    expect(server.requests).toHaveLength(3);
    expect(left()).toEqual([".nym-node.rejected"]);
  });
});

describe("what is refused", () => {
  async function expectRefused(options: Partial<DownloadRequest>, reason: string): Promise<void> {
    const failure = await failureOf(download(options));
    expect(failure).toMatchObject({ kind: "length", reason });
    expect(left()).toEqual([]);
  }

  test("an empty file, with a length and without one", async () => {
    server.serveFile("/nym-node", new Uint8Array());
    await expectRefused({}, "it is empty");
    server.serveFile("/nym-node", new Uint8Array(), { length: "chunked" });
    await expectRefused({ expected: null }, "it is empty");
    server.serve("/nym-node", answerRaw("HTTP/1.1 204 No Content\r\n\r\n"));
    await expectRefused({}, "it is empty");
  });

  test("a length above the limit, before the body", async () => {
    server.serve("/nym-node", answerEndlessly({ length: 3 * 1024 ** 3 }));
    await expectRefused({}, "it is longer than 2.0 GiB, the most that is taken");
  });

  test("a body without an end, at the limit", async () => {
    server.serve("/nym-node", answerEndlessly());
    await expectRefused({ maxBytes: HALF }, "it is longer than 2.0 MiB, the most that is taken");
    await (await server.nextRequest("/nym-node")).closed;
  });

  test("a body that goes on after the length that the source announced", async () => {
    server.serve("/nym-node", answerEndlessly());
    await expectRefused({ announcedLength: HALF }, `it goes on after its ${HALF} bytes`);
  });

  test("another length than the source announced, before the body", async () => {
    server.serveFile("/nym-node", content);
    await expectRefused({ announcedLength: 10 }, `it is ${SIZE} bytes long, and 10 were announced`);
  });

  test("a body that is encoded though nobody asked for it", async () => {
    server.serveFile("/nym-node", new Uint8Array(gzipSync(content)), { headers: { "Content-Encoding": "gzip" } });
    const error = await errorOf(download());
    expect(error).toBeInstanceOf(HttpError);
    expect(error).toMatchObject({ phase: "content", why: "it is encoded as gzip, which was not asked for" });
    expect(left()).toEqual([]);
  });

  test("plain http where the source is https", async () => {
    expect(await errorOf(download({ allowHttp: false }))).toMatchObject({ phase: "url" });
    expect(left()).toEqual([]);
  });

  test("an answer that is none", async () => {
    expect(await errorOf(download())).toMatchObject({ phase: "status", status: 404 });
    expect(left()).toEqual([]);
    server.serve("/nym-node", neverAnswer);
    expect(await errorOf(download({ limits: { firstByte: 50 } }))).toMatchObject({ phase: "first-byte" });
    expect(left()).toEqual([]);
  });

  test("less than the answer announced", async () => {
    server.serveFile("/nym-node", content, { length: SIZE + 1 });
    expect(await failureOf(download())).toMatchObject({ kind: "interrupted", total: SIZE + 1 });
  });

  test("less than the source announced", async () => {
    server.serveFile("/nym-node", content, { length: "closing" });
    expect(await failureOf(download({ announcedLength: SIZE + 1 }))).toMatchObject({
      kind: "interrupted",
      total: SIZE + 1,
      reason: "the answer ended before the length that was announced",
    });
  });
});

describe("room on the disk", () => {
  test("is looked for before the body, and the message has both figures", async () => {
    server.serveFile("/nym-node", content);
    const error = await errorOf(download({ freeSpace: async () => HALF }));
    expect(error).toMatchObject({
      what: `there is not enough room in ${folder}`,
      why: "4.0 MiB more are needed, and 2.0 MiB are available",
      next: `make room there: df -h ${folder}`,
    });
    expect(left()).toEqual([]);
  });

  /** A disk of 2 MiB of its own, where this machine lets us have one. */
  const disk = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"];
  const mount = 'mount -t tmpfs -o size=2m none "$0"';
  const canMount = Bun.spawnSync([...disk, mount, tmpdir()], { stderr: "ignore" }).exitCode === 0;
  if (!canMount) console.warn("SKIPPED: no file system can be mounted here; a disk that fills up is not tried");

  test.skipIf(!canMount).each([
    ["kept where the server lets it go on", "etag", ["nym-node.part", "nym-node.part.json"]],
    ["removed where it would begin anew", "none", []],
  ] as const)("that runs out in the middle is named, and the part is %s", async (_, ranges, files) => {
    server.serveFile("/nym-node", content, { ranges, length: "chunked" });
    const module = new URL("../../src/upstream/download.ts", import.meta.url).pathname;
    const options = { url: `${server.url}/nym-node`, destination, expected, allowHttp: true, environment: {} };
    const program = `import { downloadBinary } from ${JSON.stringify(module)};
      import { readdirSync } from "node:fs";
      const signal = new AbortController().signal;
      const error = await downloadBinary({ ...${JSON.stringify(options)}, signal }).catch((error) => error);
      console.log(JSON.stringify({ ...error.failure, next: error.next, left: readdirSync("${folder}").toSorted() }));`;
    const child = Bun.spawn([...disk, `${mount} && exec "$1" -e "$2"`, folder, process.execPath, program], {
      stdout: "pipe",
      stderr: "inherit",
    });
    expect(JSON.parse(await child.stdout.text())).toMatchObject({
      kind: "disk",
      isFull: true,
      kept: files.length > 0,
      reason: "no space is left on the device (ENOSPC)",
      next: `make room there: df -h ${folder}/.nym-node.part`,
      left: files.map((name) => `.${name}`),
    });
  });
});

describe("two downloads of one file", () => {
  test("do not mix: the second is told who is at it, and finds the first's work later", async () => {
    server.serveFile("/nym-node", content, { bytesPerSecond: 20 << 20 });
    const first = download();
    const error = await errorOf(download());
    expect(error).toMatchObject({
      what: `another nymvisor (pid ${process.pid}) is downloading nym-node`,
      why: `it holds ${folder}/.nym-node.part.lock`,
    });
    expectContent(await first);
    expect(server.requests).toHaveLength(1);
  });

  test("of another file in the same folder are no hindrance", async () => {
    server.serveFile("/nym-node", content, { bytesPerSecond: 20 << 20 });
    const both = await Promise.all([download(), download({ destination: join(folder, "nym-api") })]);
    for (const downloaded of both) expectContent(downloaded);
  });
});

test("a folder that cannot be written is named before anything is asked for", async () => {
  server.serveFile("/nym-node", content);
  const error = await errorOf(download({ destination: "/proc/nym-node" }));
  expect(error).toMatchObject({ name: "NymvisorError", what: expect.stringContaining("/proc/.nym-node.part.lock") });
  expect(server.requests).toHaveLength(0);
});
