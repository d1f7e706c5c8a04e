import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { runCommand } from "../../../src/run/health/run-command.ts";
import { MarkedProcesses } from "../../support/marked-processes.ts";

const SECOND = 1_000_000_000n;
const never = new AbortController().signal;

let processes: MarkedProcesses;

beforeEach(() => {
  processes = new MarkedProcesses();
});

afterEach(() => processes[Symbol.dispose]());

/** What is said of the command, or nothing if it is well. */
async function verdict(command: string, limit = 30n * SECOND, signal = never): Promise<string> {
  const { environment } = processes;
  try {
    await runCommand(command, { environment, limit, signal });
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("a command", () => {
  test.each(["exit 0", "true", "echo much; echo more >&2", 'test -n "$PATH" -a \'a b\' = "a b"'])(
    "that exits with 0 is well: %s",
    async (command) => {
      expect(await verdict(command)).toBe("");
    },
  );

  test.each([
    ["exit 7", "exited with 7"],
    ["echo first; echo 'the mixnet is far'; exit 1", "exited with 1: the mixnet is far"],
    ["echo out; echo '  err  ' >&2; echo >&2; exit 1", "exited with 1: err"],
    ["kill -9 $$", "was ended by SIGKILL"],
    ["no-such-program-at-all", "exited with 127: "],
    ["if", "exited with 2: "],
    ["printf 'a\\033[2Jb'; exit 1", "exited with 1: a\\u001b[2Jb"],
    ["cat; exit 4", "exited with 4"],
  ])("that does not is told with its last line: %s", async (command, reason) => {
    expect(await verdict(command)).toContain(`the health command "`);
    expect(await verdict(command)).toContain(`" ${reason}`);
  });

  test("gets the environment that it is given and nothing else", async () => {
    const said = await verdict("env | sort | tr '\\n' ' '; exit 1");
    expect(said).toContain("NYMVISOR_TEST_MARK=");
    expect(said).not.toContain("HOME=");
  });

  test("that prints without end is not held up, and its last line is the last", async () => {
    expect(await verdict("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo end; exit 1")).toEndWith(
      "exited with 1: end",
    );
  });

  test("that hangs is ended with all that it has started", async () => {
    expect(await verdict("sleep 600 & sleep 600", SECOND / 5n)).toBe(
      'the health command "sleep 600 & sleep 600" did not end within 200ms',
    );
    expect(processes.running()).toEqual([]);
  });

  test("that hears no signal is ended all the same", async () => {
    expect(await verdict("trap '' TERM INT HUP; while :; do sleep 1; done", SECOND / 5n)).toContain(
      "did not end within",
    );
    expect(processes.running()).toEqual([]);
  });

  test("that leaves a child behind is well by its own end, and the child is ended", async () => {
    expect(await verdict("sleep 600 & exit 0")).toBe("");
    expect(processes.running()).toEqual([]);
  });

  test("whose child has left its group and holds its output open is not waited for", async () => {
    // The substitution is over once the child is in a session of its own and holds stderr only.
    const command = "x=$(setsid -f sh -c 'echo there; exec sleep 600 >&2'); echo why; exit 5";
    expect(await verdict(command)).toEndWith("exited with 5: why");
    expect(processes.running()).toHaveLength(1);
  });

  test("forks on and on, and nothing of it is left", async () => {
    const command = "i=0; while [ $i -lt 200 ]; do sleep 600 & i=$((i+1)); done; wait";
    expect(await verdict(command, SECOND)).toContain("did not end within 1s");
    expect(processes.running()).toEqual([]);
  });

  test("is ended when the look is called off, with the signal's reason", async () => {
    const controller = new AbortController();
    const running = verdict("exec sleep 600", 600n * SECOND, controller.signal);
    await processes.wait(1);
    controller.abort(new Error("enough"));
    expect(await running).toBe("enough");
    expect(processes.running()).toEqual([]);
  });
});
