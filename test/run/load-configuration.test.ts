import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describeOrigin } from "../../src/model/configuration.ts";
import { NymvisorError } from "../../src/model/errors.ts";
import { loadConfiguration } from "../../src/run/load-configuration.ts";
import type { Environment } from "../../src/system/environment.ts";
import { describeGolden, readGolden } from "../support/golden.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "nymvisor-load-"));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

function environment(variables: Record<string, string> = {}): Environment {
  return {
    variables,
    homeDirectory: home,
    workingDirectory: home,
    terminal: { stdin: false, stdout: false, stderr: false },
    colour: { stdout: false, stderr: false },
    journal: false,
    logLevel: "info",
  };
}

function instanceFile(id: string): string {
  return join(home, ".nym/nymvisors/instances", id, "config/config.toml");
}

function write(path: string, text: string, mode = 0o600): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function minimal(id: string): string {
  return `[nymvisor]\nid = '${id}'\n[daemon]\nname = 'nym-node'\nhome = '/n/${id}'\n`;
}

function failure(variables: Record<string, string> = {}): NymvisorError {
  try {
    loadConfiguration(environment(variables));
  } catch (error) {
    if (error instanceof NymvisorError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("the file that is loaded", () => {
  test("is the one that NYMVISOR_CONFIG_PATH names, whatever else there is", () => {
    write(instanceFile("a"), minimal("a"));
    const path = write(join(home, "elsewhere.toml"), minimal("elsewhere"));
    for (const text of [path, "elsewhere.toml", "./x/../elsewhere.toml"]) {
      const loaded = loadConfiguration(environment({ NYMVISOR_CONFIG_PATH: text }));
      expect(loaded.path).toBe(path);
      expect(loaded.configuration.daemon.home).toBe("/n/elsewhere");
    }
    const both = environment({ NYMVISOR_CONFIG_PATH: path, NYMVISOR_ID: "a" });
    expect(loadConfiguration(both).configuration).toMatchObject({
      nymvisor: { id: "a" },
      daemon: { home: "/n/elsewhere" },
    });
  });

  test("is that of the instance that NYMVISOR_ID names", () => {
    for (const id of ["a", "b"]) write(instanceFile(id), minimal(id));
    expect(loadConfiguration(environment({ NYMVISOR_ID: "b" })).path).toBe(instanceFile("b"));
  });

  test("is that of the only instance, whatever an unfinished init left beside it", () => {
    write(instanceFile("only"), minimal("only"));
    mkdirSync(join(home, ".nym/nymvisors/instances/failed/config"), { recursive: true });
    mkdirSync(join(home, ".nym/nymvisors/instances/.hidden/config"), { recursive: true });
    write(join(home, ".nym/nymvisors/instances/.hidden/config/config.toml"), minimal("hidden"));
    writeFileSync(join(home, ".nym/nymvisors/instances/a-file"), "");
    expect(loadConfiguration(environment({ NYMVISOR_ID: "", NYMVISOR_CONFIG_PATH: "" })).path).toBe(
      instanceFile("only"),
    );
  });

  test("is not guessed where there are several", () => {
    for (const id of ["b", "a b"]) write(instanceFile(id), minimal(id));
    const error = failure();
    expect(error.what).toContain("2 instances");
    expect(error.why).toBe("a b, b");
    expect(error.next).toContain("NYMVISOR_ID='a b' nymvisor config");
    expect(error.exitCode).toBe(1);
  });

  test("is none where there is no instance yet, and the error says how to make one", () => {
    expect(failure()).toMatchObject({
      what: "there is no instance of nymvisor yet",
      next: expect.stringContaining("nymvisor init"),
    });
    mkdirSync(join(home, ".nym/nymvisors/instances/failed"), { recursive: true });
    expect(failure().why).toContain("unfinished init left: failed");
  });

  test("that is named and missing is an error that names it", () => {
    write(instanceFile("a"), minimal("a"));
    expect(failure({ NYMVISOR_ID: "b" })).toMatchObject({
      what: expect.stringContaining("no instance b"),
      why: expect.stringContaining(instanceFile("b")),
      next: expect.stringContaining("one of a"),
    });
    expect(failure({ NYMVISOR_CONFIG_PATH: "/none.toml" })).toMatchObject({
      what: "there is no configuration at /none.toml",
      next: expect.stringContaining("nymvisor init"),
    });
  });

  test("is never looked for outside of the instances, whatever NYMVISOR_ID says", () => {
    write(join(home, ".nym/nymvisors/config/config.toml"), minimal("outside"));
    expect(failure({ NYMVISOR_ID: ".." }).what).toBe("$NYMVISOR_ID cannot be used");
    expect(failure({ NYMVISOR_CONFIG_PATH: "~/x" }).what).toBe("$NYMVISOR_CONFIG_PATH cannot be used");
  });
});

test("the environment wins over the file, and each value tells where it is from", () => {
  write(instanceFile("a"), `${minimal("a")}max_startup_failures = 3\n`);
  const { configuration, origins, events } = loadConfiguration(environment({ DAEMON_HOME: "relative" }));
  expect(configuration.daemon).toMatchObject({ home: join(home, "relative"), max_startup_failures: 3 });
  expect(describeOrigin(origins.get("daemon.home") ?? { from: "default" })).toBe("$DAEMON_HOME");
  expect(describeOrigin(origins.get("daemon.max_startup_failures") ?? { from: "default" })).toBe(
    `${instanceFile("a")}:6`,
  );
  expect(events).toEqual([]);
});

describe("a file that cannot be used", () => {
  test.each([
    ["", "nothing is set in it"],
    ["# only comments\n", "nothing is set in it"],
    ["[host]\npublic_ips = []\n[mixnet]\nbind = 'x'\n", "neither a table [nymvisor] nor a table [daemon]"],
  ])("%j is not nymvisor's, and the error says so in one sentence", (text, why) => {
    const path = write(instanceFile("a"), text);
    const error = failure();
    expect(error.what).toBe(`${path} is not a configuration of nymvisor`);
    expect(error.why).toContain(why);
    expect(error.next).toContain("nymvisor init");
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("half a file is told what is missing, or where it breaks off", () => {
    write(instanceFile("a"), "[nymvisor]\nid = 'a'\n");
    expect(failure().why).toContain("[daemon] home is missing");
    write(instanceFile("a"), "[nymvisor]\nid = 'a'\n[daemon]\nna");
    expect(failure().why).toContain("config.toml:4");
  });

  test("a folder in its place is named", () => {
    mkdirSync(instanceFile("a"), { recursive: true });
    expect(failure()).toMatchObject({ what: expect.stringContaining(instanceFile("a")), why: "it is a folder" });
  });

  test.skipIf(process.getuid?.() === 0)("one that may not be read is named, and counts as an instance", () => {
    write(instanceFile("a"), minimal("a"), 0o000);
    expect(failure()).toMatchObject({
      what: expect.stringContaining(instanceFile("a")),
      why: expect.stringContaining("EACCES"),
    });
  });
});

describe("a file of scheme 1", () => {
  const old = [
    "# written before the first release",
    "[nymvisor]",
    "id = 'a'",
    "upstream_polling_rate = { secs = 5400, nanos = 0 }",
    "disable_nymvisor_logs = true",
    "[daemon]",
    "name = 'nym-node'",
    "home = '/n'",
    "upstream_absolute_upgrade_url = ''",
    "allow_download_upgrade_binaries = false",
    "on_failure_daemon_restart_delay = { secs = 1, nanos = 500000000 }",
    "",
  ].join("\n");

  test("is loaded, replaced by one of today, and kept beside it", () => {
    const path = write(instanceFile("a"), old, 0o644);
    const first = loadConfiguration(environment());
    expect(first.configuration).toMatchObject({
      nymvisor: { id: "a", upstream_polling_rate: 5_400_000_000_000n, disable_logs: true },
      daemon: { allow_binaries_download: false, failure_restart_delay: 1_500_000_000n },
    });
    expect(first.events).toEqual([{ type: "config.migrated", path, from: 1, to: 2, kept: `${path}.v1.bak` }]);
    expect(readFileSync(`${path}.v1.bak`, "utf8")).toBe(old);
    expect(readdirSync(dirname(path)).sort()).toEqual(["config.toml", "config.toml.v1.bak"]);
    for (const name of [path, `${path}.v1.bak`]) expect(statSync(name).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, "utf8")).toContain("upstream_polling_rate = '1h 30m'");
    expect(loadConfiguration(environment())).toEqual({ ...first, events: [] });
  });

  test("is written without what variables override", () => {
    const path = write(instanceFile("a"), old);
    const { configuration } = loadConfiguration(
      environment({ DAEMON_HOME: "/variable", DAEMON_MAX_STARTUP_FAILURES: "3" }),
    );
    expect(configuration.daemon).toMatchObject({ home: "/variable", max_startup_failures: 3 });
    expect(readFileSync(path, "utf8")).toContain("home = '/n'\n");
    expect(readFileSync(path, "utf8")).toContain("max_startup_failures = 10\n");
  });

  test("never overwrites what was kept before", () => {
    const path = write(instanceFile("a"), old);
    write(`${path}.v1.bak`, "another one");
    mkdirSync(`${path}.v1.bak.1`);
    expect(loadConfiguration(environment()).events).toMatchObject([{ kept: `${path}.v1.bak.2` }]);
    expect(readFileSync(`${path}.v1.bak`, "utf8")).toBe("another one");
    expect(readFileSync(`${path}.v1.bak.2`, "utf8")).toBe(old);
  });

  test("that was kept by an interrupted run is not kept twice", () => {
    const path = write(instanceFile("a"), old);
    write(`${path}.v1.bak`, old);
    expect(loadConfiguration(environment()).events).toMatchObject([{ kept: `${path}.v1.bak` }]);
    expect(existsSync(`${path}.v1.bak.1`)).toBe(false);
  });

  test("that is wrong is told with its own lines, and left as it is", () => {
    const wrong = old.replace("secs = 1,", "secs = -1,").replace("allow_download", "permit_download");
    const path = write(instanceFile("a"), wrong);
    expect(failure().why?.split("\n")).toEqual([
      `${path}:10: [daemon] has no key permit_download_upgrade_binaries; did you mean allow_binaries_download?`,
      `${path}:11: [daemon] failure_restart_delay: a table stands where a string in quotes is expected`,
    ]);
    expect(readFileSync(path, "utf8")).toBe(wrong);
    expect(readdirSync(dirname(path))).toEqual(["config.toml"]);
  });

  test("that lacks what a variable gives is loaded, and stays with a warning", () => {
    const path = write(instanceFile("a"), old.replace("home = '/n'\n", ""));
    const { configuration, events } = loadConfiguration(environment({ DAEMON_HOME: "/variable" }));
    expect(configuration.daemon.home).toBe("/variable");
    expect(events).toEqual([
      {
        type: "warning",
        about: expect.stringContaining("older scheme 1"),
        reason: expect.stringContaining("home is missing"),
      },
    ]);
    expect(readFileSync(path, "utf8")).toContain("disable_nymvisor_logs");
  });

  test("in a place that cannot be written is loaded, and stays with a warning", () => {
    // Not by permissions, which do not hold root: no name that is longer fits beside this one.
    const path = write(join(home, `${"x".repeat(250)}.toml`), old);
    const { configuration, events } = loadConfiguration(environment({ NYMVISOR_CONFIG_PATH: path }));
    expect(configuration.nymvisor.disable_logs).toBe(true);
    expect(events).toMatchObject([{ type: "warning", reason: expect.stringContaining("ENAMETOOLONG") }]);
    expect(readFileSync(path, "utf8")).toBe(old);
    expect(readdirSync(home)).toHaveLength(1);
  });

  test("that is reached by a link is replaced behind the link", () => {
    const real = write(join(home, "real/config.toml"), old);
    mkdirSync(dirname(instanceFile("a")), { recursive: true });
    symlinkSync(real, instanceFile("a"));
    loadConfiguration(environment());
    expect(readFileSync(real, "utf8")).toContain("disable_logs = true");
    expect(readFileSync(`${instanceFile("a")}.v1.bak`, "utf8")).toBe(old);
  });
});

describeGolden("an instance that the Rust program made", () => {
  test("is loaded as it is", () => {
    const text = readGolden("after-init/nymvisors/instances/nym-node-default/config/config.toml").replaceAll(
      "@HOME@",
      home,
    );
    const path = write(instanceFile("nym-node-default"), text);
    const { configuration, events } = loadConfiguration(environment());
    expect(configuration.daemon.home).toBe(join(home, ".nym/nym-nodes/n1"));
    expect(events).toEqual([]);
    expect(readFileSync(path, "utf8")).toBe(text);
  });
});
