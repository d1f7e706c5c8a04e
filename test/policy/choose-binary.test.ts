import { describe, expect, test } from "bun:test";
import { chooseBinary, platformKey } from "../../src/policy/choose-binary.ts";
import { upgradeInfo } from "../support/upgrades.ts";

const SHA256 = "6b34e381c5f89ac46c6539678e4a9ba2354ef43993f102180f3ca3b5236966c5";
const SHA512 = SHA256 + SHA256;
const url = "https://example.org/nym-node";
const here = "linux-x86_64";

const announced = (platforms: Record<string, unknown>) => upgradeInfo({ platforms });

test.each([
  ["linux", "x64", "linux-x86_64"],
  ["linux", "arm64", "linux-aarch64"],
  ["darwin", "arm64", "darwin-aarch64"],
  ["linux", "riscv64", "linux-riscv64"],
])("%s on %s is Rust's %s", (platform, architecture, key) => {
  expect(platformKey(platform, architecture)).toBe(key);
});

describe("the binary of an upgrade", () => {
  test("is the one for this platform", () => {
    const info = announced({
      any: { url: "https://example.org/any", checksum: SHA256, checksumAlgorithm: "sha256" },
      [here]: { url, checksum: SHA256, checksumAlgorithm: "sha256" },
    });
    expect(chooseBinary(info, here, true)).toEqual({
      found: true,
      binary: { url, checksum: { algorithm: "sha256", hex: SHA256 } },
    });
  });

  test("is the one for any platform where this one has none", () => {
    const info = announced({
      "linux-aarch64": { url: "https://example.org/arm", checksum: SHA256, checksumAlgorithm: "sha256" },
      any: { url, checksum: SHA512, checksumAlgorithm: "sha512" },
    });
    expect(chooseBinary(info, here, true)).toEqual({
      found: true,
      binary: { url, checksum: { algorithm: "sha512", hex: SHA512 } },
    });
  });

  test.each([
    ["SHA256", SHA256.toUpperCase()],
    ["sha-256", ` ${SHA256}\n`],
  ])("may have its checksum written as %s and in capitals", (checksumAlgorithm, checksum) => {
    expect(chooseBinary(announced({ [here]: { url, checksum, checksumAlgorithm } }), here, true)).toMatchObject({
      found: true,
      binary: { checksum: { algorithm: "sha256", hex: SHA256 } },
    });
  });

  test("is not looked for among what an object inherits", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      const reason = `it is announced for no platform at all, and this machine is ${name}`;
      expect(chooseBinary(announced({}), name, false)).toEqual({ found: false, reason });
    }
  });

  test("is not hidden by what is wrong with another platform", () => {
    const info = announced({ "darwin-aarch64": 7, "linux-mips": null, [here]: { url } });
    expect(chooseBinary(info, here, false)).toEqual({ found: true, binary: { url, checksum: null } });
  });

  test("does not fall back to any when the entry for this platform is broken", () => {
    expect(chooseBinary(announced({ [here]: { checksum: SHA256 }, any: { url } }), here, false)).toEqual({
      found: false,
      reason: "its entry for linux-x86_64 has no usable url",
    });
  });

  test.each([[{}], [{ checksum: null, checksumAlgorithm: null }], [{ checksum: "  " }], [{ checksum: "" }]])(
    "without a checksum (%j) is taken only where none is enforced",
    (rest) => {
      const info = announced({ [here]: { url, ...rest } });
      expect(chooseBinary(info, here, false)).toEqual({ found: true, binary: { url, checksum: null } });
      expect(chooseBinary(info, here, true)).toEqual({
        found: false,
        reason: "it is announced without a checksum for linux-x86_64, and checksums are enforced",
      });
    },
  );

  test.each([
    [{ checksum: SHA256, checksumAlgorithm: "md5" }, '"md5" is not a checksum algorithm'],
    [{ checksum: SHA256 }, '"" is not a checksum algorithm'],
    [{ checksum: SHA256, checksumAlgorithm: "constructor" }, '"constructor" is not a checksum algorithm'],
    [{ checksum: SHA256, checksumAlgorithm: "sha512" }, "not 128 hex digits of sha512"],
    [{ checksum: SHA256.slice(1), checksumAlgorithm: "sha256" }, "not 64 hex digits of sha256"],
    [{ checksum: `${SHA256.slice(1)}g`, checksumAlgorithm: "sha256" }, "not 64 hex digits of sha256"],
  ])("with a checksum that cannot be checked (%j) is refused, enforced or not", (rest, reason) => {
    for (const enforce of [true, false]) {
      const choice = chooseBinary(announced({ [here]: { url, ...rest } }), here, enforce);
      expect(choice).toMatchObject({ found: false, reason: expect.stringContaining(reason) });
    }
  });

  test("that is not there is explained with what is there, on one line", () => {
    const info = announced({ "linux-aarch64": { url }, "darwin\n\u001b[31m": { url } });
    expect(chooseBinary(info, here, false)).toEqual({
      found: false,
      reason: "it is announced for linux-aarch64, darwin\\n\\u001b[31m, and this machine is linux-x86_64",
    });
    expect(chooseBinary(announced({}), here, false)).toEqual({
      found: false,
      reason: "it is announced for no platform at all, and this machine is linux-x86_64",
    });
  });
});
