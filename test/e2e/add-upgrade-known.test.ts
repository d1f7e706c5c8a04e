import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeSampleDaemon } from "../support/sample-daemon.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { expectFailure } from "./support/expect.ts";
import { type Entry, type Instance, nextBinary, takeIn } from "./support/instance.ts";
import { nymvisor, succeed } from "./support/nymvisor.ts";
import { stateOf } from "./support/tree.ts";

const FAR = "2199-01-01T00:00:00Z";

/** An announced upgrade, as the poller or a person's editor puts it into the plan. */
function announced(name: string, version: string): Entry {
  return {
    manual: false,
    name,
    notes: "announced",
    publishDate: null,
    version,
    platforms: {},
    upgradeTime: FAR,
    binaryDetails: null,
  };
}

/** Puts it where it stands once it is known: in its folder and in the plan. */
function announce(instance: Instance, entry: Entry): void {
  mkdirSync(dirname(instance.infoPathOf(entry.name)), { recursive: true });
  writeFileSync(instance.infoPathOf(entry.name), JSON.stringify(entry));
  const plan = instance.plan();
  instance.writePlan({ ...plan, queuedUp: [...plan.queuedUp, entry] });
}

describe("add-upgrade refuses", () => {
  test.each<[string, string[], string[]]>([
    ["--now with --upgrade-time", ["--now", "--upgrade-time", FAR], ["--now", "--upgrade-time"]],
    ["--now with --upgrade-delay", ["--upgrade-delay", "1h", "--now"], ["--now", "--upgrade-delay"]],
    ["--upgrade-time with --upgrade-delay", ["--upgrade-time", FAR, "--upgrade-delay", "1h"], ["--upgrade-time"]],
    ["--add-binary with --now", ["--add-binary", "--now"], ["--add-binary", "--now"]],
    ["--add-binary with --upgrade-time", ["--add-binary", "--upgrade-time", FAR], ["--add-binary"]],
    ["--add-binary with --upgrade-delay", ["--add-binary", "--upgrade-delay", "1h"], ["--add-binary"]],
    ["--add-binary with --publish-date", ["--add-binary", "--publish-date", FAR], ["--add-binary", "--publish-date"]],
    ["a time that is none", ["--upgrade-time", "tomorrow"], ["--upgrade-time", "tomorrow"]],
    ["a time without an offset", ["--upgrade-time", "2199-01-01T00:00:00"], ["--upgrade-time"]],
    ["a delay that is none", ["--upgrade-delay", "15"], ["--upgrade-delay", "15"]],
    ["a publish date that is none", ["--publish-date", "2026-13-01T00:00:00Z"], ["--publish-date"]],
  ])("%s as a usage error, and changes nothing", async (_what, flags, said) => {
    using home = temporaryHome();
    await takeIn(home);
    const binary = nextBinary(home, "1.1.0");
    const before = stateOf(home);
    expectFailure(await nymvisor(home, ["add-upgrade", "--upgrade-name", "x", ...flags, binary]), 2, ...said);
    expect(stateOf(home)).toEqual(before);
  });

  test("to do without a name", async () => {
    using home = temporaryHome();
    expectFailure(await nymvisor(home, ["add-upgrade", nextBinary(home, "1.1.0")]), 2, "--upgrade-name");
  });

  test("a binary of another daemon", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const binary = writeSampleDaemon(home.at("nym-api"), { name: "nym-api", version: "1.1.0" });
    const before = stateOf(home);
    const ended = await nymvisor(home, ["add-upgrade", "--upgrade-name", "x", binary]);
    expectFailure(ended, 1, "nym-api", "nym-node");
    expect(stateOf(home)).toEqual(before);
  });

  test("a name whose binary is there, and one whose information is there", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", nextBinary(home, "1.1.0")]);
    announce(instance, announced("y", "1.2.0"));
    const binary = nextBinary(home, "1.2.0");
    const before = stateOf(home);
    for (const [name, path] of [
      ["x", instance.binaryOf("x")],
      ["y", instance.infoPathOf("y")],
    ] as const) {
      expectFailure(await nymvisor(home, ["add-upgrade", "--upgrade-name", name, binary]), 1, path, "--force");
    }
    expect(stateOf(home)).toEqual(before);
  });

  test("to exchange the binary of what runs now, even with --force", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    mkdirSync(join(instance.data, "upgrades/now/bin"), { recursive: true });
    writeSampleDaemon(instance.binaryOf("now"), { version: "1.1.0" });
    rmSync(join(instance.data, "current"));
    expect(Bun.spawnSync(["ln", "-s", "upgrades/now", join(instance.data, "current")]).success).toBe(true);
    const before = readFileSync(instance.binaryOf("now"));
    const words = ["add-upgrade", "--force", "--upgrade-name", "now", nextBinary(home, "1.2.0")];
    expectFailure(await nymvisor(home, words), 1, "now");
    expect(readFileSync(instance.binaryOf("now"))).toEqual(before);
  });

  test("to guess where an instance is that was never set up", async () => {
    using home = temporaryHome();
    const binary = nextBinary(home, "1.1.0");
    expectFailure(await nymvisor(home, ["add-upgrade", "--upgrade-name", "x", binary]), 1, "nymvisor init");
    expect(Object.keys(stateOf(home)).filter((path) => path.startsWith(".nym"))).toEqual([]);
  });
});

