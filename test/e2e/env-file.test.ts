import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { expectFailure } from "./support/expect.ts";
import { takeIn } from "./support/instance.ts";
import { nymvisor, startNymvisor, succeed } from "./support/nymvisor.ts";

async function configWith(home: TemporaryHome, file: string, variables: Record<string, string> = {}) {
  writeFileSync(home.at("over.env"), file);
  return JSON.parse(await succeed(home, ["-c", "over.env", "config", "-o", "json"], { variables }));
}

describe("the file of -c", () => {
  test("lies over the environment, which lies over the configuration", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const variables = { DAEMON_MAX_STARTUP_FAILURES: "5", DAEMON_FAILURE_RESTART_DELAY: "5s" };
    const { daemon } = await configWith(home, "DAEMON_MAX_STARTUP_FAILURES=3\n", variables);
    expect(daemon).toMatchObject({
      max_startup_failures: 3,
      failure_restart_delay: "5s",
      shutdown_grace_period: "10s",
    });
  });

  test("may be written with comments, quotes and export", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const file = `# of node 1\nexport DAEMON_HOME="/srv/my node"\nDAEMON_MAX_STARTUP_FAILURES='7' # few\n\n`;
    expect((await configWith(home, file)).daemon).toMatchObject({ home: "/srv/my node", max_startup_failures: 7 });
  });

  test("takes a variable away by setting it to nothing", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const { daemon } = await configWith(home, "DAEMON_MAX_STARTUP_FAILURES=\n", { DAEMON_MAX_STARTUP_FAILURES: "5" });
    expect(daemon.max_startup_failures).toBe(10);
  });

  test("chooses the home and the instance", async () => {
    using home = temporaryHome();
    for (const id of ["one", "two"]) {
      await takeIn(home, { id, variables: { NYM_HOME_DIR: home.at("elsewhere") } });
    }
    const { nymvisor: shown } = await configWith(home, `NYM_HOME_DIR=${home.at("elsewhere")}\nNYMVISOR_ID=two\n`);
    expect(shown.id).toBe("two");
  });

  test("reaches init, under its long name too, and the daemon", async () => {
    using home = temporaryHome();
    writeFileSync(home.at("over.env"), `DAEMON_HOME=${home.at("node")}\nGREETING="hello  there"\n`);
    const instance = await takeIn(home, { daemonHome: home.at("elsewhere") });
    await succeed(home, ["--config-env-file=over.env", "init", instance.binaryOf("genesis")]);
    expect(JSON.parse(await succeed(home, ["config", "-o", "json"])).daemon.home).toBe(home.at("node"));
    await using run = await startNymvisor(home, ["--config-env-file", "over.env", "run"]);
    expect((await run.waitForEvent("started")).env?.GREETING).toBe("hello  there");
  });

  test.each([[["config"]], [["run"]], [["build-info"]], [["init", "--daemon-home", "n", "b"]]])(
    "that is not there is an error that names it, for %p",
    async (words) => {
      using home = temporaryHome();
      expectFailure(await nymvisor(home, ["-c", "no/such.env", ...words]), 1, "no/such.env");
    },
  );

  test.each([
    ["a line without a name", "A=1\n=2\n", 2],
    ["a line that sets nothing", "A=1\n\n# c\njust words\n", 4],
    ["a quote that is never closed", 'A=1\nB="open\n', 2],
  ])("with %s is an error that names file and line, and nothing is done", async (_what, content, line) => {
    using home = temporaryHome();
    await takeIn(home);
    writeFileSync(home.at("over.env"), content);
    expectFailure(await nymvisor(home, ["-c", "over.env", "config"]), 1, `over.env:${line}`);
  });

  test("that is a folder, or no text, is an error that names it", async () => {
    using home = temporaryHome();
    mkdirSync(home.at("folder"));
    writeFileSync(home.at("bytes"), Uint8Array.of(65, 61, 255, 254));
    for (const file of ["folder", "bytes"]) {
      expectFailure(await nymvisor(home, ["-c", file, "config"]), 1, file);
    }
  });

  test("with a wrong value names the variable", async () => {
    using home = temporaryHome();
    await takeIn(home);
    writeFileSync(home.at("over.env"), "DAEMON_SHUTDOWN_GRACE_PERIOD=soon\n");
    expectFailure(await nymvisor(home, ["-c", "over.env", "config"]), 1, "DAEMON_SHUTDOWN_GRACE_PERIOD", "soon");
  });
});

/** What would bend a program of this runtime that looks at where it was started. */
function layTraps(home: TemporaryHome): void {
  writeFileSync(home.at(".env"), "DAEMON_MAX_STARTUP_FAILURES=99\nSTOWAWAY=dotenv\n");
  writeFileSync(home.at(".env.local"), "DAEMON_MAX_STARTUP_FAILURES=98\n");
  writeFileSync(home.at("bunfig.toml"), 'preload = ["./preload.ts"]\n');
  writeFileSync(
    home.at("preload.ts"),
    `require("node:fs").writeFileSync(${JSON.stringify(home.at("preloaded"))}, "x");\n`,
  );
}

describe("what nobody named is not read:", () => {
  test("neither .env nor bunfig.toml of the working folder, for nymvisor or its daemon's environment", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const before = await succeed(home, ["config"]);
    layTraps(home);
    expect(await succeed(home, ["config"])).toBe(before);
    expect(await Bun.file(home.at("preloaded")).exists()).toBe(false);
    const { daemon } = JSON.parse(await succeed(home, ["-c", ".env", "config", "-o", "json"]));
    expect(daemon.max_startup_failures).toBe(99);
  });

  test("neither BUN_OPTIONS nor BUN_BE_BUN bends nymvisor, and the daemon is not given them", async () => {
    using home = temporaryHome();
    await takeIn(home);
    const before = await succeed(home, ["config"]);
    layTraps(home);
    const variables = { BUN_OPTIONS: `--preload ${home.at("preload.ts")} --smol`, BUN_BE_BUN: "1" };
    expect(await succeed(home, ["config"], { variables })).toBe(before);
    // In a folder without traps: the sample daemon is a program of this runtime as well, and would step into them.
    mkdirSync(home.at("empty"));
    await using run = await startNymvisor(home, ["run"], { variables, cwd: home.at("empty") });
    const { env } = await run.waitForEvent("started");
    expect(env).toContainKey("PATH");
    expect(env).not.toContainAnyKeys(["BUN_OPTIONS", "BUN_BE_BUN", "STOWAWAY"]);
    expect(await run.stop()).toMatchObject({ status: 0 });
    expect(await Bun.file(home.at("preloaded")).exists()).toBe(false);
  });
});
