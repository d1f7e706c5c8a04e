import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ReleaseServer, startReleaseServer } from "../support/release-server.ts";
import { waitFor } from "../support/wait.ts";
import type { Fault, FaultCode } from "./build/fault.ts";
import { faultExecutable } from "./support/fault-executable.ts";
import { type Running, World } from "./support/world.ts";

/**
 * A disk that goes on saying no until its cause is gone: the node runs, or is started again; the reason is said once and
 * not each second; and what was wanted happens when the cause is gone, without a person at this machine.
 */

const CODES: readonly FaultCode[] = ["ENOSPC", "EIO", "EROFS", "EACCES", "EMFILE"];
/** Without any file to open neither can the documents be read nor a process be started. */
const BUT_EMFILE = CODES.slice(0, -1);

/** What each of them forbids. */
const FORBIDDEN: Readonly<Record<FaultCode, string>> = {
  ENOSPC: "(open|write|mkdir|rename|symlink|link|copy)",
  EIO: "(open|write|mkdir|rename|symlink|link|copy|fsync|remove|truncate|chmod)",
  EROFS: "(open|mkdir|rename|symlink|link|copy|remove|chmod)",
  EACCES: "(open|mkdir|rename|symlink|link|copy|remove)",
  EMFILE: "(open|look)",
};

/** Long enough to see what is said each second. */
const SECONDS_MS = 2_500;

let folder: string;
let server: ReleaseServer;
let taken: World;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-faults-"));
  server = await startReleaseServer();
  await faultExecutable();
  taken = new World(server, folder);
  await taken.takeIn("n1");
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** A node on a disk that says no to what matches, as long as {@link Trouble.begin} was called and `end` was not. */
class Trouble implements Disposable {
  readonly world = new World(server, folder, taken);
  running!: Running;

  constructor(
    private readonly code: FaultCode,
    private readonly path: string,
  ) {}

  begin(): void {
    writeFileSync(this.world.at("trouble"), "");
  }

  end(): void {
    rmSync(this.world.at("trouble"));
  }

  private async run(variables: Readonly<Record<string, string>>): Promise<void> {
    const effect = `^${FORBIDDEN[this.code]}(?= ).*${this.path}`;
    const fault: Fault = { action: this.code, effect, while: this.world.at("trouble") };
    this.running = await this.world.start(["run", "run"], { fault, variables });
  }

  /** A node that runs. */
  async start(): Promise<number> {
    await this.run({});
    return this.daemon("1.0.0");
  }

  /** A node that runs and has asked for releases; what begins then finds nothing else going on. */
  async settle(variables: Readonly<Record<string, string>> = {}): Promise<number> {
    await this.run(variables);
    const pid = await this.daemon("1.0.0");
    await this.running.waitForLog(/no answer about releases/, 20_000);
    return pid;
  }

  announce(): void {
    this.world.announce("1.1.0");
    this.running.kill("SIGHUP");
  }

  async daemon(version: string): Promise<number> {
    const find = () => this.world.daemons().find((daemon) => daemon.version === version)?.pid;
    const pid = await waitFor(`a daemon of ${version}`, () => find() ?? (this.running.hasEnded && -1), {
      within: 20_000,
    });
    if (pid === -1) throw new Error(`it has ended:\n${this.running.stderr}`);
    return pid;
  }

  /** Only this daemon runs. */
  expectDaemon(pid: number): void {
    expect(this.world.daemons().map((daemon) => daemon.pid)).toEqual([pid]);
  }

  /** Waits until the reason is said, and then some, and sees that nothing is said twice. */
  async saidOnce(pattern: RegExp, exception?: RegExp): Promise<void> {
    await this.running.waitForLog(pattern, 20_000);
    await Bun.sleep(SECONDS_MS);
    const lines = this.running.stderr.split("\n").filter((line) => / (WARN|ERROR) /.test(line));
    const texts = lines.map((line) => line.replace(/^\S+ /, "").replace(/trying again in \S+/, ""));
    const twice = texts.filter((text, index) => texts.indexOf(text) !== index && exception?.test(text) !== true);
    expect(twice).toEqual([]);
    expect(lines.some((line) => line.includes(this.code))).toBe(true);
  }

  async upgraded(): Promise<void> {
    await this.world.waitUntilRuns("1.1.0", this.running);
    expect(await this.running.stop()).toMatchObject({ status: 0 });
    expect([...this.world.tornThings()]).toEqual([]);
    expect(await Array.fromAsync(this.world.leftovers("1.1.0"))).toEqual([]);
  }

  [Symbol.dispose](): void {
    this.world[Symbol.dispose]();
  }
}

/** At once, for they wait most of the time. */
function forEachCode(what: string, path: string, tryOut: (trouble: Trouble) => Promise<void>, codes = CODES): void {
  test(`${what}: ${codes.join(", ")}`, async () => {
    await Promise.all(
      codes.map(async (code) => {
        using trouble = new Trouble(code, path);
        await tryOut(trouble).catch((error: unknown) => {
          throw new Error(`${code}: ${error instanceof Error ? error.message : error}\n${trouble.running.stderr}`);
        });
      }),
    );
  });
}

