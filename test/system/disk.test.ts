import { afterEach, describe, expect, test } from "bun:test";
import { AsyncLocalStorage } from "node:async_hooks";
import * as fs from "node:fs";
import * as seam from "../../src/system/disk.ts";
import { type Disk, disk, nodeDisk, useDisk } from "../../src/system/disk.ts";
import { tryExclusiveLock } from "../../src/system/libc.ts";

let giveBack: (() => void) | undefined;
afterEach(() => giveBack?.());

/** A disk that tells its name, by a method that needs its `this`. */
function named(name: string): Disk {
  const disk = {
    ...nodeDisk,
    name,
    realpathSync(path: string): string {
      return `${path} on ${this.name}`;
    },
  };
  return disk;
}

describe("the disk in use", () => {
  test("is node's own, function by function, and flock", () => {
    expect(disk).toBe(nodeDisk);
    const { tryExclusiveLock: lock, ...others } = nodeDisk;
    expect(lock).toBe(tryExclusiveLock);
    const real = new Map<string, unknown>(Object.entries(fs));
    for (const [name, member] of Object.entries<unknown>(others)) expect(member).toBe(real.get(name));
  });

  test("is another for whoever has imported it already, and node's again afterwards", () => {
    giveBack = useDisk(() => named("A"));
    expect(seam.disk.realpathSync("/x")).toBe("/x on A");
    expect(Object.keys(seam.disk).sort()).toEqual(Object.keys(nodeDisk).sort());
    giveBack();
    expect(seam.disk).toBe(nodeDisk);
  });

  test("is asked for at each call, so that each process of a simulation has its own", async () => {
    const processes = new AsyncLocalStorage<Disk>();
    giveBack = useDisk(() => processes.getStore() ?? nodeDisk);
    const process = async (name: string) => {
      const before = disk.realpathSync("/x");
      await Bun.sleep(0);
      return [before, disk.realpathSync("/x"), name];
    };
    const found = await Promise.all(["A", "B"].map((name) => processes.run(named(name), process, name)));
    expect(found).toEqual([
      ["/x on A", "/x on A", "A"],
      ["/x on B", "/x on B", "B"],
    ]);
    expect(disk.realpathSync("/")).toBe("/");
  });
});
