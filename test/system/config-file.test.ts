import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { resolveConfiguration } from "../../src/model/configuration.ts";
import { NymvisorError } from "../../src/model/errors.ts";
import { duration, type Hold } from "../../src/model/setting-kinds.ts";
import { type Configuration, own, type Setting, settings } from "../../src/model/settings.ts";
import { parseWindow } from "../../src/model/window.ts";
import { readConfigFile, renderConfigFile } from "../../src/system/config-file.ts";
import { configurationWith } from "../support/configuration.ts";
import { describeGolden, readGolden } from "../support/golden.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-config-file-"));
  path = join(folder, "config.toml");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function read(text: string | Uint8Array) {
  writeFileSync(path, text);
  const file = readConfigFile(path);
  if (file === undefined) throw new Error("the file is not there");
  return file;
}

function resolve(text: string): Configuration {
  const sources = { file: read(text), environment: {}, flags: new Map(), workingDirectory: "/" };
  return resolveConfiguration(sources).configuration;
}

function failure(text: string | Uint8Array): NymvisorError {
  try {
    read(text);
  } catch (error) {
    if (error instanceof NymvisorError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

/** A value of every kind, in the program's form. */
const texts = fc.string({ unit: "binary", maxLength: 40 });
const paths = texts.filter((text) => !/[\0/\ufffd]|^\.{0,2}$/.test(text)).map((text) => `/n/${text}`);
const nanoseconds = fc.bigInt({ min: 0n, max: 2n ** 70n });
const urls = fc.webUrl({ withQueryParameters: true, withFragments: true });
const names = fc.stringMatching(/^[a-zA-Z0-9 'ü&_-]{1,20}$/).filter((name) => !["genesis", "current"].includes(name));

const configurations: fc.Arbitrary<Configuration> = fc.record({
  nymvisor: fc.record({
    id: names,
    upstream_base_upgrade_url: urls,
    upstream_polling_rate: nanoseconds.map((value) => value + 1n),
    disable_logs: fc.boolean(),
    upgrade_data_directory: fc.option(paths),
  }),
  daemon: fc.record({
    name: names,
    home: paths,
    absolute_upstream_upgrade_url: fc.option(urls),
    allow_binaries_download: fc.boolean(),
    enforce_download_checksum: fc.boolean(),
    restart_after_upgrade: fc.boolean(),
    restart_on_failure: fc.boolean(),
    failure_restart_delay: nanoseconds,
    max_startup_failures: fc.maxSafeNat(),
    startup_period_duration: nanoseconds,
    shutdown_grace_period: nanoseconds,
    backup_data_directory: fc.option(paths.map((path) => `/b${path}`)),
    unsafe_skip_backup: fc.boolean(),
  }),
  upstream: fc.record({
    source: fc.constantFrom("auto", "nym", "github"),
    stale_after: nanoseconds.map((value) => value + 1n),
  }),
  github: fc.record({
    api_url: urls,
    repository: fc.stringMatching(/^[A-Za-z0-9]{1,9}\/[A-Za-z0-9_.-]{3,9}$/),
    tag_prefix: texts.filter((text) => text !== ""),
    token_file: fc.option(paths),
  }),
  policy: fc.record({
    minimum_release_age: fc.option(nanoseconds),
    spread: fc.option(nanoseconds),
    window: fc.constantFrom([], [parseWindow("22:00-04:00"), parseWindow("Mon-Fri 09:00-10:00 Europe/Berlin")]),
    prereleases: fc.boolean(),
    hold: fc.constantFrom<Hold>(
      { held: false },
      { held: true, until: null },
      { held: true, until: 1_790_000_000n * 10n ** 9n },
    ),
  }),
  backup: fc.record({
    exclude: fc.constantFrom([], ["*.bloom"], ["data/**/cache", 'it\'s "quoted"', "ü, 日本"]),
    keep: fc.maxSafeNat(),
    keep_for: fc.option(nanoseconds),
  }),
  upgrade: fc.record({ keep_binaries: fc.maxSafeNat() }),
  health: fc.record({
    probation: fc.option(nanoseconds),
    interval: nanoseconds.map((value) => value + 1n),
    grace: fc.option(nanoseconds),
    url: fc.oneof(fc.constantFrom("auto" as const, "off" as const), fc.record({ url: urls })),
    port: fc.oneof(
      fc.constantFrom("auto" as const, "off" as const),
      fc.record({
        host: fc.constantFrom("127.0.0.1", "::1", "localhost", "mix.example"),
        port: fc.integer({ min: 1, max: 65_535 }),
      }),
    ),
    command: fc.option(fc.constantFrom("exit 0", "curl -fsS 'http://x/' | grep -q \"up\"", "ü, 日本")),
    command_timeout: nanoseconds.map((value) => value + 1n),
  }),
  rollback: fc.record({ automatic: fc.boolean(), without_data: fc.boolean() }),
});

test("any configuration that is written is read back equal", () => {
  fc.assert(
    fc.property(configurations, (configuration) => {
      expect(resolve(renderConfigFile(configuration))).toEqual(configuration);
    }),
    { numRuns: 200 },
  );
});

test.each([
  "/it's",
  '/"q"',
  "/back\\slash",
  "/new\nline",
  "/tab\t",
  "/del\u007f",
  "/ünï/日本",
  "/a # b",
  "/&$`%",
  "/''",
])("the home %p is written so that it is read back equal", (home) => {
  expect(resolve(renderConfigFile(configurationWith({ DAEMON_HOME: home }))).daemon.home).toBe(home);
});

test("the file is what a person would like to edit", () => {
  const text = renderConfigFile(configurationWith({ DAEMON_HOME: "/n", DAEMON_STARTUP_PERIOD_DURATION: "120s" }));
  const lines = text.split("\n");
  expect(lines.filter((line) => /^\[/.test(line))).toEqual(["[nymvisor]", "[daemon]"]);
  expect(lines.filter((line) => /^\w/.test(line))).toEqual([
    "id = 'nym-node-default'",
    "upstream_base_upgrade_url = 'https://nymtech.net/.wellknown/'",
    "upstream_polling_rate = '1h'",
    "disable_logs = false",
    "upgrade_data_directory = ''",
    "name = 'nym-node'",
    "home = '/n'",
    "absolute_upstream_upgrade_url = ''",
    "allow_binaries_download = true",
    "enforce_download_checksum = true",
    "restart_after_upgrade = true",
    "restart_on_failure = false",
    "failure_restart_delay = '10s'",
    "max_startup_failures = 10",
    "startup_period_duration = '2m'",
    "shutdown_grace_period = '10s'",
    "backup_data_directory = ''",
    "unsafe_skip_backup = false",
  ]);
  for (const { env, key, help, own } of settings) {
    if (own) continue;
    const comment = lines[lines.findIndex((line) => line.startsWith(`${key} = `)) - 1];
    expect(comment).toStartWith(`# ${help}`);
    expect(comment).toEndWith(env);
  }
  expect(text).toEndWith("\n");
});

test("a key of our own is written only when it differs from its default", () => {
  const configuration = configurationWith({ DAEMON_HOME: "/n" });
  const ours = { ...own("nymvisor", "upstream_polling_rate", duration, { default: "60m", help: "Ours" }) };
  const rows = [{ table: "nymvisor", key: "upstream_polling_rate", ...ours } as Setting];
  expect(renderConfigFile(configuration, rows)).not.toContain("[nymvisor]");
  expect(
    renderConfigFile(configurationWith({ DAEMON_HOME: "/n", NYMVISOR_UPSTREAM_POLLING_RATE: "2h" }), rows),
  ).toContain("[nymvisor]\n\n# Ours. Variable: NYMVISOR_NYMVISOR_UPSTREAM_POLLING_RATE\nupstream_polling_rate = '2h'");
});

test("keys are found on the lines that a person sees", () => {
  const file = read("# comment\r\n[daemon]\r\n\r\nhome = '/n'\r\n");
  expect(file.lineOf("daemon")).toBe(2);
  expect(file.lineOf("daemon", "home")).toBe(4);
  expect(file.lineOf("daemon", "name")).toBeUndefined();
});

test("a file that is not there is no error", () => {
  expect(readConfigFile(path)).toBeUndefined();
  writeFileSync(path, "");
  expect(readConfigFile(join(path, "config.toml"))).toBeUndefined();
});

test.each([
  ["[nymvisor\nid = 'a'\n", 1],
  ["[nymvisor]\nid = 'a\n", 2],
  ["[nymvisor]\nid = 'a'\nid = 'b'\n", 3],
  ["[nymvisor]\n\n\nid\n", 4],
  ["[daemon]\nmax_startup_failures = 99999999999999999999", 2],
])("%j is no TOML, and the error names line %d", (text, line) => {
  const error = failure(text);
  expect(error.what).toContain(path);
  expect(error.why).toStartWith(`${path}:${line}, column `);
  expect(error.why).not.toContain("\n");
  expect(error.next).toContain(`line ${line}`);
});

test("what is not UTF-8 is refused, and a byte order mark is not", () => {
  expect(failure(new Uint8Array([0x61, 0xff])).why).toBe("it is not UTF-8 text");
  expect(read("\ufeff[daemon]\n").tables).toHaveProperty("daemon");
});

test.each(["/", "/dev/null", "/dev/zero"])("%s is no configuration, and is not read for ever", (special) => {
  expect(() => readConfigFile(special)).toThrow(/it is (a folder|not a regular file)/);
});

test("a file too large to be a configuration is not read", () => {
  expect(failure(`#${" ".repeat(1024 * 1024)}`).why).toContain("which no configuration is");
});

describeGolden("the configuration that the Rust program wrote", () => {
  test.each(["after-init", "after-upgrade"])("%s is read, and every value is written back as it was", (state) => {
    const text = readGolden(`${state}/nymvisors/instances/nym-node-default/config/config.toml`)
      .replaceAll("@HOME@", "/home/op")
      .replaceAll("@SERVER@", "http://127.0.0.1:8000");
    const written = renderConfigFile(resolve(text));
    const plain = written.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(`${plain.join("\n")}\n`).toBe(text);
  });
});
