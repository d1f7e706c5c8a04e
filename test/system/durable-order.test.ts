import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { runProgram } from "../support/program.ts";
import { temporaryHome } from "../support/temporary-home.ts";

const CALLS = "openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,symlink,symlinkat,mkdir,unlink,unlinkat";

const traceable = Bun.which("strace") !== null && Bun.spawnSync(["strace", "-qq", "-o", "/dev/null", "true"]).success;
if (!traceable)
  console.warn("SKIPPED: strace is not there or may not trace; the order of system calls is not looked at");

const home = temporaryHome();
afterAll(() => home[Symbol.dispose]());

/** What the program does to the disk, call by call, in words. */
async function trace(code: string): Promise<string[]> {
  const output = home.at("trace");
  await runProgram(
    `import * as durable from "#/system/durable.ts";
     import { writeFileSync } from "node:fs";
     const at = (name: string) => ${JSON.stringify(`${home.path}/`)} + name;
     ${code}`,
    { through: ["strace", "-f", "-y", "-qq", "-s", "4096", "-e", `trace=${CALLS}`, "-o", output] },
  );
  return readFileSync(output, "utf8").split("\n").flatMap(describeCall);
}

function describeCall(line: string): string[] {
  const [, call, rest = ""] = /^\d+ +(\w+)\((.*)$/.exec(line) ?? [];
  if (call === undefined || !rest.includes(`${home.path}`) || rest.includes("durable.ts")) return [];
  if (call === "openat" && !rest.includes("O_CREAT")) return [];
  const paths = [...rest.matchAll(/[<"](\/[^>"]*)[>"]/g)]
    .map(([, path = ""]) => path)
    .filter((path) => path.startsWith(home.path))
    .map(nameOf);
  if (rest.includes("= -1")) return [`${call} ${paths.join(" ")} fails`];
  return [`${call === "openat" ? "create" : call} ${[...new Set(paths)].join(" -> ")}`];
}

function nameOf(path: string): string {
  if (path === home.path) return "the folder";
  return path.slice(home.path.length + 1).replace(/^\..*\.tmp-\d+-\d+-\d+$/, "the temporary file");
}

describe.skipIf(!traceable)("on its way to the disk", () => {
  test("a file is whole and synced before it has its name, and the name is synced before the write returns", async () => {
    expect(await trace(`durable.writeFileDurably(at("plan.json"), "{}", { mode: 0o600 });`)).toEqual([
      "create the temporary file",
      "write the temporary file",
      "fsync the temporary file",
      "rename the temporary file -> plan.json",
      "fsync the folder",
    ]);
  });

  test("a link is moved into place in one step, and synced", async () => {
    expect(await trace(`durable.replaceLinkDurably(at("current"), "genesis");`)).toEqual([
      "symlink the temporary file",
      "rename the temporary file -> current",
      "fsync the folder",
    ]);
  });

  test("a finished file is synced before it gets its name", async () => {
    const code = `writeFileSync(at("part"), "x"); durable.publishFileDurably(at("part"), at("binary"));`;
    expect((await trace(code)).slice(2)).toEqual(["fsync part", "rename part -> binary", "fsync the folder"]);
  });

  test("each new folder is synced in the one above", async () => {
    expect(await trace(`durable.makeFolderDurably(at("a/b"));`)).toEqual([
      "mkdir a",
      "fsync the folder",
      "mkdir a/b",
      "fsync a",
    ]);
  });

  test("a removal and a file that is kept aside are synced", async () => {
    const code = `writeFileSync(at("x"), ""); durable.setAside(at("x"), "now"); durable.removeFileDurably(at("x.corrupt-now"));`;
    expect((await trace(code)).slice(1)).toEqual([
      "rename x -> x.corrupt-now",
      "fsync the folder",
      "unlink x.corrupt-now",
      "fsync the folder",
    ]);
  });
});
