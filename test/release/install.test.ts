import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { renderChecksums } from "../../build/release-files.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

const RELEASE = resolve(import.meta.dir, "../../release");
const UNITS = ["nymvisor.service", "nymvisor@.service"];
const FILES = ["nymvisor-linux-x64", "nymvisor-linux-arm64", ...UNITS];

/** A release whose executables are scripts of a few bytes. Whoever runs the tests, the script takes him for root. */
async function makeRelease(home: TemporaryHome, version = "1.2.3"): Promise<string> {
  const folder = home.at("a release");
  mkdirSync(folder, { recursive: true });
  for (const name of ["install.sh", ...UNITS]) copyFileSync(join(RELEASE, name), join(folder, name));
  for (const name of FILES.slice(0, 2)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n# ${name}\necho nymvisor ${version}\n`);
  }
  writeFileSync(join(folder, "SHA256SUMS"), await renderChecksums(folder, FILES));
  fakeProgram(home, "id", "echo 0");
  return folder;
}

/** Puts a program of the test's own before those of the machine. */
function fakeProgram(home: TemporaryHome, name: string, script: string): void {
  mkdirSync(home.at("programs"), { recursive: true });
  writeFileSync(home.at("programs", name), `#!/bin/sh\n${script}\n`);
  chmodSync(home.at("programs", name), 0o755);
}

