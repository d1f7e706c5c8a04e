import { expect, test } from "bun:test";
import { randomFillSync } from "node:crypto";
import { gunzipSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { CHUNK } from "../../../src/upgrade/archive/deflate-chunk.ts";
import { GzipWriter } from "../../../src/upgrade/archive/gzip-writer.ts";

/** Collects copies, because what a sink is given may be used again afterwards. */
function collector() {
  const parts: Buffer[] = [];
  const sink = (given: readonly Uint8Array[]) => {
    for (const part of given) parts.push(Buffer.from(part));
  };
  return { sink, size: () => parts.reduce((sum, part) => sum + part.length, 0), bytes: () => Buffer.concat(parts) };
}

async function gzip(contents: Uint8Array, step = contents.length || 1): Promise<Buffer> {
  const { sink, bytes } = collector();
  const writer = new GzipWriter(sink);
  for (let start = 0; start < contents.length; start += step)
    await writer.write(contents.subarray(start, start + step));
  await writer.end();
  return bytes();
}

const random = randomFillSync(Buffer.alloc(3 * CHUNK));
const text = Buffer.alloc(3 * CHUNK, "validator gateway mixnode 0123456789\n");

test.each([0, 1, 511, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 77])("%d bytes come back", async (length) => {
  for (const source of [random, text, Buffer.alloc(3 * CHUNK)]) {
    const contents = source.subarray(0, length);
    expect(gunzipSync(await gzip(contents)).equals(contents)).toBe(true);
  }
});

test("whatever is written in whatever steps comes back", async () => {
  const piece = fc.record({
    kind: fc.constantFrom("random", "text", "zeros"),
    offset: fc.nat(CHUNK),
    length: fc.oneof(fc.nat(2000), fc.nat(CHUNK + 5000)),
  });
  const property = fc.asyncProperty(
    fc.array(piece, { maxLength: 6 }),
    fc.integer({ min: 1000, max: CHUNK * 2 }),
    async (pieces, step) => {
      const parts = pieces.map(({ kind, offset, length }) =>
        kind === "zeros" ? Buffer.alloc(length) : (kind === "text" ? text : random).subarray(offset, offset + length),
      );
      const contents = Buffer.concat(parts);
      expect(gunzipSync(await gzip(contents, step)).equals(contents)).toBe(true);
    },
  );
  await fc.assert(property, { numRuns: 40 });
});

test("it is one member: ten bytes of header, one deflate stream, eight bytes of trailer", async () => {
  const archive = await gzip(Buffer.concat([random, text]));
  // inflateRaw stops at the last block; had it stopped before the trailer, less would have come out.
  expect(inflateRawSync(archive.subarray(10, -8)).length).toBe(random.length + text.length);
  expect([...archive.subarray(0, 4)]).toEqual([0x1f, 0x8b, 8, 0]);
});

test("random bytes are stored, with next to nothing added", async () => {
  expect((await gzip(random)).length).toBeLessThan(random.length * 1.0002 + 64);
});

test("bytes that only look compressible are never made longer", async () => {
  // Zeros exactly where samples are taken at the ends; the rest is random.
  const contents = Buffer.from(random.subarray(0, CHUNK));
  contents.fill(0, 0, 4096);
  contents.fill(0, CHUNK - 4096);
  const archive = await gzip(contents);
  expect(gunzipSync(archive).equals(contents)).toBe(true);
  expect(archive.length).toBeLessThan(contents.length * 1.0002 + 64);
});

test("text shrinks, and holes come to nearly nothing", async () => {
  expect((await gzip(text)).length).toBeLessThan(text.length / 50);
  const { sink, size } = collector();
  const writer = new GzipWriter(sink);
  await writer.writeZeros(64 * CHUNK);
  await writer.end();
  expect(size()).toBeLessThan((64 * CHUNK) / 900);
});

test("the length in the trailer wraps around at 4 GiB", async () => {
  let last = Buffer.alloc(0);
  const writer = new GzipWriter((parts) => {
    last = Buffer.from(parts.at(-1) ?? []);
  });
  await writer.writeZeros(2 ** 32);
  await writer.writeZeros(12_345);
  await writer.end();
  expect(last.readUInt32LE(4)).toBe(12_345);
});

test("what was filled in directly comes back too", async () => {
  const { sink, bytes } = collector();
  const writer = new GzipWriter(sink);
  for (let position = 0; position < text.length; ) {
    const room = writer.room();
    expect(room.length).toBeGreaterThan(0);
    const count = Math.min(room.length, 100_000, text.length - position);
    room.set(text.subarray(position, position + count));
    position += count;
    await writer.filled(count);
  }
  await writer.end();
  expect(gunzipSync(bytes()).equals(text)).toBe(true);
});

test("only a few chunks are in memory at a time", async () => {
  const { sink, size } = collector();
  const writer = new GzipWriter(sink);
  for (let chunk = 0; chunk < 30; chunk += 1) {
    await writer.write(random.subarray(0, CHUNK));
    expect((chunk + 1) * CHUNK - size()).toBeLessThanOrEqual(6 * CHUNK);
  }
});

test("a sink that fails fails the writer", async () => {
  let allowed = 3;
  const writer = new GzipWriter(() => {
    allowed -= 1;
    if (allowed < 0) throw new Error("the disk is full");
  });
  const write = async () => {
    for (let chunk = 0; chunk < 20; chunk += 1) await writer.write(text.subarray(0, CHUNK));
  };
  await expect(write()).rejects.toThrow("the disk is full");
});

test("other work goes on between chunks that need no compression", async () => {
  const writer = new GzipWriter(() => {});
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 0);
  for (let chunk = 0; chunk < 200; chunk += 1) await writer.write(random.subarray(0, CHUNK));
  clearInterval(timer);
  expect(turns).toBeGreaterThan(5);
});
