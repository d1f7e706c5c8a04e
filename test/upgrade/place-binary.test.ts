import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type BuildLayout, buildLayout } from "../../src/model/paths.ts";
import { copyBinary } from "../../src/upgrade/place-binary.ts";
import { failureOfAsync } from "../support/failure.ts";
import { emptyInstance } from "../support/instance.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

let home: TemporaryHome;
let build: BuildLayout;
let source: string;

beforeEach(() => {
  home = temporaryHome();
  build = buildLayout(emptyInstance(home).layout, "1.1.0");
  source = home.at('it\'s my "binary"');
  writeFileSync(source, "the bytes");
});
afterEach(() => home[Symbol.dispose]());

const sha256 = new Bun.CryptoHasher("sha256").update("the bytes").digest("hex");

describe("a copy of an operator's binary", () => {
  test("is not in its place before it is published", async () => {
    const copy = await copyBinary(source, build);
    expect(copy.sha256).toBe(sha256);
    expect(existsSync(build.binary)).toBe(false);
    copy.publish();
    expect(readFileSync(build.binary, "utf8")).toBe("the bytes");
    expect(readFileSync(source, "utf8")).toBe("the bytes");
  });

  test.each([0o600, 0o400, 0o777])("of a file of mode %o can be executed by all, whatever the umask", async (mode) => {
    chmodSync(source, mode);
    const before = process.umask(0o077);
    try {
      (await copyBinary(source, build)).publish();
    } finally {
      process.umask(before);
    }
    expect(statSync(build.binary).mode & 0o7777).toBe(0o755);
  });

  test("is one of what a link leads to", async () => {
    symlinkSync(source, home.at("link"));
    (await copyBinary(home.at("link"), build)).publish();
    expect(statSync(build.binary).isFile()).toBe(true);
    expect(readFileSync(build.binary, "utf8")).toBe("the bytes");
  });

  test("takes the place of what was there, whose readers keep it", async () => {
    mkdirSync(build.bin, { recursive: true });
    writeFileSync(build.binary, "the old bytes");
    const reader = await Bun.file(build.binary).stat();
    (await copyBinary(source, build)).publish();
    expect((await Bun.file(build.binary).stat()).ino).not.toBe(reader.ino);
  });

  test("that was discarded leaves nothing", async () => {
    const copy = await copyBinary(source, build);
    copy.discard();
    copy.discard();
    expect(readdirSync(build.bin)).toEqual([]);
  });

  test("that was published stays when it is discarded", async () => {
    const copy = await copyBinary(source, build);
    copy.publish();
    copy.discard();
    expect(readdirSync(build.bin)).toEqual(["nym-node"]);
  });

  test("of what is not there is an error that names both, and leaves nothing", async () => {
    const failure = await failureOfAsync(copyBinary(home.at("missing"), build));
    expect(failure.what).toBe(`${home.at("missing")} cannot be copied to ${build.binary}`);
    expect(failure.why).toBe("it is not there (ENOENT)");
    expect(readdirSync(build.bin)).toEqual([]);
  });

  test("into a place where a file stands is an error, and leaves the file", async () => {
    writeFileSync(build.folder, "");
    expect((await failureOfAsync(copyBinary(source, build))).what).toContain(`the folder ${build.folder}`);
    expect(readFileSync(build.folder, "utf8")).toBe("");
  });
});
