import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { inspectBinary } from "../../src/daemon/inspect.ts";
import { failureOfAsync } from "../support/failure.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { runProgram } from "../support/program.ts";
import { type HostileKind, sampleBuildInfo, writeHostileDaemon, writeSampleDaemon } from "../support/sample-daemon.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";

let home: TemporaryHome;
let path: string;
let processes: MarkedProcesses;

beforeEach(() => {
  home = temporaryHome();
  path = home.at("nym-node");
  processes = new MarkedProcesses();
});
afterEach(() => {
  processes[Symbol.dispose]();
  home[Symbol.dispose]();
});

function inspect(options: { limit?: number; signal?: AbortSignal } = {}) {
  return inspectBinary(path, { environment: processes.environment, ...options });
}

function script(text: string): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

/** A shell command that prints the answer of a good binary. */
function answers(change: Record<string, unknown> = {}): string {
  return `cat <<'ANSWER'\n${JSON.stringify({ ...sampleBuildInfo({ version: "1.1.0" }), ...change })}\nANSWER`;
}

describe("a Nym binary", () => {
  test("is asked with the arguments of Nym's own tools, and answers", async () => {
    script(`[ "$*" = "--no-banner build-info --output=json" ] || exit 9\n${answers()}`);
    expect(await inspect()).toEqual(sampleBuildInfo({ version: "1.1.0" }));
  });

  test("may be old and know no cargo_triple, or new and say more", async () => {
    script(answers({ cargo_triple: undefined, features: ["x"] }));
    expect(await inspect()).toMatchObject({ cargo_triple: "unknown", build_version: "1.1.0" });
  });

  test("gets the environment that it is given, and nothing to read", async () => {
    script(`[ -z "$(cat)" ] && [ "$HOME" = "" ] && [ -n "$NYMVISOR_TEST_MARK" ] || exit 9\n${answers()}`);
    expect(await inspect()).toMatchObject({ build_version: "1.1.0" });
  });

  test("may lie behind a link, under a name with spaces, quotes and a newline", async () => {
    writeSampleDaemon(home.at("real"), { version: "1.1.0" });
    path = home.at(`it's a "link" & \n more`);
    symlinkSync("real", path);
    expect(await inspect()).toMatchObject({ build_version: "1.1.0" });
  });

  test("may print more to its stderr than anybody reads", async () => {
    script(`head -c 1000000 /dev/zero >&2\n${answers()}`);
    expect(await inspect()).toMatchObject({ build_version: "1.1.0" });
  });

  test("may leave a child behind that holds its output open: the answer counts, and the child is ended", async () => {
    script(`sleep 600 &\n${answers()}`);
    expect(await inspect()).toMatchObject({ build_version: "1.1.0" });
    await processes.wait(0);
  });
});

