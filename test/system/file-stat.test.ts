import { describe, expect, test } from "bun:test";
import { closeSync, linkSync, lstatSync, mkdirSync, openSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { setModificationTime } from "../../src/system/file-calls.ts";
import { FILE_WORDS, FileStat, IDENTITY_WORDS, lookAtName, lookAtOpen, ofNode } from "../../src/system/file-stat.ts";
import { temporaryHome } from "../support/temporary-home.ts";

const FIELDS = ["dev", "ino", "mode", "nlink", "uid", "gid", "size", "blocks", "mtimeNs", "ctimeNs"] as const;

const fieldsOf = (stat: Pick<FileStat, (typeof FIELDS)[number]>) => FIELDS.map((field) => `${field} ${stat[field]}`);

describe("what a file is", () => {
  test("is what node tells, of files, folders, links, large ones, and times before 1970", () => {
    using home = temporaryHome();
    writeFileSync(home.at("file"), "x");
    linkSync(home.at("file"), home.at("other"));
    writeFileSync(home.at("large"), "");
    truncateSync(home.at("large"), 5 * 2 ** 32 + 7);
    mkdirSync(home.at("folder"));
    symlinkSync("nowhere", home.at("link"));
    writeFileSync(home.at("old"), "");
    setModificationTime(Buffer.from(home.at("old")), -1_500_000_000n);
    for (const name of ["file", "large", "folder", "link", "old"]) {
      const byNode = lstatSync(home.at(name), { bigint: true });
      for (const stat of [lookAtName(home.path, name), ofNode(byNode)]) {
        expect([name, ...fieldsOf(stat)]).toEqual([name, ...fieldsOf(byNode)]);
        expect([stat.isFile(), stat.hasSeveralNames]).toEqual([byNode.isFile(), byNode.nlink > 1n]);
        expect(stat.byteCount).toBe(Number(byNode.size));
      }
    }
    const file = openSync(home.at("large"), "r");
    expect(fieldsOf(lookAtOpen(file))).toEqual(fieldsOf(lstatSync(home.at("large"), { bigint: true })));
    closeSync(file);
  });

  test("cannot be told of what is not there, and the error says so", () => {
    using home = temporaryHome();
    expect(() => lookAtName(home.path, "nothing")).toThrow(expect.objectContaining({ code: "ENOENT" }));
    expect(() => lookAtOpen(-7)).toThrow(expect.objectContaining({ code: "EBADF" }));
  });
});

test("every part of an identity tells two states apart, and the first ones the file", () => {
  const words = new Uint32Array(64);
  const identityOf = () => {
    const identity = new Uint32Array(IDENTITY_WORDS);
    new FileStat(words).writeIdentity(identity, 0);
    return [...identity];
  };
  const before = identityOf();
  // In struct statx: device, inode, size, mtime and ctime.
  const [device, inode, ...others] = [
    [34, 35],
    [8, 9],
    [10, 11],
    [28, 29, 30],
    [24, 25, 26],
  ];
  for (const index of [device, inode, ...others].flat()) {
    if (index === undefined) throw new Error("no index");
    words[index] = 1;
    const after = identityOf();
    expect([index, after.some((word, at) => word !== before[at])]).toEqual([index, true]);
    const isOther = after.slice(0, FILE_WORDS).some((word, at) => word !== before[at]);
    expect([index, isOther]).toEqual([index, [device, inode].flat().includes(index)]);
    words[index] = 0;
  }
});
