import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { buildLayout, type Layout } from "../../src/model/paths.ts";
import { readCurrent, switchCurrent } from "../../src/upgrade/current.ts";
import { failureOf } from "../support/failure.ts";
import { emptyInstance } from "../support/instance.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

let home: TemporaryHome;
let layout: Layout;

beforeEach(() => {
  home = temporaryHome();
  layout = emptyInstance(home).layout;
});
afterEach(() => home[Symbol.dispose]());

describe("the link to what runs", () => {
  test.each([
    ["genesis", "genesis"],
    ["upgrades/1.1.0", "1.1.0"],
    ["./upgrades/1.1.0/", "1.1.0"],
    ["upgrades//1.1.0/.", "1.1.0"],
    ["/home/nym/.nym/nymvisors/data/nym-node/genesis", "genesis"],
    ["/home/nym/.nym/nymvisors/data/nym-node/upgrades/1.1.0", "1.1.0"],
    ["/somewhere/upgrades/genesis/genesis", "genesis"],
    ["upgrades/constructor", "constructor"],
    ['upgrades/with space\'s "quotes"', 'with space\'s "quotes"'],
  ])("to %s names the build %p", (target, name) => {
    symlinkSync(target, layout.current);
    expect(readCurrent(layout)).toBe(name);
  });

  test.each(["upgrades", "elsewhere", "/", "upgrades/1.1.0/bin", "..", "genesis/bin"])(
    "to %s names no build, and says what to type",
    (target) => {
      symlinkSync(target, layout.current);
      expect(failureOf(() => readCurrent(layout))).toMatchObject({
        what: `${layout.current} points to ${target}`,
        next: `point it to a build: ln -sfn genesis ${layout.current}`,
      });
    },
  );

  test("may not be there", () => {
    expect(readCurrent(layout)).toBeUndefined();
  });

  test.each([
    ["a file", () => writeFileSync(layout.current, "")],
    ["a folder", () => mkdirSync(layout.current)],
  ])("is not what %s of its name is", (_, make) => {
    make();
    expect(failureOf(() => readCurrent(layout))).toMatchObject({
      why: "it is a file or a folder",
      next: `move it away: mv ${layout.current} ${layout.current}.bad`,
    });
  });

  test("is moved to a build by a relative path, which survives a moved folder", () => {
    for (const [name, link] of [
      ["genesis", "genesis"],
      ["1.1.0", "upgrades/1.1.0"],
    ] as const) {
      switchCurrent(layout, buildLayout(layout, name));
      expect(readlinkSync(layout.current)).toBe(link);
      expect(readCurrent(layout)).toBe(name);
    }
  });
});
