import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { sampleBuildInfo } from "../support/sample-daemon.ts";
import { waitFor } from "../support/wait.ts";
import { nextBinary } from "./support/instance.ts";
import { type RunningNymvisor, succeed } from "./support/nymvisor.ts";
import { type Announcement, type PreparedNode, prepareNode } from "./support/prepared-node.ts";

/** Rust's name of this machine. */
const PLATFORM = process.arch === "arm64" ? "linux-aarch64" : "linux-x86_64";
const FOREIGN = process.arch === "arm64" ? "linux-x86_64" : "linux-aarch64";

/** The announcement with something else said of its binary. */
function announcedAs(announcement: Announcement, changes: Partial<Announcement["platforms"][string]>): Announcement {
  const [[key, binary] = ["any", { url: "" }]] = Object.entries(announcement.platforms);
  return { ...announcement, platforms: { [key]: { ...binary, ...changes } } };
}

/** That an upgrade waits with that reason, and that the node knows nothing of it. */
async function expectRefused(node: PreparedNode, run: RunningNymvisor, name: string, reason: RegExp): Promise<void> {
  expect(await run.waitForLog(/could not be staged/)).toMatch(reason);
  await waitFor("the reason in upgrade-status.json", () => reason.test(node.status().upgrades[name]?.reason ?? ""));
  expect(node.events.of("signal")).toEqual([]);
  await node.oneRuns();
  expect(node.current()).toBe("genesis");
  expect(node.queue()).toEqual([name]);
}

