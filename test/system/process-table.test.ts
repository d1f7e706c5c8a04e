import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync } from "node:fs";
import {
  bootId,
  findByEnvironment,
  groupMembers,
  identify,
  isAlive,
  leadsGroup,
  self,
  sendSignal,
} from "../../src/system/process-table.ts";
import { temporaryHome } from "../support/temporary-home.ts";
import { isAlive as isAliveByState, waitFor } from "../support/wait.ts";

const started: Bun.Subprocess[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await child.exited;
  }
});

/** In a process group of its own. */
function start(command: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn(command, { env, stdio: ["ignore", "pipe", "ignore"], detached: true });
  started.push(child);
  return child;
}

function identityOf(pid: number) {
  const identity = identify(pid);
  if (identity === undefined) throw new Error(`there is no process ${pid}`);
  return identity;
}

describe("a process", () => {
  test("is alive as long as it runs, and not once it has ended", async () => {
    const child = start(["/bin/sleep", "600"]);
    const identity = identityOf(child.pid);
    expect(isAlive(identity)).toBe(true);
    child.kill("SIGKILL");
    await child.exited;
    expect(isAlive(identity)).toBe(false);
    expect(identify(child.pid)).toBeUndefined();
  });

  test("that is stopped is alive", async () => {
    const child = start(["/bin/sleep", "600"]);
    child.kill("SIGSTOP");
    expect(isAlive(identityOf(child.pid))).toBe(true);
  });

  test("that has ended and was not reaped is not alive", async () => {
    const child = start(["/bin/sh", "-c", "sleep 0 & echo $!; exec sleep 600"]);
    const { value } = await child.stdout.getReader().read();
    const zombie = Number(new TextDecoder().decode(value));
    await waitFor("a zombie", () => !isAliveByState(zombie));
    expect(identify(zombie)).toBeDefined();
    expect(isAlive(identityOf(zombie))).toBe(false);
  });

  test("is not the one of another time with the same number", () => {
    const { pid, startTime } = self();
    expect(isAlive({ pid, startTime })).toBe(true);
    expect(isAlive({ pid, startTime: startTime + 1 })).toBe(false);
  });

  test("is not the one of before a reboot with the same number", () => {
    expect(isAlive({ ...self(), bootId: bootId() })).toBe(true);
    expect(isAlive({ ...self(), bootId: "another" })).toBe(false);
  });

  test("may have a name that looks like a part of /proc", () => {
    using home = temporaryHome();
    const program = home.at(") Z 1 (x");
    copyFileSync("/bin/sleep", program);
    chmodSync(program, 0o755);
    const child = start([program, "600"]);
    const identity = identityOf(child.pid);
    expect(identity.startTime).toBeGreaterThanOrEqual(self().startTime);
    expect(isAlive(identity)).toBe(true);
    expect(leadsGroup(child.pid)).toBe(true);
  });

  test.each([0, -1, 2 ** 31, 1.5])("with the number %p there is none", (pid) => {
    expect(identify(pid)).toBeUndefined();
    expect(isAlive({ pid, startTime: 1 })).toBe(false);
  });
});

describe("what a process was started with", () => {
  const find = (value: string) => findByEnvironment("NYMVISOR_TEST_HOME", value).map(({ pid }) => pid);

  test("finds it by a whole variable with a whole value", () => {
    const value = `/home/${crypto.randomUUID()} with a space`;
    const first = start(["/bin/sleep", "600"], { NYMVISOR_TEST_HOME: value });
    const between = start(["/bin/sleep", "600"], { A: "b", NYMVISOR_TEST_HOME: value, Z: "z" });
    start(["/bin/sleep", "600"], { NYMVISOR_TEST_HOME: `${value}/deeper` });
    start(["/bin/sleep", "600"], { ANOTHER_NYMVISOR_TEST_HOME: value });
    start(["/bin/sleep", "600"], { OTHER: `x NYMVISOR_TEST_HOME=${value}` });
    expect(find(value).toSorted()).toEqual([first.pid, between.pid].toSorted());
  });

  test("finds its children too, and none that has ended", async () => {
    const value = `/home/${crypto.randomUUID()}`;
    const child = start(["/bin/sh", "-c", "sleep 600 & wait"], { NYMVISOR_TEST_HOME: value, PATH: "/usr/bin:/bin" });
    await waitFor("both to run", () => find(value).length === 2);
    expect(find(value)).toContain(child.pid);
    process.kill(-child.pid, "SIGKILL");
    await child.exited;
    await waitFor("both to be gone", () => find(value).length === 0);
  });

  test("does not find the one that looks", () => {
    expect(findByEnvironment("PATH", process.env.PATH ?? "").map(({ pid }) => pid)).not.toContain(process.pid);
  });
});

describe("a process group", () => {
  test("is those of its members that run, whoever their parents are", async () => {
    const command = "(sleep 600 & sleep 600 &); sleep 0 & echo; exec sleep 600";
    const child = start(["/bin/sh", "-c", command], { PATH: "/usr/bin:/bin" });
    await child.stdout.getReader().read();
    const members = () => groupMembers(child.pid).map(({ pid }) => pid);
    await waitFor("the short-lived one to end", () => members().length === 3);
    expect(members()).toContain(child.pid);
    process.kill(-child.pid, "SIGKILL");
    await child.exited;
    await waitFor("all to end", () => members().length === 0);
  });

  test("is led by who was started to lead it, and not by its children", async () => {
    const child = start(["/bin/sh", "-c", "sleep 600 & echo $!; wait"], { PATH: "/usr/bin:/bin" });
    const { value } = await child.stdout.getReader().read();
    expect(leadsGroup(child.pid)).toBe(true);
    expect(leadsGroup(Number(new TextDecoder().decode(value)))).toBe(false);
    expect(leadsGroup(2 ** 31)).toBe(false);
  });
});

describe("a signal", () => {
  test("reaches the process", async () => {
    const child = start(["/bin/sleep", "600"]);
    sendSignal(child.pid, "SIGTERM");
    await child.exited;
    expect(child.signalCode).toBe("SIGTERM");
  });

  test("to a process that is gone is no error", async () => {
    const child = start(["/bin/true"]);
    await child.exited;
    sendSignal(child.pid, "SIGTERM");
  });
});
