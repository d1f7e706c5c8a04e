import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HomeCopy } from "../../../src/upgrade/copy/home-copy.ts";
import { settleCopy } from "../../../src/upgrade/copy/settle-copy.ts";
import { snapshot } from "../archive/tree-snapshot.ts";
import { copyUnderChanges } from "./copy-under-changes.ts";

/** File systems whose files can share blocks, in a loop mount, which only root can make. */
const FILE_SYSTEMS = ["btrfs", "xfs"] as const;
const MIB = 1 << 20;

/** @returns what unmounts it; undefined where this machine cannot. */
function mount(kind: string, folder: string): (() => void) | undefined {
  if (process.geteuid?.() !== 0 || Bun.which(`mkfs.${kind}`) === null) return undefined;
  const image = join(folder, "image");
  const mounted = join(folder, "mounted");
  mkdirSync(mounted);
  writeFileSync(image, "");
  truncateSync(image, 400 * MIB);
  const ran = (...command: string[]) => Bun.spawnSync(command).exitCode === 0;
  if (!ran(`mkfs.${kind}`, "-q", image) || !ran("mount", "-o", "loop", image, mounted)) return undefined;
  return () => void Bun.spawnSync(["umount", "--lazy", mounted]);
}

describe.each(FILE_SYSTEMS)("on %s", (kind) => {
  test("a copy shares its blocks with the home, and is what the home was", async () => {
    const folder = mkdtempSync(join(tmpdir(), `nymvisor-${kind}-`));
    const unmount = mount(kind, folder);
    try {
      if (unmount === undefined) {
        console.warn(`SKIPPED: no loop mount of ${kind} here; nothing is tried with shared blocks`);
        return;
      }
      const mounted = join(folder, "mounted");
      const home = join(mounted, "home");
      mkdirSync(join(home, "nymvisor"), { recursive: true });
      const bytes = Buffer.alloc(100 * MIB);
      for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
      writeFileSync(join(home, "large"), bytes, { flush: true });
      const free = () => statfsSync(mounted).bavail * statfsSync(mounted).bsize;
      const before = free();
      const destination = join(home, "nymvisor", "copy");
      const copy = await HomeCopy.begin({ home, destination, excluded: [], exclude: [], rebuildable: [] });
      await copy.round();
      writeFileSync(join(home, "later"), bytes.subarray(0, 20 * MIB), { flush: true });
      const settled = await settleCopy(await copy.finish({ mapped: new Set() }));
      expect(snapshot(settled.tree)).toEqual(snapshot(home, (path) => path === "nymvisor"));
      // The later file itself, and what small files and the file system's own notes take.
      expect(before - free()).toBeLessThan(60 * MIB);
      for (const seed of [1, 2, 3, 4]) {
        const { home, copy } = await copyUnderChanges(mounted, seed, 300);
        expect({ seed, tree: copy }).toEqual({ seed, tree: home });
      }
    } finally {
      unmount?.();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);
});
