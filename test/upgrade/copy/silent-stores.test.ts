import { dlopen, FFIType, toArrayBuffer } from "bun:ffi";
import { afterEach, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock, useClock } from "../../../src/system/clock.ts";
import { HomeCopy } from "../../../src/upgrade/copy/home-copy.ts";
import { settleCopy } from "../../../src/upgrade/copy/settle-copy.ts";
import { temporaryHome } from "../../support/temporary-home.ts";

const { ptr, u64, i32, i64 } = FFIType;
const { symbols: libc } = dlopen("libc.so.6", {
  mmap: { args: [ptr, u64, i32, i32, i32, i64], returns: ptr },
});

const PAGE = 4096;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

afterEach(() => useClock(undefined));

test("a store into a page that was stored into before the copy is not overlooked", async () => {
  using home = temporaryHome();
  const path = home.at("database-shm");
  writeFileSync(path, Buffer.alloc(PAGE, "a"), { flush: true });
  const file = openSync(path, "r+");
  const address = libc.mmap(null, BigInt(PAGE), PROT_READ_WRITE, MAP_SHARED, file, 0n);
  if (address === null) throw new Error("it cannot be mapped");
  closeSync(file);
  const bytes = new Uint8Array(toArrayBuffer(address, 0, PAGE));
  bytes[0] = 1;
  const wall = () => BigInt(Date.now()) * 1_000_000n + 3_600_000_000_000n;
  useClock(() => ({ ...systemClock, monotonic: () => process.hrtime.bigint(), wall }));

  const { mtimeNs } = statSync(path, { bigint: true });
  bytes[1] = 1;
  // What makes such stores dangerous: without a write-back in between they leave no trace.
  expect(statSync(path, { bigint: true }).mtimeNs).toBe(mtimeNs);

  const destination = home.at("nymvisor");
  const copy = await HomeCopy.begin({ home: home.path, destination, excluded: [], exclude: [], rebuildable: [] });
  await copy.round();
  bytes[2] = 1;
  const { tree } = await settleCopy(await copy.finish({ mapped: new Set() }));
  expect(readFileSync(join(tree, "database-shm")).subarray(0, 4)).toEqual(Buffer.of(1, 1, 1, 0x61));
});