function run(home: TemporaryHome, script: string, ...args: string[]) {
  const env = { ...home.env, PATH: `${home.at("programs")}:${home.env.PATH}` };
  const { exitCode, stdout, stderr } = Bun.spawnSync(["sh", script, ...args], { cwd: home.path, env, stdin: "ignore" });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** Everything below a folder, as sorted relative paths of files. */
function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

const ownExecutable = process.arch === "arm64" ? "nymvisor-linux-arm64" : "nymvisor-linux-x64";

describe("install.sh", () => {
  test("installs the executable of this machine and both units, with the units pointing at it", async () => {
    using home = temporaryHome();
    const folder = await makeRelease(home);
    const { exitCode, stdout } = run(
      home,
      join(folder, "install.sh"),
      "--prefix",
      home.at("opt"),
      "--units",
      home.at("u"),
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`installed ${home.at("opt/bin/nymvisor")}: nymvisor 1.2.3`);
    expect(readFileSync(home.at("opt/bin/nymvisor"))).toEqual(readFileSync(join(folder, ownExecutable)));
    expect(statSync(home.at("opt/bin/nymvisor")).mode & 0o777).toBe(0o755);
    expect(readFileSync(home.at("u/nymvisor.service"), "utf8")).toContain(
      `\nExecStart=${home.at("opt/bin/nymvisor")} run run`,
    );
    expect(filesBelow(home.at("opt"))).toEqual(["bin/nymvisor"]);
  });

  test("takes the executable that `uname -m` asks for", async () => {
    using home = temporaryHome();
    const folder = await makeRelease(home);
    for (const [machine, name] of [
      ["aarch64", "nymvisor-linux-arm64"],
      ["x86_64", "nymvisor-linux-x64"],
    ] as const) {
      fakeProgram(home, "uname", `[ "$1" = -s ] && echo Linux || echo ${machine}`);
      expect(run(home, join(folder, "install.sh"), "--prefix", home.at(machine)).exitCode).toBe(0);
      expect(readFileSync(home.at(machine, "bin/nymvisor"))).toEqual(readFileSync(join(folder, name)));
    }
  });

  test.each([
    ["riscv64", "Linux", "this machine is riscv64"],
    ["x86_64", "Darwin", "this is Darwin"],
  ])("refuses a machine that is %s under %s, before it puts anything anywhere", async (machine, kernel, message) => {
    using home = temporaryHome();
    const folder = await makeRelease(home);
    fakeProgram(home, "uname", `[ "$1" = -s ] && echo ${kernel} || echo ${machine}`);
    const { exitCode, stderr } = run(
      home,
      join(folder, "install.sh"),
      "--prefix",
      home.at("opt"),
      "--units",
      home.at("u"),
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(existsSync(home.at("opt")) || existsSync(home.at("u"))).toBe(false);
  });

  test.each([
    ["the executable was changed", ownExecutable, "is not what SHA256SUMS says"],
    ["a unit was changed", "nymvisor.service", "is not what SHA256SUMS says"],
  ])("puts nothing anywhere when %s", async (_, name, message) => {
    using home = temporaryHome();
    const folder = await makeRelease(home);
    writeFileSync(join(folder, name), `${readFileSync(join(folder, name), "utf8")}#`);
    const { exitCode, stderr } = run(
      home,
      join(folder, "install.sh"),
      "--prefix",
      home.at("opt"),
      "--units",
      home.at("u"),
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${name} ${message}`);
    expect(existsSync(home.at("opt")) || existsSync(home.at("u"))).toBe(false);
  });

  test("puts nothing anywhere when the checksums do not speak of the executable, or are not there", async () => {
    using home = temporaryHome();
    const folder = await makeRelease(home);
    writeFileSync(join(folder, "SHA256SUMS"), await renderChecksums(folder, UNITS));
    const silent = run(home, join(folder, "install.sh"), "--prefix", home.at("opt"));
    expect(silent).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("says nothing of nymvisor-linux-") });
    rmSync(join(folder, "SHA256SUMS"));
    const missing = run(home, join(folder, "install.sh"), "--prefix", home.at("opt"));
    expect(missing).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("has no SHA256SUMS") });
    expect(existsSync(home.at("opt"))).toBe(false);
  });

  test("leaves the old executable when the new one does not run on this machine", async () => {
    using home = temporaryHome();
    const folder = await makeRelease(home);
    expect(run(home, join(folder, "install.sh"), "--prefix", home.at("opt")).exitCode).toBe(0);
    writeFileSync(join(folder, ownExecutable), "#!/bin/sh\nexit 127\n");
    writeFileSync(join(folder, "SHA256SUMS"), await renderChecksums(folder, FILES));
    const { exitCode, stderr } = run(home, join(folder, "install.sh"), "--prefix", home.at("opt"));
    expect(exitCode).toBe(1);
    expect(stderr).toContain("does not run here");
    expect(readFileSync(home.at("opt/bin/nymvisor"), "utf8")).toContain("nymvisor 1.2.3");
    expect(filesBelow(home.at("opt"))).toEqual(["bin/nymvisor"]);
  });

  test("replaces a nymvisor that is running, which goes on undisturbed", async () => {
    using home = temporaryHome();
    const folder = await makeRelease(home);
    mkdirSync(home.at("opt/bin"), { recursive: true });
    copyFileSync("/bin/sleep", home.at("opt/bin/nymvisor"));
    const running = Bun.spawn([home.at("opt/bin/nymvisor"), "600"], { stdio: ["ignore", "ignore", "ignore"] });
    const { exitCode } = run(home, join(folder, "install.sh"), "--prefix", home.at("opt"));
    expect(exitCode).toBe(0);
    expect(running.exitCode).toBeNull();
    running.kill("SIGKILL");
    await running.exited;
    expect(run(home, home.at("opt/bin/nymvisor")).stdout).toBe("nymvisor 1.2.3\n");
  });

  test("can be run twice, brings the newer version, and keeps a unit that the operator changed", async () => {
    using home = temporaryHome();
    const old = await makeRelease(home, "1.2.3");
    const args = ["--prefix", home.at("opt"), "--units", home.at("u")];
    expect(run(home, join(old, "install.sh"), ...args).exitCode).toBe(0);
    expect(run(home, join(old, "install.sh"), ...args).stdout).not.toContain(".service.new");
    const edited = `${readFileSync(home.at("u/nymvisor.service"), "utf8")}# mine\n`;
    writeFileSync(home.at("u/nymvisor.service"), edited);
    const { stdout } = run(home, join(await makeRelease(home, "2.0.0"), "install.sh"), ...args);
    expect(stdout).toContain("nymvisor 2.0.0");
    expect(stdout).toContain(`kept ${home.at("u/nymvisor.service")}`);
    expect(readFileSync(home.at("u/nymvisor.service"), "utf8")).toBe(edited);
    expect(filesBelow(home.at("u"))).toEqual(["nymvisor.service", "nymvisor.service.new", "nymvisor@.service"]);
  });

  test("copes with spaces and other odd letters in every path", async () => {
    using home = temporaryHome("it is 100% $HOME & co");
    const folder = await makeRelease(home);
    const { exitCode, stderr } = run(
      home,
      join(folder, "install.sh"),
      "--prefix",
      home.at("my opt"),
      "--units",
      home.at("u"),
    );
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    expect(run(home, home.at("my opt/bin/nymvisor")).stdout).toBe("nymvisor 1.2.3\n");
    const start = /^ExecStart=(.*)$/m.exec(readFileSync(home.at("u/nymvisor.service"), "utf8"))?.[1];
    expect(start).toBe(`"${home.at("my opt/bin/nymvisor").replace("%", "%%")}" run run $NODE_ARGUMENTS`);
  });

  test("says so, before anything else, when systemd could not start what is in such a place", async () => {
    using home = temporaryHome("it's");
    const folder = await makeRelease(home);
    const { exitCode, stderr } = run(
      home,
      join(folder, "install.sh"),
      "--prefix",
      home.at("opt"),
      "--units",
      home.at("u"),
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain("quotes or backslashes");
    expect(existsSync(home.at("opt"))).toBe(false);
  });

  test("takes away what it installed, and nothing in ~/.nym", async () => {
    using home = temporaryHome();
    const folder = await makeRelease(home);
    mkdirSync(home.at(".nym/nymvisors"), { recursive: true });
    writeFileSync(home.at(".nym/nymvisors/kept"), "");
    const args = ["--prefix", home.at("opt"), "--units", home.at("u")];
    run(home, join(folder, "install.sh"), ...args);
    expect(run(home, join(folder, "install.sh"), ...args, "--uninstall").exitCode).toBe(0);
    expect(run(home, join(folder, "install.sh"), ...args, "--uninstall").exitCode).toBe(0);
    expect([...filesBelow(home.at("opt")), ...filesBelow(home.at("u"))]).toEqual([]);
    expect(filesBelow(home.at(".nym"))).toEqual(["nymvisors/kept"]);
  });

  test.each([
    [["--bogus"], "unknown argument '--bogus'"],
    [["--prefix"], "--prefix wants a value"],
    [["--from", "ftp://x/"], "is not an address"],
  ])("answers %p with a usage error", async (args, message) => {
    using home = temporaryHome();
    const { exitCode, stderr } = run(home, join(await makeRelease(home), "install.sh"), ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });

  test("says what is missing when it lies in no release", () => {
    using home = temporaryHome();
    const { exitCode, stderr } = run(home, join(RELEASE, "install.sh"), "--prefix", home.at("opt"));
    expect(exitCode).toBe(1);
    expect(stderr).toContain("bun run build");
  });

  test("explains itself", () => {
    using home = temporaryHome();
    const { exitCode, stdout } = run(home, join(RELEASE, "install.sh"), "--help");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("--uninstall");
  });
});

describe("install.sh without root", () => {
  test("installs into ~/.local/bin, with a unit for the user's own systemd", async () => {
    using home = temporaryHome();
    const folder = await makeRelease(home);
    fakeProgram(home, "id", "echo 1000");
    const { exitCode, stdout } = run(home, join(folder, "install.sh"), "--units", home.at(".config/systemd/user"));
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${home.at(".local/bin")} is not in PATH`);
    expect(stdout).toContain("systemctl --user enable --now nymvisor");
    expect(filesBelow(home.at(".local"))).toEqual(["bin/nymvisor"]);
    expect(filesBelow(home.at(".config"))).toEqual(["systemd/user/nymvisor.service"]);
    const unit = readFileSync(home.at(".config/systemd/user/nymvisor.service"), "utf8");
    expect(unit).toContain(`ExecStart=${home.at(".local/bin/nymvisor")} run run`);
    expect(unit).toContain("WantedBy=default.target");
    expect(unit).toContain("KillMode=mixed");
    expect(unit).toContain("UMask=0077");
    expect(unit).not.toMatch(/^(User|CapabilityBoundingSet|ProtectSystem)=/m);
    expect(unit).not.toContain("useradd");
  });

  test("names --prefix when it may not write where it would", async () => {
    using home = temporaryHome();
    const folder = await makeRelease(home);
    const { exitCode, stderr } = run(home, join(folder, "install.sh"), "--prefix", "/proc/nowhere");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("or elsewhere with --prefix DIR");
  });
});

describe("install.sh --from", () => {
  function serve(folder: string) {
    return Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        const file = Bun.file(join(folder, new URL(request.url).pathname.replace("/releases/", "")));
        return (await file.exists()) ? new Response(file) : new Response("none", { status: 404 });
      },
    });
  }

  const fetchers = ["curl", "wget"].filter((program) => Bun.which(program) !== null);
  for (const missing of ["curl", "wget"].filter((program) => !fetchers.includes(program))) {
    console.warn(`SKIPPED: install.sh --from with ${missing}, which is not on this machine`);
  }

  /** A folder with what the script uses, and one program to fetch with. */
  function pathWith(home: TemporaryHome, fetcher: string): string {
    const folder = home.at("path", fetcher);
    mkdirSync(folder, { recursive: true });
    const used = "sh id uname mktemp mkdir dirname cat chmod mv rm awk sha256sum cut tr sed cmp".split(" ");
    for (const program of [...used, fetcher]) symlinkSync(Bun.which(program) ?? "", join(folder, program));
    return folder;
  }

  async function runFrom(home: TemporaryHome, fetcher: string, url: string, ...args: string[]) {
    // Asynchronous, since this process is the server. The script comes through a pipe, as in `curl … | sh -s -- …`.
    const child = Bun.spawn(["/bin/sh", "-s", "--", "--from", url, "--prefix", home.at("opt"), ...args], {
      cwd: home.path,
      env: { ...home.env, PATH: pathWith(home, fetcher), TMPDIR: home.path },
      stdin: Bun.file(join(RELEASE, "install.sh")),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [exitCode, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
    return { exitCode, stdout, stderr };
  }

  describe.each(fetchers)("with %s", (fetcher) => {
    test("fetches the release, verifies it and leaves nothing behind", async () => {
      using home = temporaryHome();
      await using server = serve(await makeRelease(home));
      const { exitCode, stdout, stderr } = await runFrom(home, fetcher, `${server.url}releases/`, "--allow-http");
      expect(stderr).toBe("");
      expect(exitCode).toBe(0);
      expect(stdout).toContain("nymvisor 1.2.3");
      expect(filesBelow(home.at("opt"))).toEqual(["bin/nymvisor"]);
      expect(readdirSync(home.path).filter((name) => name.startsWith("tmp."))).toEqual([]);
    });

    test("puts nothing anywhere when a file there is another one than the checksums say", async () => {
      using home = temporaryHome();
      const folder = await makeRelease(home);
      await using server = serve(folder);
      writeFileSync(join(folder, ownExecutable), "#!/bin/sh\necho pwned\n");
      const { exitCode, stderr } = await runFrom(home, fetcher, `${server.url}releases`, "--allow-http");
      expect(stderr).toContain("is not what SHA256SUMS says");
      expect(exitCode).toBe(1);
      expect(existsSync(home.at("opt"))).toBe(false);
    });

    test("puts nothing anywhere when a file is missing there", async () => {
      using home = temporaryHome();
      const folder = await makeRelease(home);
      await using server = serve(folder);
      rmSync(join(folder, ownExecutable));
      const { exitCode, stderr } = await runFrom(home, fetcher, `${server.url}releases`, "--allow-http");
      expect(stderr).toContain(`${ownExecutable} could not be fetched`);
      expect(exitCode).toBe(1);
      expect(existsSync(home.at("opt"))).toBe(false);
    });

    test("wants https", async () => {
      using home = temporaryHome();
      const { exitCode, stderr } = await runFrom(home, fetcher, "http://127.0.0.1:9/releases");
      expect(exitCode).toBe(1);
      expect(stderr).toContain("is not https");
    });
  });
});