describe("what is no Nym binary", () => {
  const AFTER: Record<HostileKind, { what?: string; why: string; next?: string }> = {
    missing: { what: "there is no binary at PATH", why: "it is not there (ENOENT)", next: "check the path" },
    "a folder": { why: "it is a folder", next: "name the binary itself" },
    "not executable": { why: "it is not executable", next: "make it so: chmod a+x PATH" },
    empty: { why: "it is empty", next: "get it again" },
    "foreign ELF": {
      why:
        process.arch === "arm64"
          ? "it is built for x86_64, and"
          : "it is built for aarch64, and this machine is x86_64",
      next: "get the binary for this machine",
    },
    hangs: { why: "it did not answer within 0.2 s" },
    "hangs and ignores signals": { why: "it did not answer within 0.2 s" },
    "prints garbage": { why: "its answer to build-info is not JSON" },
    "prints half an object": { why: "its answer to build-info is not JSON" },
    "prints an array": { why: "its build information is incomplete: it: " },
    "prints too few fields": { why: "its build information is incomplete: build_timestamp: " },
    "prints bytes that are no text": { why: "its answer to build-info is not JSON" },
    "prints 100 MB": { why: "it printed more than 1048576 bytes" },
    fails: {
      why: "it exited with 3: cannot do that",
      next: "see what it says: PATH --no-banner build-info --output=json",
    },
    "dies of a signal": { why: "it was ended by SIGSEGV" },
  };

  test.each(Object.entries(AFTER) as [HostileKind, { what?: string; why: string; next?: string }][])(
    "(%s) is refused with the reason, and leaves no process behind",
    async (kind, { what = "PATH is not a Nym binary that runs here", why, next }) => {
      writeHostileDaemon(path, kind);
      const limit = kind.startsWith("hangs") ? { limit: 200 } : {};
      const failure = await failureOfAsync(inspect(limit));
      expect(failure.what).toBe(what.replace("PATH", path));
      expect(failure.why).toStartWith(why);
      if (next !== undefined) expect(failure.next).toBe(next.replace("PATH", path));
      expect(processes.running()).toEqual([]);
    },
  );

  test.each([
    ["a device", () => symlinkSync("/dev/null", path), "it is not a regular file"],
    ["a link in a circle", () => symlinkSync("nym-node", path), "the path leads through too many links (ELOOP)"],
    [
      "below a file",
      () => {
        writeFileSync(path, "");
        path = `${path}/nym-node`;
      },
      "a part of the path is not a folder (ENOTDIR)",
    ],
    [
      "text without a word on who reads it",
      () => {
        writeFileSync(path, "just text\n");
        chmodSync(path, 0o755);
      },
      "it cannot be executed",
    ],
    [
      "a script of a shell that is not there",
      () => {
        writeFileSync(path, "#!/nonexistent/sh\n");
        chmodSync(path, 0o755);
      },
      "it cannot be executed",
    ],
    [
      "half an executable",
      () => {
        writeFileSync(path, "\x7fELF\x02\x01\x01");
        chmodSync(path, 0o755);
      },
      "it cannot be executed",
    ],
    [
      "a folder behind a link",
      () => {
        mkdirSync(home.at("folder"));
        symlinkSync("folder", path);
      },
      "it is a folder",
    ],
  ])("(%s) is refused with the reason", async (_, prepare, why) => {
    prepare();
    expect((await failureOfAsync(inspect())).why).toStartWith(why);
  });

  test.each(["../../etc/passwd", "a/b", "", ".hidden", "x".repeat(129), "nym\nnode"])(
    "(it calls itself %p) is refused before any path is made of that",
    async (binary_name) => {
      script(answers({ binary_name }));
      const { why } = await failureOfAsync(inspect());
      expect(why).toStartWith("it calls itself ");
      expect(why).not.toContain("\n");
    },
  );

  test("is told by the last line that it printed, without what drives a terminal", async () => {
    script(`printf 'thread main panicked\\nno \\033[31mlibssl\\n\\n' >&2\nexit 127`);
    expect((await failureOfAsync(inspect())).why).toBe("it exited with 127: no \\u001b[31mlibssl");
  });

  test("is refused when it answers and then fails", async () => {
    script(`${answers()}\nexit 1`);
    expect((await failureOfAsync(inspect())).why).toBe("it exited with 1");
  });

  test("is refused when it says something before its answer", async () => {
    script(`echo "welcome"\n${answers()}`);
    expect((await failureOfAsync(inspect())).why).toStartWith("its answer to build-info is not JSON");
  });

  test("is refused when its children print without end after it", async () => {
    script(`yes &\nexit 0`);
    await failureOfAsync(inspect({ limit: 2_000 }));
    await processes.wait(0);
  });
});

describe("asking a binary", () => {
  test("is not begun when it was given up before", async () => {
    script(`touch ${home.at("asked")}\n${answers()}`);
    const reason = new Error("asked to stop");
    expect(await inspect({ signal: AbortSignal.abort(reason) }).catch((error: unknown) => error)).toBe(reason);
    expect(processes.running()).toEqual([]);
  });

  test("is given up although it was just being begun", async () => {
    writeHostileDaemon(path, "hangs");
    const controller = new AbortController();
    const asking = inspect({ signal: controller.signal }).catch((error: unknown) => error);
    const reason = new Error("asked to stop");
    controller.abort(reason);
    expect(await asking).toBe(reason);
    expect(processes.running()).toEqual([]);
  });

  test("is given up at once, and leaves no process behind", async () => {
    writeHostileDaemon(path, "hangs and ignores signals");
    const controller = new AbortController();
    const asking = inspect({ signal: controller.signal }).catch((error: unknown) => error);
    await processes.wait(2);
    const reason = new Error("asked to stop");
    controller.abort(reason);
    expect(await asking).toBe(reason);
    expect(processes.running()).toEqual([]);
  });

  test("holds up nobody who has ended, although a child that fled holds the output open", async () => {
    script(`setsid sleep 600 &\nsleep 0.05\n${answers()}`);
    const code = `import { inspectBinary } from "#/daemon/inspect.ts";
      const asking = inspectBinary(process.argv[1], { environment: ${JSON.stringify(processes.environment)}, limit: 300 });
      console.log(await asking.then(({ build_version }) => build_version, ({ why }) => why));`;
    expect(await runProgram(code, { args: [path] })).toMatch(/^(1\.1\.0|it did not answer within 0\.3 s)\n$/);
  });
});
