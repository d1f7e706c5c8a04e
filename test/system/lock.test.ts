import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { tryExclusiveLock } from "../../src/system/libc.ts";
import { type Holder, type Lock, sweepLock, tryLock, waitForLock, withLock } from "../../src/system/lock.ts";
import { failureOf, failureOfAsync } from "../support/failure.ts";
import { isRoot, runProgram, startProgram } from "../support/program.ts";
import { type TemporaryHome, temporaryHome } from "../support/temporary-home.ts";
import { waitFor } from "../support/wait.ts";

let home: TemporaryHome;
let path: string;
const started: { kill(signal: NodeJS.Signals): void; exited: Promise<number> }[] = [];

beforeEach(() => {
  home = temporaryHome();
  path = home.at("upgrade.lock");
});
afterEach(async () => {
  for (const child of started.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  home[Symbol.dispose]();
});

function take(purpose = "this test"): Lock {
  const { lock } = tryLock(path, purpose);
  if (lock === null) throw new Error("the lock is not free");
  return lock;
}

function holder(): Holder | undefined {
  const attempt = tryLock(path, "looking");
  if (attempt.lock === null) return attempt.holder;
  attempt.lock.release();
  throw new Error("nobody holds the lock");
}

/** A process that holds the lock until it is killed. @param afterwards code that it runs once it has the lock */
async function startHolder(purpose: string, afterwards = "") {
  const child = startProgram(
    `import { tryLock } from "#/system/lock.ts";
     const { lock } = tryLock(${JSON.stringify(path)}, ${JSON.stringify(purpose)});
     ${afterwards}
     console.log(lock === null ? "refused" : "held");
     setInterval(() => {}, 1000);`,
  );
  started.push(child);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  expect(new TextDecoder().decode(value)).toBe("held\n");
  return child;
}

describe("a lock", () => {
  test("is held by one, who is named to others, and leaves nothing behind", () => {
    const lock = take("switching to 1.1.0");
    expect(holder()).toMatchObject({ pid: process.pid, purpose: "switching to 1.1.0" });
    lock.release();
    expect(readdirSync(home.path)).toEqual([]);
    take().release();
  });

  test("may be given back twice, which takes it from nobody else", () => {
    const first = take();
    first.release();
    const second = take("the second");
    first.release();
    expect(holder()).toMatchObject({ purpose: "the second" });
    second.release();
  });

  test("may be given back when its folder is gone", () => {
    mkdirSync(home.at("folder"));
    path = home.at("folder/upgrade.lock");
    const lock = take();
    rmSync(home.at("folder"), { recursive: true });
    lock.release();
  });

  test("cannot be taken in a folder that is not there, and says so", () => {
    path = home.at("missing/upgrade.lock");
    expect(failureOf(take)).toMatchObject({
      what: `the lock ${path} cannot be opened`,
      why: "it is not there (ENOENT)",
    });
  });

  test.skipIf(!isRoot)(
    "that root takes in another user's folder can be opened by that user, should root be killed",
    () => {
      chownSync(home.path, 12345, 12346);
      const lock = take();
      expect(statSync(path)).toMatchObject({ uid: 12345, gid: 12346 });
      lock.release();
    },
  );
});

describe("between processes a lock", () => {
  test("is held by one, and is free at once when that one is killed", async () => {
    const child = await startHolder("run");
    expect(holder()).toMatchObject({ pid: child.pid, purpose: "run" });
    child.kill("SIGKILL");
    await child.exited;
    take().release();
    expect(existsSync(path)).toBe(false);
  });

  test("stays with a holder that is stopped, and whoever waits is told by whom", async () => {
    const child = await startHolder("putting the documents in order");
    child.kill("SIGSTOP");
    await waitFor("the holder to stop", () => readFileSync(`/proc/${child.pid}/stat`, "utf8").includes(") T "));
    const failure = await failureOfAsync(waitForLock(path, "this test", { limit: 50 }));
    expect(failure).toMatchObject({
      what: `${path} is still held by pid ${child.pid} (putting the documents in order) after 0.05 s`,
      next: `see what it does: ps -o pid,stat,etime,args -p ${child.pid}`,
    });
  });

  test("does not stay with a child that outlives its holder", async () => {
    const child = await startHolder(
      "run",
      `const { spawnChild } = await import("#/daemon/spawn.ts");
       const { pid } = await spawnChild({ command: ["/bin/sleep", "600"], environment: {}, output: "inherit" });
       require("node:fs").writeFileSync(${JSON.stringify(home.at("pid"))}, String(pid));`,
    );
    const grandchild = Number(readFileSync(home.at("pid"), "utf8"));
    try {
      child.kill("SIGKILL");
      await child.exited;
      // Not at the first try: until the child is the other program it is a copy of its parent.
      (await waitForLock(path, "this test")).release();
      process.kill(grandchild, 0);
    } finally {
      process.kill(grandchild, "SIGKILL");
    }
  });

  test("is waited for, and taken as soon as it is free", async () => {
    const child = await startHolder("run");
    const waiting = waitForLock(path, "this test");
    child.kill("SIGKILL");
    const lock = await waiting;
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ pid: process.pid, purpose: "this test" });
    lock.release();
  });

  test("is waited for no longer than the signal allows", async () => {
    const lock = take();
    const controller = new AbortController();
    const waiting = waitForLock(path, "this test", { signal: controller.signal });
    const reason = new Error("asked to stop");
    controller.abort(reason);
    expect(await waiting.catch((error: unknown) => error)).toBe(reason);
    lock.release();
  });

  test("is not taken any more once the signal has come, free or not", async () => {
    const reason = new Error("asked to stop");
    const waiting = waitForLock(path, "this test", { signal: AbortSignal.abort(reason) });
    expect(await waiting.catch((error: unknown) => error)).toBe(reason);
    expect(existsSync(path)).toBe(false);
  });

  test("whose holder cannot be told is still a lock", async () => {
    const descriptor = openSync(path, "w");
    expect(tryExclusiveLock(descriptor)).toBe(true);
    expect(tryLock(path, "this test")).toEqual({ lock: null, holder: undefined });
    const failure = await failureOfAsync(waitForLock(path, "this test", { limit: 1 }));
    expect(failure.what).toContain("held by another process");
    expect(failure.next).toBe(`see who has it: fuser -v ${path}`);
    closeSync(descriptor);
  });

  const COUNTERS = 20;
  const TURNS = 10;

  test.each([
    ["nothing", () => {}],
    [
      "a folder with something in it",
      () => {
        mkdirSync(path);
        writeFileSync(join(path, "inside"), "");
      },
    ],
    ["a link that leads nowhere", () => symlinkSync("nowhere", path)],
  ])(`keeps ${COUNTERS} processes apart that find %s where it belongs`, async (_, prepare) => {
    prepare();
    writeFileSync(home.at("count"), "0");
    const code = `import { withLock } from "#/system/lock.ts";
      import { existsSync, readFileSync, writeFileSync } from "node:fs";
      const count = ${JSON.stringify(home.at("count"))};
      writeFileSync(${JSON.stringify(home.at("ready"))} + process.pid, "");
      while (!existsSync(${JSON.stringify(home.at("go"))})) await Bun.sleep(1);
      for (let turn = 0; turn < ${TURNS}; turn += 1)
        await withLock(${JSON.stringify(path)}, "counting", () => writeFileSync(count, String(Number(readFileSync(count, "utf8")) + 1)));`;
    const counters = Array.from({ length: COUNTERS }, () => runProgram(code));
    const ready = () => readdirSync(home.path).filter((name) => name.startsWith("ready")).length === COUNTERS;
    await waitFor("all to be ready", ready);
    writeFileSync(home.at("go"), "");
    await Promise.all(counters);
    expect(readFileSync(home.at("count"), "utf8")).toBe(String(COUNTERS * TURNS));
    expect(existsSync(path)).toBe(false);
  });
});

