import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { type BuildLayout, buildLayout, type Layout } from "../../src/model/paths.ts";
import { buildInfoOf, noteBuild } from "../../src/upgrade/build-information.ts";
import { readStaged, writeNote } from "../../src/upgrade/staged.ts";
import { noteBinary, placeBinary } from "../support/builds.ts";
import { failureOfAsync } from "../support/failure.ts";
import { emptyInstance } from "../support/instance.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { sampleBuildInfo, writeSampleDaemon } from "../support/sample-daemon.ts";
import { SampleEvents } from "../support/sample-events.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { platform, upgradeInfo } from "../support/upgrades.ts";

const HERE = "linux-x86_64";

let home: TemporaryHome;
let layout: Layout;
let build: BuildLayout;
let events: SampleEvents;
const processes = new MarkedProcesses();

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
  build = placeBinary(layout, "1.1.0");
  events = new SampleEvents(home.at("events"));
});
afterEach(() => home[Symbol.dispose]());

const ask = () => buildInfoOf(build, { ...processes.environment, SAMPLE_EVENTS: events.path });
const note = (info = upgradeInfo()) => noteBuild(build, info, sampleBuildInfo({ version: "1.1.0" }), HERE);

describe("the build information of a build", () => {
  test("comes from its note, without running it", async () => {
    noteBinary(build, "1.1.0");
    expect(await ask()).toEqual(sampleBuildInfo({ version: "1.1.0" }));
    expect(events.of("asked")).toEqual([]);
  });

  test("comes from the binary where there is no note", async () => {
    expect(await ask()).toEqual(sampleBuildInfo({ version: "1.1.0" }));
    expect(events.of("asked")).toHaveLength(1);
  });

  test("comes from the binary where that was exchanged since", async () => {
    noteBinary(build, "1.1.0");
    unlinkSync(build.binary);
    writeSampleDaemon(build.binary, { version: "1.2.0" });
    expect((await ask()).build_version).toBe("1.2.0");
  });

  test("comes from the binary where the note only says why it must not run", async () => {
    writeNote(build, { sha256: "x", origin: "local", url: null, buildInfo: null, refused: "it hangs" });
    expect((await ask()).build_version).toBe("1.1.0");
  });

  test("is an error where there is no binary", async () => {
    build = buildLayout(layout, "1.2.0");
    expect((await failureOfAsync(ask())).what).toBe(`there is no binary at ${build.binary}`);
  });
});

describe("a build without a note", () => {
  const announced = () => upgradeInfo({ platforms: { [HERE]: platform(readFileSync(build.binary, "utf8")) } });

  test("gets one that says what its bytes are, and that a person brought it", async () => {
    await note();
    const sha256 = new Bun.CryptoHasher("sha256").update(readFileSync(build.binary)).digest("hex");
    expect(readStaged(build)).toMatchObject({ sha256, origin: "local", url: null, refused: null });
  });

  test("whose bytes are the announced ones counts as downloaded", async () => {
    await note(announced());
    expect(readStaged(build)).toMatchObject({ origin: "downloaded", url: "https://example.org/nym-node" });
  });

  test("whose bytes are the announced ones by sha512 counts as downloaded", async () => {
    const checksum = new Bun.CryptoHasher("sha512").update(readFileSync(build.binary)).digest("hex");
    await note(upgradeInfo({ platforms: { any: { url: "https://x", checksum, checksumAlgorithm: "sha512" } } }));
    expect(readStaged(build)).toMatchObject({ origin: "downloaded", url: "https://x" });
  });

  test.each([
    ["of other bytes", () => upgradeInfo({ platforms: { [HERE]: platform("other bytes") } })],
    ["without a checksum", () => upgradeInfo({ platforms: { [HERE]: { url: "https://x" } } })],
    ["for another platform", () => upgradeInfo({ platforms: { "linux-aarch64": announced().platforms[HERE] } })],
  ])("with an announcement %s counts as a person's", async (_, info) => {
    await note(info());
    expect(readStaged(build)).toMatchObject({ origin: "local", url: null });
  });

  test("whose binary is not executable, as the Rust program may leave it, is made so first", async () => {
    chmodSync(build.binary, 0o640);
    await note();
    expect(statSync(build.binary).mode & 0o777).toBe(0o751);
    expect(readStaged(build)).toBeDefined();
  });

  test("that is exchanged while it is read gets none", async () => {
    const noting = note();
    unlinkSync(build.binary);
    writeSampleDaemon(build.binary, { version: "1.2.0" });
    await noting;
    expect(readStaged(build)).toBeUndefined();
  });
});

test("a build with a note keeps it", async () => {
  noteBinary(build, "1.1.0");
  const before = readFileSync(build.staged, "utf8");
  await note(upgradeInfo({ platforms: { [HERE]: platform("other bytes") } }));
  expect(readFileSync(build.staged, "utf8")).toBe(before);
});
