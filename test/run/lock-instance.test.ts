import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import type { Subprocess } from "bun";
import { lockInstance } from "../../src/run/run.ts";
import { failureOfAsync } from "../support/failure.ts";
import { type EmptyInstance, emptyInstance } from "../support/instance.ts";
import { MarkedProcesses } from "../support/marked-processes.ts";
import { startProgram } from "../support/program.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";

let home: TemporaryHome;
let instance: EmptyInstance;
let processes: MarkedProcesses;
const children: Subprocess[] = [];

beforeEach(() => {
  home = temporaryHome();
  instance = emptyInstance(home);
  processes = new MarkedProcesses();
});
afterEach(async () => {
  processes[Symbol.dispose]();
  for (const child of children.splice(0)) await child.exited;
  home[Symbol.dispose]();
});

/**
 * A nymvisor that has taken the locks, and a child of it that has them too: as one has that was made a moment ago.
 * @returns the nymvisor, and the pid of the child
 */
async function startHolder(): Promise<{ nymvisor: Subprocess; child: number }> {
  const nymvisor = startProgram(
    `import { lockInstance } from "#/run/run.ts";
     import { readdirSync, readlinkSync } from "node:fs";
     const { layout, locked } = JSON.parse(process.argv[1]);
     await lockInstance(layout, () => {});
     const leadsTo = (fd) => { try { return readlinkSync("/proc/self/fd/" + fd); } catch { return ""; } };
     const descriptors = readdirSync("/proc/self/fd").filter((fd) => locked.includes(leadsTo(fd))).map(Number);
     const child = Bun.spawn(["sleep", "600"], { stdio: ["ignore", "ignore", "ignore", ...descriptors] });
     console.log(child.pid);
     setInterval(() => {}, 1000);`,
    { args: [JSON.stringify({ layout: instance.layout, locked: lockedPaths() })], env: processes.environment },
  );
  children.push(nymvisor);
  const reader = nymvisor.stdout.getReader();
  const { value } = await reader.read();
  const child = Number(new TextDecoder().decode(value));
  await waitFor("the child to have the locks", () => holds(child).length === lockedPaths().length);
  return { nymvisor, child };
}

const lockedPaths = () => {
  const { homeLock, instanceLock, home, instanceData } = instance.layout;
  return [homeLock, instanceLock, home, instanceData.slice(0, instanceData.lastIndexOf("/"))];
};

function holds(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => lockedPaths().includes(linkAt(`/proc/${pid}/fd/${fd}`)));
}

/** Empty, if it is gone by now: a program opens and closes files while it starts. */
function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

test("the locks of a nymvisor that was killed are waited for as long as a child of it has them", async () => {
  const { nymvisor, child } = await startHolder();
  nymvisor.kill("SIGKILL");
  await nymvisor.exited;
  let taken = false;
  const locking = lockInstance(instance.layout, instance.emit).finally(() => {
    taken = true;
  });
  await Bun.sleep(0);
  expect(taken).toBe(false);
  process.kill(child, "SIGKILL");
  for (const lock of await locking) lock.release();
  expect(instance.events).toEqual([]);
});

test("one that lives is not waited for, and named", async () => {
  const { nymvisor } = await startHolder();
  const began = performance.now();
  const failure = await failureOfAsync(lockInstance(instance.layout, instance.emit));
  expect(failure.message).toContain(`nymvisor with pid ${nymvisor.pid} already runs the daemon home`);
  expect(performance.now() - began).toBeLessThan(1_000);
});

test("a child that keeps them is not waited for without end, and the dead nymvisor not blamed", async () => {
  const { nymvisor } = await startHolder();
  nymvisor.kill("SIGKILL");
  await nymvisor.exited;
  const failure = await failureOfAsync(lockInstance(instance.layout, instance.emit));
  expect(failure.message).toContain("another nymvisor already runs");
  expect(failure.next).toContain("fuser");
});
