import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sampleBuildInfo, writeSampleDaemon } from "../support/sample-daemon.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { nextBinary, takeIn } from "./support/instance.ts";
import { nymvisor, startNymvisor, succeed } from "./support/nymvisor.ts";
import { stateOf } from "./support/tree.ts";

describe("daemon-build-info", () => {
  test("prints the ten keys in one line of JSON", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const stdout = expectSuccess(await nymvisor(home, ["daemon-build-info", "-o", "json"]));
    expect(stdout).toBe(`${JSON.stringify(sampleBuildInfo({ version: "1.0.0" }))}\n`);
  });

  test("prints text with values at column 21, between empty lines", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const info = sampleBuildInfo({ version: "1.0.0" });
    expect(expectSuccess(await nymvisor(home, ["daemon-build-info"]))).toBe(`
Binary Name:        nym-node
Build Timestamp:    ${info.build_timestamp}
Build Version:      1.0.0
Commit SHA:         ${info.commit_sha}
Commit Date:        ${info.commit_timestamp}
Commit Branch:      develop
rustc Version:      1.95.0
rustc Channel:      stable
cargo Profile:      release

`);
  });

  test("changes nothing", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const before = stateOf(home);
    await succeed(home, ["daemon-build-info"]);
    expect(stateOf(home)).toEqual(before);
  });

  test("reads a field that old binaries do not have as unknown, and passes over fields that it does not know", async () => {
    using home = temporaryHome();
    const { cargo_triple: _, ...old } = sampleBuildInfo({ version: "0.9.0" });
    const script = `#!/bin/sh\ncat <<'END'\n${JSON.stringify({ ...old, future: { nested: 1 } })}\nEND\n`;
    writeFileSync(home.at("nym-node"), script, { mode: 0o755 });
    await succeed(home, ["init", "--daemon-home", home.at("node"), home.at("nym-node")]);
    const info = JSON.parse(await succeed(home, ["daemon-build-info", "-o", "json"]));
    expect(info).toMatchObject({ ...old, cargo_triple: "unknown" });
  });

  test("asks with the words that every Nym binary knows, and without what is nymvisor's own affair", async () => {
    using home = temporaryHome();
    const answer = JSON.stringify(sampleBuildInfo({ version: "1.0.0" }));
    const script = `#!/bin/sh\nprintf '%s\\n' "$@" >'${home.at("asked")}'\nenv >'${home.at("given")}'\necho '${answer}'\n`;
    writeFileSync(home.at("nym-node"), script, { mode: 0o755 });
    const variables = { BUN_OPTIONS: "--smol", NOTIFY_SOCKET: "/run/x", WATCHDOG_USEC: "1", RUST_LOG: "debug" };
    await succeed(home, ["init", "--daemon-home", home.at("node"), home.at("nym-node")], { variables });
    expect(readFileSync(home.at("asked"), "utf8")).toBe("--no-banner\nbuild-info\n--output=json\n");
    const given = readFileSync(home.at("given"), "utf8");
    expect(given).toContain("RUST_LOG=debug\n");
    expect(given).not.toMatch(/BUN_OPTIONS|NOTIFY_SOCKET|WATCHDOG/);
  });

  test("follows current", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    await using run = await startNymvisor(home, ["run"]);
    await run.waitForEvent("started", { version: "1.0.0" });
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", "--now", nextBinary(home, "1.1.0")]);
    await run.waitForEvent("started", { version: "1.1.0" });
    expect(JSON.parse(await succeed(home, ["daemon-build-info", "-o", "json"]))).toEqual(
      instance.infoOf("x").binaryDetails,
    );
  });

  test("tells the truth about a binary that somebody exchanged", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    writeSampleDaemon(instance.binaryOf("genesis"), { version: "1.0.7" });
    expect(await succeed(home, ["daemon-build-info"])).toContain("Build Version:      1.0.7\n");
  });
});

describe("daemon-build-info fails with 1 and says what to do when", () => {
  test("there is no instance", async () => {
    using home = temporaryHome();
    expectFailure(await nymvisor(home, ["daemon-build-info"]), 1, "nymvisor init");
  });

  test("current is gone, or is no link", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const current = join(instance.data, "current");
    unlinkSync(current);
    expectFailure(await nymvisor(home, ["daemon-build-info"]), 1, current);
    writeFileSync(current, "genesis");
    expectFailure(await nymvisor(home, ["daemon-build-info"]), 1, current);
    expect(readFileSync(current, "utf8")).toBe("genesis");
  });

  test("current points out of the upgrade data", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const current = join(instance.data, "current");
    unlinkSync(current);
    expect(Bun.spawnSync(["ln", "-s", "/usr", current]).success).toBe(true);
    expectFailure(await nymvisor(home, ["daemon-build-info"]), 1, current, "/usr");
  });

  test("the binary is gone, or cannot be run any more", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const binary = instance.binaryOf("genesis");
    chmodSync(binary, 0o644);
    expectFailure(await nymvisor(home, ["daemon-build-info"]), 1, binary, "executable");
    rmSync(binary);
    expectFailure(await nymvisor(home, ["daemon-build-info"]), 1, binary);
  });
});