describe("while the disk says no, the node runs on as it is", () => {
  forEachCode("when a release is announced, and nothing at all can be written", "", async (trouble) => {
    const pid = await trouble.settle();
    trouble.begin();
    const before = trouble.running.stderr.length;
    trouble.announce();
    const reason = () => trouble.running.stderr.slice(before).includes("no answer about releases");
    await waitFor("the reason", reason, { within: 20_000 });
    await trouble.saidOnce(/no answer about releases/);
    trouble.expectDaemon(pid);
    trouble.end();
    // The next poll, for which nobody wants to wait an hour.
    trouble.running.kill("SIGHUP");
    await trouble.upgraded();
  });

  forEachCode("when it is staged", "/upgrades/1\\.1\\.0/(bin|\\.?staged)", async (trouble) => {
    const pid = await trouble.settle();
    trouble.begin();
    trouble.announce();
    await trouble.saidOnce(/the upgrade 1\.1\.0 could not be staged/);
    trouble.expectDaemon(pid);
    trouble.end();
    await trouble.upgraded();
  });

  forEachCode("when it is about to be performed", "/\\.?journal\\.json", async (trouble) => {
    const pid = await trouble.settle();
    trouble.begin();
    trouble.announce();
    await trouble.saidOnce(/the upgrade 1\.1\.0 failed/);
    trouble.expectDaemon(pid);
    trouble.end();
    await trouble.upgraded();
  });
});

describe("while the disk says no to what saves the home", () => {
  const runsOn = async (trouble: Trouble) => {
    const pid = await trouble.settle();
    trouble.begin();
    trouble.announce();
    await trouble.saidOnce(/the upgrade 1\.1\.0 failed/);
    trouble.expectDaemon(pid);
    trouble.end();
    // A change of the plan, for nobody wants to wait for the next try.
    const { planPath } = trouble.world.instance();
    writeFileSync(planPath, `${await Bun.file(planPath).text()}\n`);
    await trouble.upgraded();
  };
  forEachCode("before the stop, the node runs on as it is: for the copy", "/copies/", runsOn);
  // Nothing is opened there before the archive is written.
  forEachCode("before the stop, the node runs on as it is: for the archive", "/backups/", runsOn, BUT_EMFILE);

  forEachCode("after the start, the new version runs, and the copy is kept", " archive:", async (trouble) => {
    await trouble.settle();
    trouble.begin();
    trouble.announce();
    await trouble.saidOnce(/could not be archived/);
    trouble.expectDaemon(await trouble.daemon("1.1.0"));
    expect(trouble.world.hasCopies()).toBe(true);
    expect(await Array.fromAsync(trouble.world.backupFaults("1.1.0"))).toEqual([]);
    trouble.end();
    await trouble.upgraded();
  });
});

describe("while the disk says no, the node is started again", () => {
  const written = "/\\.?(current-version-info|upgrade-history)\\.json";
  forEachCode(
    "on its new version, when that cannot be written down",
    written,
    async (trouble) => {
      await trouble.settle();
      trouble.begin();
      trouble.announce();
      await trouble.saidOnce(/the documents of the last upgrade/);
      trouble.expectDaemon(await trouble.daemon("1.1.0"));
      trouble.end();
      await trouble.upgraded();
    },
    BUT_EMFILE,
  );

  forEachCode(
    "after it has crashed, when nothing at all can be written",
    "",
    async (trouble) => {
      const pid = await trouble.settle({ DAEMON_RESTART_ON_FAILURE: "true", DAEMON_FAILURE_RESTART_DELAY: "100ms" });
      trouble.begin();
      process.kill(pid, "SIGKILL");
      const started = () => trouble.world.events().filter(({ event }) => event === "started")[1];
      const next = await waitFor("the next daemon", started, { within: 20_000 });
      // Of each daemon once: that no note can be made of it.
      await trouble.saidOnce(/ended by SIGKILL/, /the note about the daemon/);
      trouble.expectDaemon(next.pid);
      trouble.end();
      trouble.announce();
      await trouble.upgraded();
    },
    BUT_EMFILE,
  );
});

describe("a node whose disk says no when its nymvisor starts", () => {
  forEachCode(
    "is started, and upgraded when the disk takes something again",
    "",
    async (trouble) => {
      trouble.begin();
      trouble.world.announce("1.1.0");
      const pid = await trouble.start();
      await trouble.saidOnce(/could not be put in order/, /started without the lock|the note about the daemon/);
      trouble.expectDaemon(pid);
      trouble.end();
      await trouble.running.waitForLog(/documents are in order again/, 40_000);
      trouble.running.kill("SIGHUP");
      await trouble.upgraded();
    },
    BUT_EMFILE,
  );

  test("keeps a second nymvisor away all the same", async () => {
    using trouble = new Trouble("EROFS", "");
    trouble.begin();
    await trouble.start();
    const second = await trouble.world.start(["run", "run"]);
    expect(await second.ended()).toMatchObject({ status: 1, stderr: expect.stringContaining("already runs") });
    expect(await trouble.running.stop()).toMatchObject({ status: 0 });
  });
});

test("a nymvisor that cannot open any file any more ends, so that its service manager starts another", async () => {
  using trouble = new Trouble("EMFILE", "");
  const pid = await trouble.settle({ DAEMON_RESTART_ON_FAILURE: "true", DAEMON_FAILURE_RESTART_DELAY: "50ms" });
  trouble.begin();
  process.kill(pid, "SIGKILL");
  expect(await trouble.running.ended()).toMatchObject({ status: 1, stderr: expect.stringContaining("EMFILE") });
  expect(trouble.world.daemons()).toEqual([]);
});
