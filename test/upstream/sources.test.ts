import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { upgradeInfoUrl } from "../../src/upstream/nym.ts";
import { allowsHttp, askSources } from "../../src/upstream/sources.ts";
import { testCertificate } from "../support/certificate.ts";
import { configurationWith } from "../support/configuration.ts";
import { type ReleaseServer, startReleaseServer } from "../support/release-server.ts";
import { answerWith, neverAnswer, redirectTo } from "../support/responders.ts";

const HOME = { DAEMON_HOME: "/home/nym/.nym" };

function withBase(url: string) {
  return configurationWith({ ...HOME, NYMVISOR_UPSTREAM_BASE_UPGRADE_URL: url });
}

function withAbsolute(url: string) {
  return configurationWith({ ...HOME, DAEMON_ABSOLUTE_UPSTREAM_UPGRADE_URL: url });
}

describe("the address of an announcement", () => {
  test.each([
    ["https://nymtech.net/.wellknown/", "https://nymtech.net/.wellknown/nym-node/upgrade-info.json"],
    ["https://nymtech.net/.wellknown", "https://nymtech.net/.wellknown/nym-node/upgrade-info.json"],
    ["https://nymtech.net/.wellknown//", "https://nymtech.net/.wellknown/nym-node/upgrade-info.json"],
    ["https://nymtech.net", "https://nymtech.net/nym-node/upgrade-info.json"],
    ["http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080/a/b/nym-node/upgrade-info.json"],
    ["https://host/releases?token=a%20b", "https://host/releases/nym-node/upgrade-info.json?token=a%20b"],
    ["https://me:secret@host/", "https://me:secret@host/nym-node/upgrade-info.json"],
  ])("under %s is %s", (base, url) => {
    expect(upgradeInfoUrl(withBase(base))).toBe(url);
  });

  test("is the absolute URL, as it was written, where one is set", () => {
    expect(upgradeInfoUrl(withAbsolute("https://host/info?daemon=nym-node"))).toBe("https://host/info?daemon=nym-node");
  });

  test("cannot be led elsewhere by the daemon's name", () => {
    const configuration = withBase("https://host/releases/");
    const daemon = { ...configuration.daemon, name: "%2e%2e?b#c" };
    expect(upgradeInfoUrl({ ...configuration, daemon })).toBe(
      "https://host/releases/%252e%252e%3Fb%23c/upgrade-info.json",
    );
  });
});

test.each([
  [withBase("https://host/"), false],
  [withBase("http://host/"), true],
  [withBase("HTTP://host/"), true],
  [withAbsolute("https://host/"), false],
  [withAbsolute("http://host/"), true],
  // The base is not asked where an absolute URL is set, so its scheme allows nothing.
  [{ ...withAbsolute("https://host/"), nymvisor: withBase("http://host/").nymvisor }, false],
])("http is allowed only by a source that is http itself (%#)", (configuration, allowed) => {
  expect(allowsHttp(configuration, "nym")).toBe(allowed);
});

describe("asking for an announcement", () => {
  let server: ReleaseServer;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    server = await startReleaseServer();
  });

  afterEach(() => server.close());

  function ask(more = {}) {
    return askSources(withBase(`${server.url}/releases/`), { environment: {}, signal, ...more });
  }

  const info = {
    manual: false,
    name: "2.0.0",
    notes: "faster",
    publishDate: null,
    version: "2.0.0",
    platforms: { "linux-x86_64": { checksum: "ab", checksumAlgorithm: "sha256", url: "https://host/nym-node" } },
    upgradeTime: "2030-01-01T00:00:00Z",
    binaryDetails: null,
    codename: "unknown fields stay",
  };

  test("brings what the source says, and the source's name", async () => {
    server.announce("releases/nym-node", info);
    const announcement = await ask();
    expect(announcement).toMatchObject({
      source: "nym",
      info: { name: "2.0.0", version: "2.0.0", upgradeTime: 1893456000000000000n, codename: "unknown fields stay" },
    });
  });

  test.each([
    ["another document", { current: {} }, /name: .*version: /],
    ["a list", [], /expected object/],
    ["nothing", null, /expected object/],
    ["a time that is none", { ...info, upgradeTime: "soon" }, /upgradeTime: /],
  ])("fails on %s with what is wrong about it", async (_, document, reason) => {
    server.announce("releases/nym-node", document);
    const error = await ask().catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      what: `${server.url}/releases/nym-node/upgrade-info.json is not the announcement of an upgrade`,
      why: expect.stringMatching(reason),
    });
  });

  test("fails on more than 1 MiB", async () => {
    server.announce("releases/nym-node", { ...info, notes: "x".repeat(1 << 20) });
    await expect(ask()).rejects.toThrow("it is longer than 1.0 MiB");
  });

  test("takes no redirect to http from a source that is https", async () => {
    server.announce("nym-node", info);
    const secure = await startReleaseServer({ certificate: testCertificate });
    secure.serve("/nym-node/upgrade-info.json", redirectTo(`${server.url}/nym-node/upgrade-info.json`));
    const options = { environment: {}, signal, certificateAuthority: testCertificate.cert };
    await expect(askSources(withBase(secure.url), options)).rejects.toMatchObject({ phase: "redirect" });
    secure.close();
    expect(server.requests).toHaveLength(0);
  });

  test("fails where nothing is announced", async () => {
    server.serve("/releases/nym-node/upgrade-info.json", answerWith(404));
    await expect(ask()).rejects.toMatchObject({ phase: "status", status: 404 });
  });

  test("ends at once with the signal", async () => {
    server.serve("/releases/nym-node/upgrade-info.json", neverAnswer);
    const controller = new AbortController();
    const attempt = ask({ signal: controller.signal });
    await server.nextRequest("/releases/nym-node/upgrade-info.json");
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(attempt).rejects.toBe(reason);
  });
});
