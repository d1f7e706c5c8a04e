import { expect, test } from "bun:test";
import { closeSync, copyFileSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readSections } from "../../build/elf.ts";
import { buildRelease } from "../../build/release.ts";
import { sha256Of } from "../../build/release-files.ts";
import { readStamp } from "../../build/stamp.ts";
import { buildExecutable, TARGETS, targetOfThisMachine } from "../../build.ts";
import packageJson from "../../package.json";
import { temporaryHome } from "../support/temporary-home.ts";

const VERSION = packageJson.version;

test("a release is a folder with an executable for each machine, and all that belongs beside them", async () => {
  using home = temporaryHome();
  const files = await buildRelease({ targets: TARGETS, folder: home.at("dist"), repository: "someone/fork" });
  expect(readdirSync(home.at("dist")).sort()).toEqual([
    "SHA256SUMS",
    "hashes.json",
    "install.sh",
    "nymvisor-linux-arm64",
    "nymvisor-linux-x64",
    "nymvisor.service",
    "nymvisor@.service",
  ]);
  expect(files.map(({ path }) => path).sort()).toEqual(
    readdirSync(home.at("dist"))
      .map((name) => home.at("dist", name))
      .sort(),
  );

  const check = Bun.spawnSync(["sha256sum", "--check", "--strict", "SHA256SUMS"], { cwd: home.at("dist") });
  expect(check.stdout.toString().match(/: OK$/gm)).toHaveLength(5);
  expect(check.exitCode).toBe(0);

  const hashes = JSON.parse(readFileSync(home.at("dist/hashes.json"), "utf8"));
  expect(hashes).toMatchObject({
    tag_name: `nymvisor-v${VERSION}`,
    html_url: `https://github.com/someone/fork/releases/tag/nymvisor-v${VERSION}`,
    componentName: "nymvisor",
    componentVersion: `v${VERSION}`,
  });
  for (const { name, platform, triple } of TARGETS) {
    const asset = hashes.assets[`nymvisor-linux-${name}`];
    expect(asset).toMatchObject({
      sha256: await sha256Of(home.at(`dist/nymvisor-linux-${name}`)),
      downloadUrl: `https://github.com/someone/fork/releases/download/nymvisor-v${VERSION}/nymvisor-linux-${name}`,
      platform,
      details: { binary_name: "nymvisor", build_version: VERSION, cargo_triple: triple },
    });
  }
  // Both were made at one time: what the executable of this machine says of itself stands in the other one too.
  for (const { name } of TARGETS) {
    const { details } = hashes.assets[`nymvisor-linux-${name}`];
    expect(readFileSync(home.at(`dist/nymvisor-linux-${name}`)).includes(details.build_timestamp)).toBe(true);
  }
});

test("a release for one machine forgets the executable of another that lay there", async () => {
  using home = temporaryHome();
  await Bun.write(home.at("dist/nymvisor-linux-x64"), "old");
  await Bun.write(home.at("dist/nymvisor-linux-arm64"), "old");
  const own = targetOfThisMachine();
  await buildRelease({ targets: [own], folder: home.at("dist"), repository: "someone/fork" });
  const other = TARGETS.find((target) => target !== own);
  expect(existsSync(home.at(`dist/nymvisor-linux-${other?.name}`))).toBe(false);
  expect(readFileSync(home.at("dist/SHA256SUMS"), "utf8")).not.toContain(`nymvisor-linux-${other?.name}`);
});

test("an executable that does not answer is no release", async () => {
  using home = temporaryHome();
  writeFileSync(home.at("silent.ts"), "process.exitCode = 3;");
  const targets = [targetOfThisMachine()];
  const attempt = buildRelease({ targets, folder: home.at("dist"), repository: "a/b", entry: home.at("silent.ts") });
  await expect(attempt).rejects.toThrow("does not run: exit status 3");
  expect(existsSync(home.at("dist/SHA256SUMS"))).toBe(false);
});

test("the same sources give the same bytes, whatever the file is called", async () => {
  using home = temporaryHome();
  const stamp = readStamp("release", home.path, "1763726400");
  const target = targetOfThisMachine();
  await buildExecutable({ target, stamp, outfile: home.at("one") });
  await buildExecutable({ target, stamp, outfile: home.at("another/name") });
  expect(await sha256Of(home.at("another/name"))).toBe(await sha256Of(home.at("one")));
});

test("a file that is not a 64-bit ELF file is not taken for an executable", () => {
  using home = temporaryHome();
  copyFileSync(import.meta.path, home.at("text"));
  const fd = openSync(home.at("text"), "r");
  expect(() => readSections(fd)).toThrow("not a 64-bit little-endian ELF file");
  closeSync(fd);
});