describe("what is left where a lock belongs never blocks:", () => {
  test.each([
    ["an empty file", () => writeFileSync(path, "")],
    ["a file of a holder that is dead", () => writeFileSync(path, '{"pid":999999999,"startTime":1,"purpose":"run"}\n')],
    ["a file of something else", () => writeFileSync(path, "x".repeat(100_000))],
    ["an empty folder", () => mkdirSync(path)],
    ["a link that leads nowhere", () => symlinkSync("nowhere", path)],
    ["a link to itself", () => symlinkSync("upgrade.lock", path)],
  ])("%s", (_, leave) => {
    leave();
    const lock = take();
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ pid: process.pid, purpose: "this test" });
    lock.release();
    expect(readdirSync(home.path)).toEqual([]);
  });

  test("a folder with something in it, which is kept aside", () => {
    mkdirSync(path);
    writeFileSync(join(path, "inside"), "kept");
    take().release();
    const [kept = ""] = readdirSync(home.path);
    expect(kept).toStartWith("upgrade.lock.stale-");
    expect(readFileSync(home.at(kept, "inside"), "utf8")).toBe("kept");
  });

  test("a link to another file, which is not touched", () => {
    writeFileSync(home.at("precious"), "precious");
    symlinkSync("precious", path);
    take().release();
    expect(readFileSync(home.at("precious"), "utf8")).toBe("precious");
    expect(readdirSync(home.path)).toEqual(["precious"]);
  });
});

test("a disk that is full is no reason to go without a lock, nor to keep it for ever", async () => {
  const code = `import { tryLock } from "#/system/lock.ts";
    process.on("SIGXFSZ", () => {});
    for (let turn = 0; turn < 2; turn += 1) {
      const { lock } = tryLock(${JSON.stringify(path)}, "run");
      console.log(lock === null ? "refused" : "held");
      lock?.release();
    }`;
  expect(await runProgram(code, { through: ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"] })).toBe("held\nheld\n");
});

describe("the file of a lock", () => {
  test("that a dead holder left is swept", async () => {
    const child = await startHolder("downloading");
    expect(sweepLock(path)).toBe(false);
    child.kill("SIGKILL");
    await child.exited;
    expect(sweepLock(path)).toBe(true);
    expect(readdirSync(home.path)).toEqual([]);
  });

  test("that is held stays with its holder", () => {
    const lock = take();
    expect(sweepLock(path)).toBe(false);
    expect(holder()).toMatchObject({ purpose: "this test" });
    lock.release();
  });

  test("that is not there is not made", () => {
    expect(sweepLock(path)).toBe(false);
    expect(readdirSync(home.path)).toEqual([]);
  });
});

describe("what is done with a lock held", () => {
  test("gives its result, and the lock back", async () => {
    expect(await withLock(path, "adding", () => holder()?.purpose)).toBe("adding");
    expect(existsSync(path)).toBe(false);
  });

  test("gives the lock back when it fails", async () => {
    const failing = withLock(path, "failing", () => {
      throw new Error("no space");
    });
    expect(await failing.catch((error: Error) => error.message)).toBe("no space");
    expect(existsSync(path)).toBe(false);
  });
});
