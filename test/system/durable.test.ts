import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { NymvisorError } from "../../src/model/errors.ts";
import {
  makeFolderDurably,
  publishFileDurably,
  removeFileDurably,
  replaceLinkDurably,
  setAside,
  sweepTemporaries,
  temporaryName,
  writeFileDurably,
} from "../../src/system/durable.ts";
import { self } from "../../src/system/process-table.ts";
import { failureOf } from "../support/failure.ts";
import { AS_NOBODY, isRoot, runProgram, startProgram } from "../support/program.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

let home: TemporaryHome;
let path: string;

beforeEach(() => {
  home = temporaryHome();
  path = home.at("document.json");
});
afterEach(() => home[Symbol.dispose]());

const modeOf = (file: string) => lstatSync(file).mode & 0o7777;

describe("a file that is written durably", () => {
  test("is made, and replaced as a whole", () => {
    writeFileDurably(path, "the first and longer contents");
    expect(readFileSync(path, "utf8")).toBe("the first and longer contents");
    writeFileDurably(path, Uint8Array.of(0, 255, 10));
    expect([...readFileSync(path)]).toEqual([0, 255, 10]);
    writeFileDurably(path, "");
    expect(readFileSync(path, "utf8")).toBe("");
    expect(readdirSync(home.path)).toEqual(["document.json"]);
  });

  test("may have a name of any characters", () => {
    const odd = home.at(`it's "a" & b\n\u00fc.json`);
    writeFileDurably(odd, "{}");
    expect(readFileSync(odd, "utf8")).toBe("{}");
  });

  test.each([
    [0o600, 0o777],
    [0o600, 0o000],
    [0o644, 0o077],
    [0o755, 0o022],
  ])("has the mode %o under the umask %o", (mode, umask) => {
    const before = process.umask(umask);
    try {
      writeFileDurably(path, "secret", { mode });
    } finally {
      process.umask(before);
    }
    expect(modeOf(path)).toBe(mode);
  });

  test("gets its mode also where another file stood before", () => {
    writeFileSync(path, "old");
    chmodSync(path, 0o666);
    writeFileDurably(path, "new", { mode: 0o600 });
    expect(modeOf(path)).toBe(0o600);
  });

  test("goes by the umask where no mode is asked for", () => {
    const before = process.umask(0o027);
    try {
      writeFileDurably(path, "{}");
    } finally {
      process.umask(before);
    }
    expect(modeOf(path)).toBe(0o640);
  });

  test("keeps the mode of the file that it replaces, whatever the umask", () => {
    writeFileSync(path, "old");
    chmodSync(path, 0o644);
    const before = process.umask(0o077);
    try {
      writeFileDurably(path, "new");
    } finally {
      process.umask(before);
    }
    expect(modeOf(path)).toBe(0o644);
  });

  test("is whole for every reader at every moment", async () => {
    const whole = ["a", "b"].map((letter) => letter.repeat(100_000));
    writeFileDurably(path, whole[0] ?? "");
    const writer = startProgram(
      `import { writeFileDurably } from "#/system/durable.ts";
       for (let turn = 0; turn < 100; turn += 1) writeFileDurably(${JSON.stringify(path)}, "ab"[turn % 2].repeat(100_000));`,
    );
    let running = true;
    const ended = writer.exited.then(() => (running = false));
    const seen = new Set<string>();
    while (running) {
      for (let look = 0; look < 50; look += 1) seen.add(readFileSync(path, "utf8"));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    expect(writer.exitCode).toBe(0);
    expect([...seen].every((text) => whole.includes(text))).toBe(true);
  });
});

describe("a link in the place of a file", () => {
  test.each([
    ["a relative", "real.json"],
    ["an absolute", () => home.at("real.json")],
    ["a roundabout", "../home/./real.json"],
  ])("with %s target stays, and what it leads to is written", (_, target) => {
    symlinkSync(typeof target === "string" ? target : target(), path);
    for (const contents of ["made through a link that led nowhere", "replaced"]) {
      writeFileDurably(path, contents);
      expect(lstatSync(path).isSymbolicLink()).toBe(true);
      expect(lstatSync(home.at("real.json")).isFile()).toBe(true);
      expect(readFileSync(home.at("real.json"), "utf8")).toBe(contents);
    }
  });

  test("may lead to another link, in another folder, that leads nowhere yet", () => {
    mkdirSync(home.at("etc"));
    mkdirSync(home.at("elsewhere"));
    symlinkSync("elsewhere", home.at("way"));
    symlinkSync("way/link", path);
    symlinkSync("../etc/real.json", home.at("elsewhere/link"));
    writeFileDurably(path, "{}");
    expect(readFileSync(home.at("etc/real.json"), "utf8")).toBe("{}");
    expect(readlinkSync(home.at("elsewhere/link"))).toBe("../etc/real.json");
  });

  test("that leads in a circle is an error that a person can read", () => {
    symlinkSync("document.json", path);
    expect(failureOf(() => writeFileDurably(path, "{}"))).toMatchObject({
      what: `${path} cannot be written`,
      why: "the path leads through too many links (ELOOP)",
    });
  });
});

describe("a write that fails", () => {
  test("for want of the folder says so, and what to look at", () => {
    expect(failureOf(() => writeFileDurably(home.at("missing/file"), "{}"))).toMatchObject({
      what: `${home.at("missing/file")} cannot be written`,
      why: "it is not there (ENOENT)",
    });
  });

  test("in place of a folder leaves the folder", () => {
    mkdirSync(path);
    expect(() => writeFileDurably(path, "{}")).toThrow(NymvisorError);
    expect(readdirSync(home.path)).toEqual(["document.json"]);
    expect(statSync(path).isDirectory()).toBe(true);
  });

  test("in the middle leaves the old contents and nothing else", async () => {
    writeFileDurably(path, "the old contents");
    const output = await runProgram(
      `import { writeFileDurably } from "#/system/durable.ts";
       process.on("SIGXFSZ", () => {});
       try { writeFileDurably(${JSON.stringify(path)}, "x".repeat(100_000)); } catch (error) { console.log(error.message); }`,
      { through: ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh"] },
    );
    expect(output).toBe(`${path} cannot be written: the file would be larger than this process may write (EFBIG)\n`);
    expect(readFileSync(path, "utf8")).toBe("the old contents");
    expect(readdirSync(home.path)).toEqual(["document.json"]);
  });

  test.skipIf(!isRoot)("for want of permission leaves the old contents, and says whose folder to look at", async () => {
    writeFileDurably(path, "the old contents");
    for (const folder of [join(home.path, ".."), home.path]) chmodSync(folder, 0o755);
    const output = await runProgram(
      `import { writeFileDurably } from "#/system/durable.ts";
       ${AS_NOBODY}
       try { writeFileDurably(${JSON.stringify(path)}, "new"); } catch ({ what, why, next }) { console.log(JSON.stringify([what, why, next])); }`,
    );
    expect(JSON.parse(output)).toEqual([
      `${path} cannot be written`,
      "permission is denied (EACCES)",
      `check who owns it: ls -ld ${home.path}`,
    ]);
    expect(readFileSync(path, "utf8")).toBe("the old contents");
    expect(readdirSync(home.path)).toEqual(["document.json"]);
  });
});

describe("a link that is replaced", () => {
  test("is made, and moved", () => {
    replaceLinkDurably(path, "genesis");
    replaceLinkDurably(path, "upgrades/1.1.0");
    expect(readlinkSync(path)).toBe("upgrades/1.1.0");
    expect(readdirSync(home.path)).toEqual(["document.json"]);
  });

  test("takes the place of a file, and never that of a folder", () => {
    writeFileSync(path, "");
    replaceLinkDurably(path, "genesis");
    expect(readlinkSync(path)).toBe("genesis");
    mkdirSync(home.at("folder"));
    expect(() => replaceLinkDurably(home.at("folder"), "genesis")).toThrow(NymvisorError);
    expect(readdirSync(home.path)).toEqual(["document.json", "folder"]);
  });

  test("is there for every reader at every moment", async () => {
    replaceLinkDurably(path, "genesis");
    const writer = startProgram(
      `import { replaceLinkDurably } from "#/system/durable.ts";
       for (let turn = 0; turn < 300; turn += 1) replaceLinkDurably(${JSON.stringify(path)}, ["genesis", "upgrades/1.1.0"][turn % 2]);`,
    );
    let running = true;
    const ended = writer.exited.then(() => (running = false));
    const seen = new Set<string>();
    while (running) {
      for (let look = 0; look < 200; look += 1) seen.add(readlinkSync(path));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    expect(writer.exitCode).toBe(0);
    expect([...seen].toSorted()).toEqual(["genesis", "upgrades/1.1.0"]);
  });
});

describe("a folder that is made durably", () => {
  test("is made with all those above it, and may be there already", () => {
    makeFolderDurably(home.at("a/b/c"));
    makeFolderDurably(home.at("a/b/c"));
    expect(statSync(home.at("a/b/c")).isDirectory()).toBe(true);
  });

  test.each([0o000, 0o077, 0o777])("has the mode that was asked for under the umask %o", (umask) => {
    const before = process.umask(umask);
    try {
      makeFolderDurably(home.at("backups/1.1.0"), { mode: 0o700 });
    } finally {
      process.umask(before);
    }
    expect([modeOf(home.at("backups")), modeOf(home.at("backups/1.1.0"))]).toEqual([0o700, 0o700]);
  });

  test("keeps the mode of what is there already", () => {
    mkdirSync(home.at("backups"));
    chmodSync(home.at("backups"), 0o755);
    makeFolderDurably(home.at("backups"), { mode: 0o700 });
    expect(modeOf(home.at("backups"))).toBe(0o755);
  });

  test("cannot stand where a file is, nor below one", () => {
    writeFileSync(path, "");
    for (const folder of [path, join(path, "below")]) {
      expect(failureOf(() => makeFolderDurably(folder)).what).toStartWith(`the folder ${path}`);
    }
  });

  test("may be made by several processes at once", async () => {
    const code = `import { makeFolderDurably } from "#/system/durable.ts";
      for (let turn = 0; turn < 50; turn += 1) makeFolderDurably(${JSON.stringify(home.path)} + "/" + turn + "/a/b/c");`;
    await Promise.all([runProgram(code), runProgram(code)]);
    expect(readdirSync(home.path)).toHaveLength(50);
  });
});

describe("what root makes in another user's folder", () => {
  test.skipIf(!isRoot)("belongs to that user", () => {
    chownSync(home.path, 12345, 12346);
    writeFileDurably(home.at("file"), "{}");
    replaceLinkDurably(home.at("link"), "file");
    makeFolderDurably(home.at("a/b"));
    for (const name of ["file", "link", "a", "a/b"]) {
      expect(lstatSync(home.at(name))).toMatchObject({ uid: 12345, gid: 12346 });
    }
  });
});

describe("a finished file", () => {
  test("gets its name, over whatever had it", () => {
    writeFileSync(path, "old");
    writeFileSync(home.at("finished"), "new");
    publishFileDurably(home.at("finished"), path);
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(existsSync(home.at("finished"))).toBe(false);
  });
});

describe("a file that is removed", () => {
  test("is gone, and may be gone already", () => {
    writeFileSync(path, "");
    removeFileDurably(path);
    removeFileDurably(path);
    removeFileDurably(home.at("missing/file"));
    expect(existsSync(path)).toBe(false);
  });

  test("is only the link where it is one", () => {
    writeFileSync(home.at("real"), "");
    symlinkSync("real", path);
    removeFileDurably(path);
    expect(readdirSync(home.path)).toEqual(["real"]);
  });

  test("is never a folder", () => {
    mkdirSync(path);
    expect(() => removeFileDurably(path)).toThrow(NymvisorError);
  });
});

describe("a file that is kept aside", () => {
  test("takes no name that is taken, not even by a link that leads nowhere", () => {
    for (const contents of ["one", "two"]) {
      writeFileSync(path, contents);
      setAside(path, "2026-11-21-120000000");
    }
    symlinkSync("nowhere", `${path}.corrupt-2026-11-21-120000000-2`);
    writeFileSync(path, "three");
    expect(setAside(path, "2026-11-21-120000000")).toBe(`${path}.corrupt-2026-11-21-120000000-3`);
    expect(readFileSync(`${path}.corrupt-2026-11-21-120000000`, "utf8")).toBe("one");
    expect(readFileSync(`${path}.corrupt-2026-11-21-120000000-1`, "utf8")).toBe("two");
    expect(readFileSync(`${path}.corrupt-2026-11-21-120000000-3`, "utf8")).toBe("three");
    expect(existsSync(path)).toBe(false);
  });

  test("may be a folder, and say why", () => {
    mkdirSync(path);
    writeFileSync(join(path, "inside"), "");
    expect(setAside(path, "now", "unverified")).toBe(`${path}.unverified-now`);
    expect(readdirSync(`${path}.unverified-now`)).toEqual(["inside"]);
  });
});

describe("sweeping a folder", () => {
  test("removes what dead writers left, and nothing else", () => {
    const { pid, startTime } = self();
    const dead = [
      `.plan.json.tmp-${pid}-${startTime + 1}-1`,
      ".plan.json.tmp-999999999-5-7",
      ".current.tmp-999999999-1-1",
    ];
    const kept = [
      `.plan.json.tmp-${pid}-${startTime}-9`,
      "plan.json",
      "plan.json.tmp-999999999-1-1",
      ".plan.json.tmp",
      ".tmp-1-1-1",
      ".plan.json.tmp-x-1-1",
      ".plan.json.tmp-1-1-1.bak",
    ];
    for (const name of [...dead.slice(0, 2), ...kept]) writeFileSync(home.at(name), "");
    symlinkSync("nowhere", home.at(dead[2] ?? ""));
    expect(sweepTemporaries(home.path).toSorted()).toEqual(dead.map((name) => home.at(name)).toSorted());
    expect(readdirSync(home.path).toSorted()).toEqual(kept.toSorted());
  });

  test("knows a temporary name of this process as that of a living writer", () => {
    writeFileSync(temporaryName(path), "");
    expect(sweepTemporaries(home.path)).toEqual([]);
  });

  test("knows the temporary name of a process that was killed", async () => {
    const code = `import { temporaryName } from "#/system/durable.ts";
      require("node:fs").writeFileSync(temporaryName(${JSON.stringify(path)}), "half");
      process.kill(process.pid, "SIGKILL");`;
    await startProgram(code).exited;
    const [left = ""] = readdirSync(home.path);
    expect(left).toStartWith(".document.json.tmp-");
    expect(sweepTemporaries(home.path)).toEqual([home.at(left)]);
  });

  test("finds nothing where there is no folder", () => {
    writeFileSync(path, "");
    expect(sweepTemporaries(home.at("missing"))).toEqual([]);
    expect(sweepTemporaries(path)).toEqual([]);
  });
});
