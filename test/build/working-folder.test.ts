import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildExecutable, compile, targetOfThisMachine } from "../../build.ts";
import { testExecutable } from "../support/executable.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

const PROBE = join(import.meta.dir, "../support/probe-program.ts");

/** A working folder that would bend a program that reads it. */
function writeTraps(home: TemporaryHome): void {
  writeFileSync(home.at(".env"), "FROM_DOT_ENV=read\nNYMVISOR_CONFIG_PATH=/from/dot/env\n");
  writeFileSync(home.at("bunfig.toml"), 'preload = ["./preload.ts"]\n');
  writeFileSync(home.at("preload.ts"), 'console.log("preloaded");\n');
  writeFileSync(home.at("tsconfig.json"), "this is no JSON");
  writeFileSync(home.at("package.json"), "this is no JSON");
}

async function run(home: TemporaryHome, command: string[]) {
  const child = Bun.spawn(command, { cwd: home.path, env: home.env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [status, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { status, stdout, stderr };
}

test("an executable reads no .env, bunfig.toml, package.json or tsconfig.json where it is started", async () => {
  using home = temporaryHome();
  await buildExecutable({ target: targetOfThisMachine(), outfile: home.at("probe"), entry: PROBE });
  const before = await run(home, [home.at("probe")]);
  writeTraps(home);
  expect(await run(home, [home.at("probe")])).toEqual(before);
  expect(JSON.parse(before.stdout)).toMatchObject({ fromDotEnv: null, execArgv: [] });
});

test("a source file under Bun does read them, so the above means something", async () => {
  using home = temporaryHome();
  writeTraps(home);
  await Bun.file(home.at("package.json")).delete();
  await Bun.file(home.at("tsconfig.json")).delete();
  const { stdout } = await run(home, [process.execPath, PROBE]);
  expect(stdout).toContain("preloaded");
  expect(stdout).toContain('"fromDotEnv":"read"');
});

test("nymvisor takes no setting from a .env that happens to lie there", async () => {
  using home = temporaryHome();
  const nymvisor = await testExecutable();
  const before = await run(home, [nymvisor, "config"]);
  writeTraps(home);
  const after = await run(home, [nymvisor, "config"]);
  expect(after).toEqual(before);
  expect(after.stderr).not.toContain("/from/dot/env");
  // With -c the very same file counts.
  expect((await run(home, [nymvisor, "-c", ".env", "config"])).stderr).toContain("/from/dot/env");
});

test("a failed build leaves the executable that was there, and says what went wrong", async () => {
  using home = temporaryHome();
  writeFileSync(home.at("nymvisor"), "the old one");
  writeFileSync(home.at("broken.ts"), "import './not-there.ts';");
  await expect(compile({ entry: home.at("broken.ts"), outfile: home.at("nymvisor") })).rejects.toThrow("not-there.ts");
  expect(await Bun.file(home.at("nymvisor")).text()).toBe("the old one");
  expect(Bun.spawnSync(["ls", "-A", home.path]).stdout.toString()).toBe("broken.ts\nnymvisor\n");
});