describe("--force", () => {
  test("replaces the entry of a queued name with its binary and time", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", "--upgrade-time", FAR, nextBinary(home, "1.1.0")]);
    await succeed(home, ["add-upgrade", "--upgrade-name", "y", "--upgrade-delay", "5h", nextBinary(home, "1.3.0")]);
    const binary = nextBinary(home, "1.2.0");
    const words = ["add-upgrade", "--force", "--upgrade-name", "x", "--upgrade-delay", "1h", "-o", "json", binary];
    const printed: Entry = JSON.parse(await succeed(home, words));
    expect(instance.plan().queuedUp).toMatchObject([{ name: "x", version: "1.2.0" }, { name: "y" }]);
    expect(instance.plan().queuedUp[0]).toEqual(printed);
    expect(instance.infoOf("x")).toEqual(printed);
    expect(readFileSync(instance.binaryOf("x"))).toEqual(readFileSync(binary));
  });

  test("replaces what was announced", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    announce(instance, announced("2026.2-x", "1.1.0"));
    await succeed(home, ["add-upgrade", "--force", "--upgrade-name", "2026.2-x", nextBinary(home, "1.1.1")]);
    expect(instance.plan().queuedUp).toMatchObject([{ name: "2026.2-x", version: "1.1.1" }]);
  });

  test("is no hindrance for a name that is new", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    await succeed(home, ["add-upgrade", "--force", "--upgrade-name", "x", nextBinary(home, "1.1.0")]);
    expect(instance.queue()).toEqual(["x"]);
  });
});

describe("--add-binary", () => {
  test("adds the binary of an upgrade that is known, and nothing else", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const entry = announced("2026.2-x", "1.1.0");
    announce(instance, entry);
    const binary = nextBinary(home, "1.1.0");
    const words = ["add-upgrade", "--add-binary", "--upgrade-name", "2026.2-x", "-o", "json", binary];
    expect(JSON.parse(await succeed(home, words))).toMatchObject(entry);
    expect(readFileSync(instance.binaryOf("2026.2-x"))).toEqual(readFileSync(binary));
    expect(instance.plan().queuedUp).toEqual([entry]);
    expect(instance.infoOf("2026.2-x")).toEqual(entry);
  });

  test("refuses a name that is not known", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const words = ["add-upgrade", "--add-binary", "--upgrade-name", "x", nextBinary(home, "1.1.0")];
    const before = stateOf(home);
    expectFailure(await nymvisor(home, words), 1, instance.infoPathOf("x"));
    expect(stateOf(home)).toEqual(before);
  });

  test("refuses a binary of another version", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    announce(instance, announced("x", "1.1.0"));
    const before = stateOf(home);
    const words = ["add-upgrade", "--add-binary", "--upgrade-name", "x", nextBinary(home, "1.2.0")];
    expectFailure(await nymvisor(home, words), 1, "1.1.0", "1.2.0");
    const { "binaries/1.2.0": _folder, "binaries/1.2.0/nym-node": _binary, ...after } = stateOf(home);
    expect(after).toEqual(before);
  });

  test("replaces a binary that is there only with --force", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    announce(instance, announced("x", "1.1.0"));
    writeSampleDaemon(instance.binaryOf("x"), { version: "1.1.0", commit: "0".repeat(40) });
    const words = ["add-upgrade", "--add-binary", "--upgrade-name", "x", nextBinary(home, "1.1.0")];
    expectFailure(await nymvisor(home, words), 1, instance.binaryOf("x"), "--force");
    await succeed(home, [...words, "--force"]);
    expect(readFileSync(instance.binaryOf("x"))).toEqual(readFileSync(nextBinary(home, "1.1.0")));
    expect(instance.plan().queuedUp).toEqual([announced("x", "1.1.0")]);
  });
});
