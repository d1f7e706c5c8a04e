import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sampleBuildInfo, writeSampleDaemon } from "../support/sample-daemon.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { type Entry, Instance, nextBinary, takeIn } from "./support/instance.ts";
import { nymvisor, succeed } from "./support/nymvisor.ts";
import { listTree } from "./support/tree.ts";

const MINUTE = 60_000;
const FAR = "2199-01-01T00:00:00Z";

describe("add-upgrade", () => {
  test("puts the binary, its information and an entry of the plan in place, and prints the entry", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const binary = nextBinary(home, "1.1.0");
    const before = Date.now();
    const ended = await nymvisor(home, ["add-upgrade", "--upgrade-name", "2026.2-x", "-o", "json", binary]);
    const after = Date.now();
    const printed: Entry = JSON.parse(expectSuccess(ended));
    expect(ended.stdout.match(/\n/g)).toHaveLength(1);
    expect(printed).toEqual({
      manual: false,
      name: "2026.2-x",
      notes: expect.stringMatching(/by hand/),
      publishDate: expect.any(String),
      version: "1.1.0",
      platforms: {},
      upgradeTime: expect.stringMatching(/Z$/),
      binaryDetails: sampleBuildInfo({ version: "1.1.0" }),
    });
    const due = Date.parse(printed.upgradeTime) - 15 * MINUTE;
    expect(due).toBeWithin(before - 1, after + 1);
    expect(instance.infoOf("2026.2-x")).toEqual(printed);
    expect(instance.plan()).toMatchObject({ current: { name: "genesis" }, queuedUp: [printed] });
    expect(readFileSync(instance.binaryOf("2026.2-x"))).toEqual(readFileSync(binary));
    expect(listTree(instance.data).filter((line) => /tmp|lock|history/.test(line))).toEqual([]);
  });

  test("prints the entry as text, unless it is asked for JSON", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const words = ["add-upgrade", "--upgrade-name", "a name", "--upgrade-time", FAR, nextBinary(home, "1.1.0")];
    const stdout = expectSuccess(await nymvisor(home, words));
    expect(stdout).toMatch(/^\n/);
    for (const fact of [/Name: +a name\n/, /Version: +1\.1\.0\n/, /Due: +2199-01-01T00:00:00Z\n/]) {
      expect(stdout).toMatch(fact);
    }
  });

  test("makes a binary executable that is for nobody else", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const binary = nextBinary(home, "1.1.0");
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", binary], {
      through: ["sh", "-c", `chmod 0700 '${binary}'; exec "$0" "$@"`],
    });
    expect(statSync(instance.binaryOf("x")).mode & 0o111).toBe(0o111);
  });

  test.each<[string, string[], (now: number) => number]>([
    ["now", ["--now"], (now) => now],
    ["after a delay", ["--upgrade-delay=1h 30m"], (now) => now + 90 * MINUTE],
    ["at a time of any offset", ["--upgrade-time", "2199-06-01T12:00:00+02:00"], () => Date.UTC(2199, 5, 1, 10)],
  ])("makes it due %s", async (_when, flags, due) => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const before = Date.now();
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", ...flags, nextBinary(home, "1.1.0")]);
    const [entry] = instance.plan().queuedUp;
    expect(Date.parse(entry?.upgradeTime ?? "")).toBeWithin(due(before) - 1, due(Date.now()) + 1);
  });

  test("keeps a publish date and a time to the nanosecond, written in UTC", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const dates = [
      "--publish-date",
      "2026-01-02T03:04:05.123456789-01:00",
      "--upgrade-time",
      "2199-01-01T00:00:00.000000001Z",
    ];
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", ...dates, nextBinary(home, "1.1.0")]);
    expect(instance.plan().queuedUp).toMatchObject([
      { publishDate: "2026-01-02T04:04:05.123456789Z", upgradeTime: "2199-01-01T00:00:00.000000001Z" },
    ]);
  });

  test("keeps the queue in order of due times", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    for (const [name, time] of [
      ["b", "2198-01-01T00:00:00Z"],
      ["c", "2198-06-01T00:00:00+02:00"],
      ["a", "2197-12-31T23:59:59.999999999Z"],
    ] as const) {
      await succeed(home, ["add-upgrade", "--upgrade-name", name, "--upgrade-time", time, nextBinary(home, "1.1.0")]);
    }
    expect(instance.queue()).toEqual(["a", "b", "c"]);
  });

  test("keeps fields of the plan that it does not know", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const { current } = instance.plan();
    const later = { name: "2026.9-z", version: "1.9.0", upgradeTime: FAR, publishDate: null, binaryDetails: null };
    const queued = { ...later, manual: false, notes: "", platforms: {}, severity: { level: 3 } };
    instance.writePlan({ schema: 7, current: { ...current, channel: "beta" }, queuedUp: [queued] });
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", "--now", nextBinary(home, "1.1.0")]);
    expect(instance.plan()).toEqual(
      expect.objectContaining({
        schema: 7,
        current: { ...current, channel: "beta" },
        queuedUp: [expect.objectContaining({ name: "x" }), queued],
      }),
    );
  });

  test("looks for a name without a slash in the current folder, then in PATH", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const variables = { PATH: `${home.at("bin")}:${process.env.PATH}` };
    mkdirSync(home.at("here"));
    writeSampleDaemon(home.at("bin/nym-node"), { version: "1.1.0" });
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", "nym-node"], { cwd: home.at("here"), variables });
    writeSampleDaemon(home.at("here/nym-node"), { version: "1.2.0" });
    await succeed(home, ["add-upgrade", "--upgrade-name", "y", "nym-node"], { cwd: home.at("here"), variables });
    expect(instance.plan().queuedUp).toMatchObject([{ version: "1.1.0" }, { version: "1.2.0" }]);
  });

  test.each(["a file", "a folder with something in it"])(
    "is not blocked by a lock that nobody holds: %s",
    async (kind) => {
      using home = temporaryHome();
      const instance = await takeIn(home);
      const lock = join(instance.data, "upgrade.lock");
      if (kind === "a file") writeFileSync(lock, '{"pid":4194303,"purpose":"run"}');
      else mkdirSync(join(lock, "inner"), { recursive: true });
      await succeed(home, ["add-upgrade", "--upgrade-name", "x", nextBinary(home, "1.1.0")]);
      expect(instance.queue()).toEqual(["x"]);
      expect(existsSync(lock)).toBe(false);
    },
  );

  test("loses nothing when twenty are typed at once", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const binary = nextBinary(home, "1.1.0");
    const names = Array.from({ length: 20 }, (_, index) => `upgrade-${index}`);
    const all = await Promise.all(
      names.map((name) => nymvisor(home, ["add-upgrade", "--upgrade-name", name, "--upgrade-delay", "1h", binary])),
    );
    for (const ended of all) expectSuccess(ended);
    expect(instance.queue().toSorted()).toEqual(names.toSorted());
    for (const name of names) expect(readFileSync(instance.binaryOf(name))).toEqual(readFileSync(binary));
    expect(listTree(instance.data).filter((line) => /tmp|lock/.test(line))).toEqual([]);
  });

  test("adds one of six of the same name at once, and refuses the others", async () => {
    using home = temporaryHome();
    const instance = await takeIn(home);
    const binaries = Array.from({ length: 6 }, (_, index) => nextBinary(home, `1.1.${index}`));
    const all = await Promise.all(
      binaries.map((binary) => nymvisor(home, ["add-upgrade", "--upgrade-name", "x", "-o", "json", binary])),
    );
    const [winner, ...others] = all.toSorted((a, b) => (a.status ?? 0) - (b.status ?? 0));
    if (winner === undefined) throw new Error("nobody won");
    const entry: Entry = JSON.parse(expectSuccess(winner));
    for (const other of others) expectFailure(other, 1, "x", "--force");
    expect(instance.plan().queuedUp).toEqual([entry]);
    expect(readFileSync(instance.binaryOf("x"), "utf8")).toContain(`nym-node ${entry.version}\n`);
  });
});

