import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findComparison, findNames } from "../../build/inert-variables.ts";
import { buildExecutable, compile, TARGETS, targetOfThisMachine } from "../../build.ts";
import { testCertificate } from "../support/certificate.ts";
import { testExecutable } from "../support/executable.ts";
import { temporaryHome } from "../support/temporary-home.ts";

const PROBE = join(import.meta.dir, "../support/probe-program.ts");

const home = temporaryHome();
const preload = home.at("preload.ts");
const plain = home.at("plain");
const inert = home.at("inert");
const http = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("http") });
const https = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: testCertificate, fetch: () => new Response("https") });

beforeAll(async () => {
  writeFileSync(
    preload,
    `require("fs").writeFileSync(${JSON.stringify(home.at("preloaded"))}, ""); console.log("preloaded");`,
  );
  await compile({ entry: PROBE, outfile: plain, nameInside: "probe" });
  await buildExecutable({ target: targetOfThisMachine(), outfile: inert, entry: PROBE });
});

afterAll(async () => {
  await Promise.all([http.stop(true), https.stop(true)]);
  home[Symbol.dispose]();
});

/** Everything that a start shows: exit status, both outputs, and the files that came into being. */
async function observe(executable: string, args: string[], variables: Record<string, string>): Promise<string> {
  const folder = temporaryHome();
  try {
    const child = Bun.spawn([executable, ...args], {
      cwd: folder.path,
      env: { ...folder.env, HOME: "/nonexistent", ...variables },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [status, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
    return JSON.stringify({
      status,
      stdout,
      stderr,
      files: readdirSync(folder.path),
      preloaded: existsSync(home.at("preloaded")),
    });
  } finally {
    folder[Symbol.dispose]();
  }
}

/** Variables that were seen to change what a compiled executable does. Relative paths are in its working folder. */
const BENDING: readonly (readonly [string, string])[] = [
  ["BUN_OPTIONS", "--config=/nonexistent"],
  ["BUN_BE_BUN", "1"],
  ["BUN_CONFIG_VERBOSE_FETCH", "curl"],
  ["BUN_CONFIG_MAX_HTTP_REQUESTS", "0"],
  ["BUN_BYTECODE_ORDER_OUT", "order"],
  ["BUN_BYTECODE_DIGEST_OUT", "digest"],
  ["BUN_JSC_dumpOptions", "1"],
  ["BUN_JSC_useJIT", "no such value"],
  ["NODE_TLS_REJECT_UNAUTHORIZED", "0"],
];

/** Variables of which no effect was seen, and that must not gain one. */
const HARMLESS: readonly (readonly [string, string])[] = [
  ["BUN_INSPECT", "127.0.0.1:0"],
  ["BUN_INSPECT_PRELOAD", preload],
  ["BUN_INSPECT_CONNECT_TO", "unix:/nonexistent/socket"],
  ["BUN_INSPECT_NOTIFY", "unix:/nonexistent/socket"],
  ["BUN_FEATURE_FLAG_NO_ORPHANS", "1"],
  ["BUN_FEATURE_FLAG_FORCE_WAITER_THREAD", "1"],
  ["BUN_FEATURE_FLAG_SYNTHETIC_MEMORY_LIMIT", "1000000"],
  ["BUN_FEATURE_FLAG_DISABLE_IPV4", "1"],
  ["BUN_CONFIG_HTTP_IDLE_TIMEOUT", "0"],
  ["BUN_CONFIG_DNS_TIME_TO_LIVE_SECONDS", "x"],
  ["BUN_GARBAGE_COLLECTOR_LEVEL", "2"],
  ["BUN_THREADPOOL_STATS", "1"],
  ["BUN_TRACE", "trace"],
  ["BUN_DEBUG", "1"],
  ["BUN_PORT", "1"],
  ["NODE_OPTIONS", `--require=${preload}`],
  ["NODE_COMPILE_CACHE", "cache"],
];

describe("an executable that Bun just compiled", () => {
  test.each(BENDING)("is bent by %s, so what follows means something", async (name, value) => {
    const urls = [http.url.href, https.url.href];
    expect(await observe(plain, urls, { [name]: value })).not.toBe(await observe(plain, urls, {}));
  });

  test("runs foreign code for BUN_OPTIONS", async () => {
    expect(await observe(plain, [], { BUN_OPTIONS: `--preload=${preload}` })).toContain("preloaded\\n");
    await Bun.file(home.at("preloaded")).delete();
  });
});

describe("an executable that is built for a release", () => {
  test("answers as the other one does when nothing is set", async () => {
    const urls = [http.url.href, https.url.href];
    expect(await observe(inert, urls, {})).toBe(await observe(plain, urls, {}));
    expect(await observe(inert, urls, {})).toContain('\\"http\\",\\"DEPTH_ZERO_SELF_SIGNED_CERT\\"');
  });

  test.each([...BENDING, ...HARMLESS])("does not notice %s", async (name, value) => {
    const urls = [http.url.href, https.url.href];
    expect(await observe(inert, urls, { [name]: value })).toBe(await observe(inert, urls, {}));
  });

  test("runs no foreign code for BUN_OPTIONS", async () => {
    expect(await observe(inert, [], { BUN_OPTIONS: `--preload=${preload}` })).toBe(await observe(inert, [], {}));
  });

  test("still takes another authority from NODE_EXTRA_CA_CERTS", async () => {
    writeFileSync(home.at("ca.pem"), testCertificate.cert);
    const seen = await observe(inert, [https.url.href], { NODE_EXTRA_CA_CERTS: home.at("ca.pem") });
    expect(seen).toBe(await observe(plain, [https.url.href], { NODE_EXTRA_CA_CERTS: home.at("ca.pem") }));
  });
});

test("nymvisor itself is built that way", async () => {
  const nymvisor = await testExecutable();
  const alone = await observe(nymvisor, ["--version"], {});
  for (const [name, value] of [...BENDING, ...HARMLESS]) {
    expect(`${name}: ${await observe(nymvisor, ["--version"], { [name]: value })}`).toBe(`${name}: ${alone}`);
  }
});

describe("a runtime that is not the one that is known", () => {
  const names = [
    "BUN_OPTIONS BUN_BE_BUN BUN_INSPECT BUN_INSPECT_PRELOAD BUN_INSPECT_CONNECT_TO BUN_FEATURE_FLAG_NO_ORPHANS",
    "BUN_BYTECODE_ORDER_OUT BUN_BYTECODE_DIGEST_OUT BUN_CONFIG_VERBOSE_FETCH NODE_TLS_REJECT_UNAUTHORIZED",
  ].flatMap((line) => line.split(" "));
  const packed =
    "x BUN_CONFIG_VERBOSE_FETCHBUN_CONFIG_MAX_HTTP_REQUESTSBUN_DISABLE_TRANSPILERBUN_FEATURE_FLAG_FORCE_WAITER_THREAD" +
    "BUN_FEATURE_FLAG_SYNTHETIC_MEMORY_LIMITBUN_SHOW_BUN_STACKFRAMESNODE_TLS_REJECT_UNAUTHORIZED";
  const data = (words: readonly string[]): Buffer =>
    Buffer.from(`\0${words.join("\0")}\0BUN_TMPDIR\0process.env.BUN_ENV\0`);

  test("is changed in every name, and in nothing else", () => {
    const bytes = data([...names, packed]);
    const found = findNames(bytes).map((offset) => /^[A-Z_]+/.exec(bytes.toString("latin1", offset))?.[0]);
    expect(found).toEqual(expect.arrayContaining([...names, "BUN_TMPDIR"]));
    expect(found).not.toContain("BUN_ENV");
  });

  test.each([
    ["lacks a name", data([...names.slice(1), packed]), "BUN_OPTIONS as a C string 0 times"],
    ["has a name twice", data([...names, "BUN_OPTIONS", packed]), "BUN_OPTIONS as a C string 2 times"],
    ["lacks a packed name", data(names), "does not have BUN_CONFIG_VERBOSE_FETCH among its packed strings"],
  ])("stops the build when it %s", (_, bytes, message) => {
    expect(() => findNames(bytes)).toThrow(message);
  });

  test.each(TARGETS.map((target) => [target.name, target] as const))(
    "stops the build for %s when it does not compare a prefix where it did",
    (_, target) => {
      expect(() => findComparison(Buffer.alloc(1000, 0x90), target)).toThrow("in 0 places");
    },
  );
});
