import { expect, test } from "bun:test";
import fc from "fast-check";
import { asBytePath, encodePath } from "../../../src/upgrade/archive/byte-path.ts";
import { BLOCK, padding, type TarEntry, tarHeader } from "../../../src/upgrade/archive/tar-header.ts";

function entry(changes: Partial<TarEntry> = {}): TarEntry {
  return {
    name: encodePath("config/config.toml"),
    kind: "file",
    mode: 0o640,
    uid: 1000,
    gid: 100,
    size: 12,
    mtime: 1_795_263_697_000_000_000n,
    ...changes,
  };
}

function field(block: Buffer, offset: number, length: number): string {
  return block.toString("latin1", offset, offset + length).replace(/\0.*$/s, "");
}

/** The last block, and the records of the extended header before it. */
function parse(header: Buffer): { own: Buffer; records: Record<string, string> } {
  const records: Record<string, string> = {};
  expect(header.length % BLOCK).toBe(0);
  if (header.length > BLOCK) {
    expect(field(header, 156, 1)).toBe("x");
    const size = Number.parseInt(field(header, 124, 12), 8);
    expect(header.length).toBe(BLOCK + size + padding(size) + BLOCK);
    for (let rest = header.toString("latin1", BLOCK, BLOCK + size); rest !== ""; ) {
      const length = Number(rest.slice(0, rest.indexOf(" ")));
      const record = rest.slice(0, length);
      expect(record.endsWith("\n")).toBe(true);
      const equals = record.indexOf("=");
      records[record.slice(record.indexOf(" ") + 1, equals)] = record.slice(equals + 1, -1);
      rest = rest.slice(length);
    }
  }
  return { own: header.subarray(-BLOCK), records };
}

test("a plain file needs one block", () => {
  const { own, records } = parse(tarHeader(entry()));
  expect(records).toEqual({});
  expect(field(own, 0, 100)).toBe("config/config.toml");
  expect(field(own, 100, 8)).toBe("0000640");
  expect(field(own, 108, 8)).toBe("0001750");
  expect(field(own, 116, 8)).toBe("0000144");
  expect(field(own, 124, 12)).toBe("00000000014");
  expect(Number.parseInt(field(own, 136, 12), 8)).toBe(1_795_263_697);
  expect(field(own, 156, 1)).toBe("0");
  expect(own.toString("latin1", 257, 265)).toBe("ustar\x0000");
  expect(own.toString("latin1", 265, 329)).toBe("\0".repeat(64));
});

test("the checksum is the sum of the block with spaces in its place", () => {
  const { own } = parse(tarHeader(entry()));
  const sum = Buffer.from(own)
    .fill(" ", 148, 156)
    .reduce((total, byte) => total + byte, 0);
  expect(Number.parseInt(field(own, 148, 6), 8)).toBe(sum);
});

test("folders end in a slash, and types above the permission bits stay out of the mode", () => {
  const { own } = parse(tarHeader(entry({ kind: "folder", name: encodePath("config"), mode: 0o43755, size: 0 })));
  expect(field(own, 0, 100)).toBe("config/");
  expect(field(own, 156, 1)).toBe("5");
  expect(field(own, 100, 8)).toBe("0003755");
});

test("names and targets of up to 100 bytes need no extension, longer ones have one", () => {
  const fits = asBytePath("n".repeat(100));
  const long = asBytePath("n".repeat(101));
  expect(parse(tarHeader(entry({ name: fits }))).records).toEqual({});
  expect(parse(tarHeader(entry({ name: long }))).records).toEqual({ path: long });
  expect(parse(tarHeader(entry({ name: fits, kind: "folder" }))).records).toEqual({ path: `${fits}/` });
  expect(parse(tarHeader(entry({ kind: "symbolic link", target: long }))).records).toEqual({ linkpath: long });
  expect(field(parse(tarHeader(entry({ kind: "symbolic link", target: fits }))).own, 157, 100)).toBe(fits);
});

test("a long name that is not UTF-8 is declared as bytes", () => {
  const name = asBytePath("\xff".repeat(101));
  expect(parse(tarHeader(entry({ name }))).records).toEqual({ hdrcharset: "BINARY", path: name });
  const utf8 = encodePath("é".repeat(60));
  expect(parse(tarHeader(entry({ name: utf8 }))).records).toEqual({ path: utf8 });
});

test.each([
  [1_795_263_697_954_352_301n, "1795263697.954352301"],
  [1_500_000_000n, "1.5"],
  [-1_500_000_000n, "-1.5"],
  [-1_000_000_000n, "-1"],
  [-1n, "-0.000000001"],
  [8n ** 11n * 1_000_000_000n, "8589934592"],
])("a time of %p ns is written as %p", (mtime, expected) => {
  expect(parse(tarHeader(entry({ mtime }))).records).toEqual({ mtime: expected });
});

test("numbers that ustar has no room for are extended", () => {
  const size = 8 * 2 ** 30;
  expect(parse(tarHeader(entry({ size: size - 1, uid: 0o7777777 }))).records).toEqual({});
  const { own, records } = parse(tarHeader(entry({ size, uid: 3_000_000, gid: 4_000_000_000 })));
  expect(records).toEqual({ size: "8589934592", uid: "3000000", gid: "4000000000" });
  expect(field(own, 124, 12)).toBe("77777777777");
});

test("extended attributes are records whose values are any bytes", () => {
  const attributes = [{ name: asBytePath("user.a=b%c"), value: Uint8Array.of(0, 10, 255) }];
  expect(parse(tarHeader(entry({ attributes }))).records).toEqual({ "SCHILY.xattr.user.a%3Db%25c": "\0\n\xff" });
});

test("the length of a record counts its own digits, at every length", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1200 }), (value) => {
      const { records } = parse(tarHeader(entry({ attributes: [{ name: asBytePath("user.x"), value }] })));
      expect(records["SCHILY.xattr.user.x"]).toBe(Buffer.from(value).toString("latin1"));
    }),
  );
});
