import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { buildExecutable, TARGETS, type Target } from "../../build.ts";
import packageJson from "../../package.json";
import { temporaryHome } from "../support/temporary-home.ts";
import { tinyElf } from "../support/tiny-elf.ts";

/** How to run a target's executable as a machine that is, or may not be, this one. */
interface Emulation {
  target: Target["name"];
  machine: string;
  /** The programs of which one is needed, and its arguments. */
  programs: readonly string[];
  args: readonly string[];
  /** What else must be there. */
  needs?: string;
}

const NEHALEM: Emulation = {
  target: "x64",
  machine: "a Nehalem of 2008, which has no AVX",
  programs: ["qemu-x86_64-static", "qemu-x86_64"],
  args: ["-cpu", "Nehalem"],
};

const ARM64: Emulation = {
  target: "arm64",
  machine: "an arm64 machine",
  programs: ["qemu-aarch64-static", "qemu-aarch64"],
  args: ["-L", "/usr/aarch64-linux-gnu"],
  needs: "/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1",
};

/** The command line of an emulation, or undefined when this machine cannot do it. */
function emulator({ programs, args, needs }: Emulation): string[] | undefined {
  const program = programs.map((name) => Bun.which(name)).find((path) => path !== null);
  if (program === undefined || program === null || (needs !== undefined && !existsSync(needs))) return undefined;
  return [program, ...args];
}

const home = temporaryHome();
afterAll(() => home[Symbol.dispose]());

async function run(command: readonly string[]) {
  const child = Bun.spawn([...command], {
    env: home.env,
    cwd: home.path,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [status, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { status, stdout, stderr };
}

describe.each([NEHALEM, ARM64])("nymvisor on $machine", (emulation) => {
  const emulate = emulator(emulation);
  const skipped = emulate === undefined;
  if (skipped) {
    console.warn(
      `SKIPPED: ${emulation.machine}, for want of ${emulation.programs[0]} (qemu-user-static, libc6-arm64-cross)`,
    );
  }
  const target = TARGETS.find(({ name }) => name === emulation.target) as Target;
  const executable = home.at(`nymvisor-${target.name}`);
  const command = [...(emulate ?? []), executable];
  beforeAll(async () => {
    if (!skipped) await buildExecutable({ target, outfile: executable });
  });

  test.skipIf(skipped)("says its version", async () => {
    expect(await run([...command, "-V"])).toEqual({
      status: 0,
      stdout: `nymvisor ${packageJson.version}\n`,
      stderr: "",
    });
    expect((await run([...command, "--version"])).stdout).toContain(`Build Version:      ${packageJson.version}\n`);
  });

  test.skipIf(skipped)("answers build-info for its own triple", async () => {
    const { status, stdout } = await run([...command, "build-info", "-o", "json"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      binary_name: "nymvisor",
      build_version: packageJson.version,
      cargo_profile: "release",
      cargo_triple: target.triple,
    });
  });

  test.skipIf(skipped)("fails as it should where there is no configuration", async () => {
    const { status, stdout, stderr } = await run([...command, "config"]);
    expect(status).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toContain("nymvisor init");
  });

  test.skipIf(skipped)("notices no variable of the runtime", async () => {
    const bent = [
      "env",
      "BUN_BE_BUN=1",
      "BUN_OPTIONS=--config=/nonexistent",
      "BUN_JSC_useJIT=no such value",
      ...command,
    ];
    expect(await run([...bent, "-V"])).toEqual({ status: 0, stdout: `nymvisor ${packageJson.version}\n`, stderr: "" });
  });
});

test.skipIf(emulator(NEHALEM) === undefined)(
  "the emulated Nehalem really refuses AVX2, so the above means something",
  async () => {
    const addition = [0xc5, 0xfd, 0xfe, 0xc0]; // vpaddd ymm0, ymm0, ymm0
    writeFileSync(home.at("without"), tinyElf([]), { mode: 0o755 });
    writeFileSync(home.at("with"), tinyElf(addition), { mode: 0o755 });
    const emulate = emulator(NEHALEM) ?? [];
    expect((await run([...emulate, home.at("without")])).status).toBe(0);
    expect((await run([...emulate, home.at("with")])).status).toBe(128 + 4);
  },
);
