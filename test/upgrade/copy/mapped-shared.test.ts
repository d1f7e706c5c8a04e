import { dlopen, FFIType } from "bun:ffi";
import { expect, test } from "bun:test";
import { closeSync, openSync, statSync, writeFileSync } from "node:fs";
import { mappedShared } from "../../../src/upgrade/copy/mapped-shared.ts";
import { temporaryHome } from "../../support/temporary-home.ts";

const { ptr, u64, i32, i64 } = FFIType;
const { symbols: libc } = dlopen("libc.so.6", {
  mmap: { args: [ptr, u64, i32, i32, i32, i64], returns: ptr },
});

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;

function map(path: string, rights: number, kind: number): string {
  writeFileSync(path, "x".repeat(5000));
  const file = openSync(path, "r+");
  if (libc.mmap(null, 4096n, rights, kind, file, 0n) === null) throw new Error("it cannot be mapped");
  closeSync(file);
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}

test("a file counts as mapped where stores reach it, and only there", () => {
  using home = temporaryHome("with spaces");
  const shared = map(home.at("shared"), PROT_READ | PROT_WRITE, MAP_SHARED);
  const onlyRead = map(home.at("only-read"), PROT_READ, MAP_SHARED);
  const own = map(home.at("own"), PROT_READ | PROT_WRITE, MAP_PRIVATE);
  const found = mappedShared([process.pid]);
  expect([shared, onlyRead, own].map((identity) => found.has(identity))).toEqual([true, false, false]);
});

test("a process that has ended maps nothing", async () => {
  const child = Bun.spawn(["true"]);
  await child.exited;
  expect(mappedShared([child.pid])).toEqual(new Set());
});