describe("a binary whose checksum is", () => {
  test("sha256 in capitals is accepted", async () => {
    await using node = await prepareNode();
    const announcement = node.publish("1.1.0");
    node.announce(announcedAs(announcement, { checksum: announcement.platforms.any?.checksum?.toUpperCase() ?? "" }));
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("sha512 is accepted", async () => {
    await using node = await prepareNode();
    const announcement = node.publish("1.1.0");
    const content = await fetch(announcement.platforms.any?.url ?? "");
    const checksum = new Bun.CryptoHasher("sha512").update(await content.bytes()).digest("hex");
    node.announce(announcedAs(announcement, { checksum, checksumAlgorithm: "sha512" }));
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test.each([
    ["sha256", "0".repeat(64)],
    ["sha512", "0".repeat(128)],
  ])("wrong (%s) is never executed, and staged by itself once the right one is served", async (algorithm, checksum) => {
    await using node = await prepareNode();
    const announcement = announcedAs(node.publish("1.1.0"), { checksum, checksumAlgorithm: algorithm });
    node.announce(announcement);
    await using run = await node.run();
    await expectRefused(node, run, "1.1.0", /is not what was announced/);
    expect(node.events.of("asked", "1.1.0")).toEqual([]);
    expect(existsSync(node.binaryOf("1.1.0"))).toBe(false);
    for (const left of readdirSync(dirname(node.binaryOf("1.1.0")))) {
      expect(statSync(join(dirname(node.binaryOf("1.1.0")), left)).mode & 0o111).toBe(0);
    }
    node.release("1.1.0");
    run.signal("SIGHUP");
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("wrong is refused also where checksums are not enforced", async () => {
    await using node = await prepareNode({ settings: { DAEMON_ENFORCE_DOWNLOAD_CHECKSUM: "false" } });
    node.announce(announcedAs(node.publish("1.1.0"), { checksum: "0".repeat(64) }));
    await using run = await node.run();
    await expectRefused(node, run, "1.1.0", /is not what was announced/);
    expect(node.events.of("asked", "1.1.0")).toEqual([]);
  });

  test.each([
    ["absent", { checksum: "" }, /without a checksum/],
    ["of another algorithm", { checksumAlgorithm: "md5" }, /not a checksum algorithm/],
    ["too short", { checksum: "abcdef" }, /not 64 hex digits/],
  ])("%s is refused before anything is downloaded", async (_, changes, reason) => {
    await using node = await prepareNode();
    node.announce(announcedAs(node.publish("1.1.0"), changes));
    await using run = await node.run();
    await expectRefused(node, run, "1.1.0", reason);
    expect(node.downloads()).toEqual([]);
  });

  test("absent is accepted where checksums are not enforced", async () => {
    await using node = await prepareNode({ settings: { DAEMON_ENFORCE_DOWNLOAD_CHECKSUM: "false" } });
    const { checksum: _, ...others } = { checksum: "", url: "", ...node.publish("1.1.0").platforms.any };
    node.release("1.1.0", { platforms: { any: others } });
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
  });
});

describe("a binary for", () => {
  test("this platform is taken before that for any", async () => {
    await using node = await prepareNode();
    const { platforms: ours } = node.publish("1.1.0", { platform: PLATFORM });
    const { platforms: any } = node.publish("1.1.0", { behaviour: { stopDelay: 1 } });
    node.release("1.1.0", { platforms: { ...any, ...ours } });
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.downloads()).toEqual([new URL(ours[PLATFORM]?.url ?? "").pathname]);
  });

  test("other platforms only is not downloaded: the reason says so, and the upgrade waits for a binary", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { platform: FOREIGN });
    await using run = await node.run();
    await expectRefused(node, run, "1.1.0", new RegExp(`announced for ${FOREIGN}, and this machine is ${PLATFORM}`));
    expect(node.downloads()).toEqual([]);
    const words = ["add-upgrade", "--add-binary", "--upgrade-name", "1.1.0", nextBinary(node.home, "1.1.0")];
    await succeed(node.home, words);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.performed()).toEqual(["1.1.0"]);
  });
});

describe("a binary that says of itself", () => {
  test.each([
    ["another version than was announced", { version: "1.2.0" }, /it says that it is version 1\.2\.0/],
    ["another daemon's name", { version: "1.1.0", name: "nym-api" }, /it is a nym-api/],
  ])("%s is refused, and the node runs on", async (_, build, reason) => {
    await using node = await prepareNode();
    node.release("1.1.0", { build });
    await using run = await node.run();
    await expectRefused(node, run, "1.1.0", reason);
  });

  test("another build than was announced is refused with both sides", async () => {
    await using node = await prepareNode();
    const binaryDetails = sampleBuildInfo({ version: "1.1.0", commit: "b".repeat(40) });
    node.release("1.1.0", { binaryDetails });
    await using run = await node.run();
    await expectRefused(node, run, "1.1.0", new RegExp(`commit_sha: [0-9a-f]{40} \\| ${"b".repeat(40)}`));
  });

  test("exactly what was announced is accepted", async () => {
    await using node = await prepareNode();
    node.release("1.1.0", { binaryDetails: sampleBuildInfo({ version: "1.1.0" }) });
    await using run = await node.run();
    await run.waitForEvent("started", { version: "1.1.0" });
  });

  test("nothing that can be read is refused", async () => {
    await using node = await prepareNode();
    const content = new TextEncoder().encode("#!/bin/sh\necho no\n");
    node.server.serveFile("/binaries/garbage", content);
    const checksum = new Bun.CryptoHasher("sha256").update(content).digest("hex");
    const any = { url: `${node.server.url}/binaries/garbage`, checksum, checksumAlgorithm: "sha256" };
    node.release("1.1.0", { platforms: { any } });
    await using run = await node.run();
    await expectRefused(node, run, "1.1.0", /is not a Nym binary/);
  });
});

describe("where downloads are switched off", () => {
  const settings = { DAEMON_ALLOW_BINARIES_DOWNLOAD: "false" };

  test("a release waits, and the reason says what to type; the binary that add-upgrade brings is picked up", async () => {
    await using node = await prepareNode({ settings });
    node.release("1.1.0");
    await using run = await node.run();
    await expectRefused(node, run, "1.1.0", /downloads are switched off/);
    expect(node.downloads()).toEqual([]);
    const typed = "nymvisor add-upgrade --add-binary --upgrade-name 1.1.0 <DAEMON_BINARY>";
    expect(`${run.stderr}${node.status().upgrades["1.1.0"]?.reason}`).toContain(typed);
    const words = ["add-upgrade", "--add-binary", "--upgrade-name", "1.1.0", nextBinary(node.home, "1.1.0")];
    await succeed(node.home, words);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(node.downloads()).toEqual([]);
  });

  test("a binary that a person copies into its place is found, made executable and used", async () => {
    await using node = await prepareNode({ settings });
    node.release("1.1.0");
    await using run = await node.run();
    await run.waitForLog(/could not be staged/);
    const binary = nextBinary(node.home, "1.1.0");
    chmodSync(binary, 0o644);
    copyFileSync(binary, `${node.binaryOf("1.1.0")}.copying`);
    copyFileSync(binary, node.binaryOf("1.1.0"));
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(statSync(node.binaryOf("1.1.0")).mode & 0o777).toBe(0o755);
    expect(node.downloads()).toEqual([]);
  });
});

test("a binary that a person put into its place before the release is announced is not downloaded", async () => {
  await using node = await prepareNode();
  const announcement = node.release("1.1.0");
  const content = await (await fetch(announcement.platforms.any?.url ?? "")).bytes();
  await Bun.write(node.binaryOf("1.1.0"), content);
  const before = node.downloads().length;
  await using run = await node.run();
  await run.waitForEvent("started", { version: "1.1.0" });
  expect(node.downloads()).toHaveLength(before);
});

test("a part of a download that the Rust program left in the binary's place is not taken for the binary", async () => {
  await using node = await prepareNode();
  const announcement = node.release("1.1.0");
  const content = await (await fetch(announcement.platforms.any?.url ?? "")).bytes();
  await Bun.write(node.binaryOf("1.1.0"), content.subarray(0, 200));
  chmodSync(node.binaryOf("1.1.0"), 0o644);
  await using run = await node.run();
  await run.waitForEvent("started", { version: "1.1.0" });
});
