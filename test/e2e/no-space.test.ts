import { describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { temporaryHome } from "../support/temporary-home.ts";
import { expectFailure, expectSuccess } from "./support/expect.ts";
import { Instance, nextBinary, takeIn } from "./support/instance.ts";
import { nymvisor } from "./support/nymvisor.ts";
import { hasSmallDisks, mountSmallDisk } from "./support/small-disk.ts";
import { contentsOf, listTree } from "./support/tree.ts";

const PAGE = 4096;

/** Fills a disk but for so many pages. */
function fill(path: string, pagesLeft: number): void {
  try {
    for (;;) appendFileSync(path, new Uint8Array(PAGE));
  } catch (error) {
    expect(error).toHaveProperty("code", "ENOSPC");
  }
  const { size } = Bun.file(path);
  writeFileSync(path, new Uint8Array(size - (size % PAGE) - pagesLeft * PAGE));
}

describe.skipIf(!hasSmallDisks)("on a full disk", () => {
  test("init says so and where, leaves nothing unfinished, and succeeds once there is room", async () => {
    using home = temporaryHome();
    mkdirSync(home.at(".nym"));
    await using disk = await mountSmallDisk(home.at(".nym"), 64 * PAGE);
    const binary = nextBinary(home, "1.0.0");
    const words = ["init", "--daemon-home", home.at("node"), binary];
    const seen = disk.seen(home.at(".nym"));
    // What was made in time stays, so a few pages more are enough at last.
    let failures = 0;
    for (let pages = 0; pages < 9; pages += 1) {
      fill(`${seen}/filler`, pages);
      const ended = await nymvisor(home, words, disk);
      expect(listTree(seen).filter((line) => /tmp|lock/.test(line))).toEqual([]);
      if (ended.status === 0) break;
      expectFailure(ended, 1, "ENOSPC", "df -h", home.at(".nym"));
      failures += 1;
    }
    expect(failures).toBeWithin(2, 9);
    expect(expectSuccess(await nymvisor(home, ["daemon-build-info"], disk))).toContain("1.0.0");
  });

  test("add-upgrade says so and where, and leaves a plan that is whole, however little room there is", async () => {
    using home = temporaryHome();
    const data = home.at(".nym/nymvisors/data");
    mkdirSync(data, { recursive: true });
    await using disk = await mountSmallDisk(data, 64 * PAGE);
    await takeIn(home, disk);
    const instance = new Instance(home, { data: disk.seen(`${data}/nym-node`) });
    const binary = nextBinary(home, "1.1.0");
    const filler = disk.seen(`${data}/filler`);
    const before = readFileSync(instance.planPath);
    const outcomes: (number | null)[] = [];
    for (const pages of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
      fill(filler, pages);
      const ended = await nymvisor(home, ["add-upgrade", "--force", "--upgrade-name", `x${pages}`, binary], disk);
      outcomes.push(ended.status);
      expect(listTree(disk.seen(data)).filter((line) => /tmp|lock/.test(line))).toEqual([]);
      if (ended.status === 0) continue;
      expectFailure(ended, 1, "ENOSPC", data);
      expect(readFileSync(instance.planPath)).toEqual(before);
    }
    expect(outcomes[0]).toBe(1);
    expect(outcomes.at(-1)).toBe(0);
    expect(instance.queue()).toContain("x8");
  });

  test("config works on, as it writes nothing", async () => {
    using home = temporaryHome();
    mkdirSync(home.at(".nym"));
    await using disk = await mountSmallDisk(home.at(".nym"), 64 * PAGE);
    await takeIn(home, disk);
    const seen = disk.seen(home.at(".nym"));
    fill(`${seen}/filler`, 0);
    const before = contentsOf(seen);
    expectSuccess(await nymvisor(home, ["config"], disk));
    expect(contentsOf(seen)).toEqual(before);
  });
});
