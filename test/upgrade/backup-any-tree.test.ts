import { expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { backUp } from "../../src/upgrade/backup.ts";
import { extractArchive } from "../../src/upgrade/backups/extract.ts";
import { checkGzip, extract } from "./archive/gnu-tar.ts";
import { inRoot, snapshot } from "./archive/tree-snapshot.ts";

/** Any byte but the two that no name may hold, in lengths around the ustar limit of 100 as well. */
const byte = fc.integer({ min: 1, max: 255 }).map((code) => (code === 0x2f ? "_" : String.fromCharCode(code)));
const name = fc
  .oneof(
    fc.string({ unit: byte, minLength: 1, maxLength: 12 }),
    fc.string({ unit: byte, minLength: 97, maxLength: 103 }),
    fc.constantFrom("config", "data", "nymvisor", "naïve"),
  )
  .filter((text) => text !== "." && text !== "..");

const contents = fc.record({
  kind: fc.constantFrom("text", "random", "zeros"),
  length: fc.oneof(fc.constantFrom(0, 1, 511, 512, 513, 1024), fc.nat(5000), fc.nat(1_200_000)),
});

const thing = fc.record({
  kind: fc.constantFrom("file", "file", "folder", "symbolic link", "hard link"),
  /** Which of the folders made so far it lies in, and which of the files made so far it is a link to. */
  where: fc.nat(),
  name,
  contents,
  target: fc.string({ unit: byte, minLength: 1, maxLength: 120 }),
  mode: fc.nat(0o7777),
  /** Seconds, with a fraction; from 1900 on ext4's first representable year is 1901. */
  time: fc.double({ min: -2_000_000_000, max: 4_000_000_000, noNaN: true }),
});

type Thing = typeof thing extends fc.Arbitrary<infer T> ? T : never;

const random = Buffer.from(
  Array.from({ length: 20 }, () => crypto.getRandomValues(new Uint8Array(65_536))).flatMap((part) => [...part]),
);

function bytes({ kind, length }: Thing["contents"]): Buffer {
  if (kind === "zeros") return Buffer.alloc(length);
  return kind === "text" ? Buffer.alloc(length, "mixnode gateway ") : random.subarray(0, length);
}

/** What cannot be made (a name that is taken) is passed over. */
function grow(root: string, things: readonly Thing[]): void {
  const folders = [""];
  const files: string[] = [];
  const made: Thing[] = [];
  const paths: string[] = [];
  for (const each of things) {
    const parent = folders[each.where % folders.length] ?? "";
    const path = parent === "" ? each.name : `${parent}/${each.name}`;
    if (paths.includes(path)) continue;
    const absolute = inRoot(root, path);
    const file = files[each.where % files.length];
    if (each.kind === "hard link" && file === undefined) continue;
    if (each.kind === "file") writeFileSync(absolute, bytes(each.contents));
    else if (each.kind === "folder") mkdirSync(absolute);
    else if (each.kind === "symbolic link") symlinkSync(Buffer.from(each.target, "latin1"), absolute);
    else linkSync(inRoot(root, file ?? ""), absolute);
    if (each.kind === "file") files.push(path);
    if (each.kind === "folder") folders.push(path);
    paths.push(path);
    made.push(each);
  }
  // Children before their folders, whose times they would change.
  for (let index = paths.length - 1; index >= 0; index -= 1) {
    const each = made[index];
    if (each === undefined) continue;
    const absolute = inRoot(root, paths[index] ?? "");
    if (each.kind === "symbolic link") {
      lutimesSync(absolute, each.time, each.time);
      continue;
    }
    // Readable by its owner, or a user who is not root could not back it up.
    chmodSync(absolute, each.mode | (each.kind === "folder" ? 0o700 : 0o400));
    utimesSync(absolute, each.time, each.time);
  }
}

test("any tree comes back as it was", async () => {
  const property = fc.asyncProperty(fc.array(thing, { maxLength: 25 }), async (things) => {
    const folder = mkdtempSync(join(tmpdir(), "nymvisor-any-tree-"));
    try {
      const home = join(folder, "home");
      const out = join(folder, "out");
      mkdirSync(home);
      mkdirSync(out);
      grow(home, things);
      const backup = await backUp({ home, backups: join(folder, "backups"), name: "v2", at: 0n });
      checkGzip(backup.path);
      extract(backup.path, out);
      expect(snapshot(out)).toEqual(snapshot(home, (path) => path === "nymvisor"));
      expect(backup.disturbed).toEqual([]);
      const again = join(folder, "again");
      mkdirSync(again);
      const restored = await extractArchive({ archive: backup.path, into: again });
      expect(restored.head).toBeDefined();
      expect(snapshot(again)).toEqual(snapshot(out));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
  await fc.assert(property, { numRuns: 60 });
}, 20_000);