describe("a custom upgrade data directory", () => {
  test("of a new instance holds what is the daemon's in a folder of its name", async () => {
    using home = temporaryHome();
    await takeIn(home, { flags: ["--upgrade-data-directory", home.at("upgrade data")] });
    const instance = new Instance(home, { data: home.at("upgrade data/nym-node") });
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", nextBinary(home, "1.1.0")]);
    expect(instance.queue()).toEqual(["x"]);
    expect(listTree(home.at("upgrade data")).filter((line) => !line.includes("nym-node"))).toEqual([]);
  });

  test("that holds a plan at its top, as the Rust program has it, is used as it is", async () => {
    using home = temporaryHome();
    await takeIn(home, { flags: ["--upgrade-data-directory", home.at("data")] });
    // The other layout has the same things one folder higher.
    expect(Bun.spawnSync(["sh", "-c", "mv nym-node x && mv x/* . && rmdir x"], { cwd: home.at("data") }).success).toBe(
      true,
    );
    const instance = new Instance(home, { data: home.at("data") });
    await succeed(home, ["add-upgrade", "--upgrade-name", "x", nextBinary(home, "1.1.0")]);
    await succeed(home, ["init", "--daemon-home", instance.daemonHome, instance.binaryOf("genesis")]);
    expect(instance.queue()).toEqual(["x"]);
    expect(await succeed(home, ["daemon-build-info"])).toContain("1.0.0");
    expect(listTree(home.at("data")).map((line) => line.split(" ")[2])).not.toContain("nym-node");
  });
});
