import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporaryHome } from "../support/temporary-home.ts";

const RELEASE = resolve(import.meta.dir, "../../release");
const UNITS = ["nymvisor.service", "nymvisor@.service"];

/** The assignments of a unit, without its comments. */
function assignments(name: string): string[] {
  return readFileSync(join(RELEASE, name), "utf8")
    .split("\n")
    .filter((line) => /^[A-Za-z]+=/.test(line));
}

describe.each(UNITS)("%s", (name) => {
  test("stops nymvisor alone, and waits longer than nymvisor waits for the node", () => {
    const lines = assignments(name);
    expect(lines).toContain("KillMode=mixed");
    expect(lines).toContain("KillSignal=SIGTERM");
    const seconds = Number(/^TimeoutStopSec=(\d+)s$/m.exec(lines.join("\n"))?.[1]);
    // The default grace period is 10 s, and the kill comes one second later.
    expect(seconds).toBeGreaterThan(11);
  });

  test("starts nymvisor again after a failure, but not for ever and not after a wrong command line", () => {
    const lines = assignments(name);
    expect(lines).toContain("Restart=on-failure");
    expect(lines).toContain("RestartPreventExitStatus=2");
    expect(lines.filter((line) => /^(StartLimit\w+|RestartSec|LimitNOFILE)=/.test(line))).toHaveLength(4);
  });

  test("forbids nothing that a runtime with a compiler in it, or a node in a home folder, needs", () => {
    const forbidden = /^(MemoryDenyWriteExecute|ProtectHome|SystemCallFilter|PrivateNetwork|PrivateUsers)=/;
    expect(assignments(name).filter((line) => forbidden.test(line))).toEqual([]);
  });

  const analyze = Bun.which("systemd-analyze");
  if (analyze === null) console.warn("SKIPPED: no systemd-analyze to verify the units with");
  test.skipIf(analyze === null)("is a unit that systemd understands", () => {
    using home = temporaryHome();
    // What it names must exist for the verification: a program, and a user.
    const program = home.at("nymvisor");
    writeFileSync(program, "#!/bin/sh\n");
    chmodSync(program, 0o755);
    const unit = readFileSync(join(RELEASE, name), "utf8")
      .replace("/usr/local/bin/nymvisor", program)
      .replace("User=nym", "User=root");
    writeFileSync(home.at(name), unit);
    const { stderr } = Bun.spawnSync([analyze ?? "", "verify", home.at(name)], { env: home.env, stdin: "ignore" });
    const ours = stderr
      .toString()
      .split("\n")
      .filter((line) => line.includes("nymvisor"));
    expect(ours).toEqual([]);
  });
});

test("the template differs from the unit in nothing but which instance it is", () => {
  const [unit, template] = UNITS.map(assignments) as [string[], string[]];
  const instance = /^(Description|Environment|EnvironmentFile)=/;
  expect(template.filter((line) => !instance.test(line))).toEqual(unit.filter((line) => !instance.test(line)));
  expect(template).toContain("Environment=NYMVISOR_ID=%i");
});

const shellcheck = Bun.which("shellcheck");
if (shellcheck === null) console.warn("SKIPPED: no shellcheck to read install.sh with");
test.skipIf(shellcheck === null)("install.sh has nothing that shellcheck would warn of", () => {
  const { stdout } = Bun.spawnSync([shellcheck ?? "", join(RELEASE, "install.sh")], { stdin: "ignore" });
  expect(stdout.toString()).toBe("");
});
