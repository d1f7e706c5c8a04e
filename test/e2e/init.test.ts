import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeGolden, readGolden } from "../support/golden.ts";
import { writeSampleDaemon } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { expectSuccess } from "./support/expect.ts";
import { goldenDaemon, inGoldenWords } from "./support/golden-instance.ts";
import { Instance, takeIn } from "./support/instance.ts";
import { nymvisor, sampleEvents, succeed } from "./support/nymvisor.ts";
import { contentsOf, listTree } from "./support/tree.ts";

/** What the shell that starts nymvisor is set to. */
const umask = (mask: string) => ["sh", "-c", `umask ${mask}; exec "$0" "$@"`];

describeGolden("init leaves what the Rust program leaves:", () => {
  async function initGolden(home: TemporaryHome) {
    mkdirSync(home.at(".nym/nym-nodes/n1/data"), { recursive: true });
    const words = ["init", "--daemon-home", home.at(".nym/nym-nodes/n1"), goldenDaemon(home, "1.0.0")];
    const stdout = expectSuccess(await nymvisor(home, words, { through: umask("022") }));
    const instance = new Instance(home, { daemonHome: home.at(".nym/nym-nodes/n1") });
    return { stdout, instance };
  }

  test("the same tree, but for backups of 0700, the record under its documented name and a folder and a note of our own", async () => {
    using home = temporaryHome();
    await initGolden(home);
    const golden = readGolden("after-init/TREE.txt").trimEnd().split("\n").slice(1);
    const expected = golden
      .map((line) =>
        line
          .replace("d 755 nym-nodes/n1/nymvisor/backups", "d 700 nym-nodes/n1/nymvisor/backups")
          .replace(
            "f 644 nym-nodes/n1/nymvisor/current-version.json",
            "l 777 nym-nodes/n1/nymvisor/current-version.json",
          ),
      )
      .concat(
        "f 644 nym-nodes/n1/nymvisor/current-version-info.json",
        "f 644 nymvisors/data/nym-node/genesis/staged.json",
        "d 755 nymvisors/instances/nym-node-default/data",
      );
    expect(listTree(home.at(".nym")).toSorted()).toEqual(expected.toSorted());
  });

  test("the same documents, byte for byte", async () => {
    using home = temporaryHome();
    const { instance } = await initGolden(home);
    for (const path of ["upgrade-plan.json", "genesis/upgrade-info.json"]) {
      expect(readFileSync(join(instance.data, path), "utf8")).toBe(
        readGolden(`after-init/nymvisors/data/nym-node/${path}`),
      );
    }
    const golden = JSON.parse(readGolden("after-init/nym-nodes/n1/nymvisor/current-version.json"));
    expect(instance.record()).toEqual({ ...golden, upgradeTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) });
    expect(Object.keys(instance.record())).toEqual(Object.keys(golden));
    expect(instance.current()).toBe("genesis");
  });

  test("the same configuration, but for its comments", async () => {
    using home = temporaryHome();
    const { instance } = await initGolden(home);
    const lines = readFileSync(instance.config, "utf8").split("\n");
    const written = lines.filter((line) => line !== "" && !line.startsWith("#")).join("\n");
    const golden = readGolden("after-init/nymvisors/instances/nym-node-default/config/config.toml");
    expect(inGoldenWords(home, `${written}\n`)).toBe(golden);
  });

  test("the same answer, as text and as JSON", async () => {
    using home = temporaryHome();
    const { stdout } = await initGolden(home);
    expect(inGoldenWords(home, stdout)).toBe(readGolden("config.txt"));
    const words = ["init", "-o", "json", "--daemon-home", home.at(".nym/nym-nodes/n1"), goldenDaemon(home, "1.0.0")];
    expect(inGoldenWords(home, expectSuccess(await nymvisor(home, words)))).toBe(readGolden("config.json"));
  });
});

describe("what init makes", () => {
  test("is named by the binary's build information, not by its file's name", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("downloaded-file"), { name: "nym-api", version: "1.1.5" });
    await succeed(home, ["init", "--daemon-home", home.at("node"), binary]);
    const instance = new Instance(home, { daemon: "nym-api" });
    expect(instance.plan().current).toMatchObject({ name: "genesis", version: "1.1.5", manual: true });
    expect(readFileSync(instance.binaryOf("genesis"))).toEqual(readFileSync(binary));
    expect(readFileSync(instance.config, "utf8")).toContain("id = 'nym-api-default'");
  });

  test("is as private as it promises under any umask", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("nym-node"), { version: "1.0.0" });
    await succeed(home, ["init", "--daemon-home", home.at("node"), binary], { through: umask("000") });
    const tree = listTree(home.path);
    expect(tree).toContain("d 700 node/nymvisor/backups");
    expect(tree).toContain("f 600 .nym/nymvisors/instances/nym-node-default/config/config.toml");
    expect(tree).toContain("f 755 .nym/nymvisors/data/nym-node/genesis/bin/nym-node");
  });

  test("is a copy: a link is followed, and the binary may go afterwards", async () => {
    using home = temporaryHome();
    const binary = writeSampleDaemon(home.at("nym-node-1.0.0"), { version: "1.0.0" });
    symlinkSync(binary, home.at("nym-node"));
    await succeed(home, ["init", "--daemon-home", home.at("node"), home.at("nym-node")]);
    rmSync(binary);
    rmSync(home.at("nym-node"));
    expect(await succeed(home, ["daemon-build-info"])).toContain("Build Version:      1.0.0\n");
  });

  test("does not run the daemon: it is asked for its build information and nothing else", async () => {
    using home = temporaryHome();
    await takeIn(home);
    expect(
      new Set(
        sampleEvents(home)
          .all()
          .map(({ event }) => event),
      ),
    ).toEqual(new Set(["asked"]));
  });

  test("leaves everything that is in the daemon's home already", async () => {
    using home = temporaryHome();
    mkdirSync(home.at("node/data"), { recursive: true });
    writeFileSync(home.at("node/data/key.pem"), "key", { mode: 0o600 });
    const before = contentsOf(home.at("node"));
    await takeIn(home, { daemonHome: home.at("node") });
    expect(contentsOf(home.at("node"))).toMatchObject(before);
  });
});

describe("the binary is looked for", () => {
  async function versionTakenIn(home: TemporaryHome, typed: string): Promise<string> {
    const words = ["init", "--daemon-home", home.at("node"), typed];
    await succeed(home, words, { cwd: home.at("here"), variables: { PATH: `${home.at("bin")}:${process.env.PATH}` } });
    return new Instance(home).plan().current.version;
  }

  test.each([
    ["in the current folder first", "nym-node", ["here/nym-node", "bin/nym-node"], "1.0.0"],
    ["in PATH then", "nym-node", ["bin/nym-node"], "1.0.0"],
    ["where a relative path leads", "../elsewhere/nym-node", ["elsewhere/nym-node", "here/nym-node"], "1.0.0"],
  ])("%s", async (_where, typed, places, version) => {
    using home = temporaryHome();
    mkdirSync(home.at("here"));
    for (const [index, place] of places.entries()) writeSampleDaemon(home.at(place), { version: `1.${index}.0` });
    expect(await versionTakenIn(home, typed)).toBe(version);
  });
});
