import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { HOSTILE_KINDS, sampleBuildInfo, writeHostileDaemon, writeSampleDaemon } from "./sample-daemon.ts";
import { SampleEvents } from "./sample-events.ts";
import { temporaryHome } from "./temporary-home.ts";
import { isAlive, waitForEnd } from "./wait.ts";

function start(daemon: string, args: string[], env: Record<string, string>) {
  return Bun.spawn([daemon, ...args], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe", detached: true });
}

describe("a sample daemon", () => {
  test("answers build-info with its ten fields, and writes down that it was asked", async () => {
    using home = temporaryHome();
    const events = new SampleEvents(home.at("events"));
    const daemon = writeSampleDaemon(home.at("it's a daemon"), { version: "1.2.3", name: "nym-api" });
    const env = { ...home.env, SAMPLE_EVENTS: events.path };
    const child = start(daemon, ["--no-banner", "build-info", "--output=json"], env);
    expect(JSON.parse(await child.stdout.text())).toEqual(sampleBuildInfo({ version: "1.2.3", name: "nym-api" }));
    expect(await child.exited).toBe(0);
    expect(events.all()).toMatchObject([{ event: "asked", version: "1.2.3", pid: child.pid }]);
  });

  test("runs until its first SIGINT, and drops everything at the second", async () => {
    using home = temporaryHome();
    const events = new SampleEvents(home.at("events"));
    const daemon = writeSampleDaemon(home.at("daemon"), { version: "1.2.3" }, { stopDelay: 60_000 });
    const env = { ...home.env, SAMPLE_EVENTS: events.path };
    const child = start(daemon, ["run", "--id", "x", "--", "--help"], env);
    const started = await events.wait("started");
    expect(started).toMatchObject({ pid: child.pid, args: ["run", "--id", "x", "--", "--help"], group: child.pid });
    expect(started.env?.SAMPLE_EVENTS).toBe(events.path);
    child.kill("SIGINT");
    await events.wait("stopping");
    child.kill("SIGINT");
    await events.wait("dropped-everything");
    expect(await child.exited).toBe(1);
    expect(await child.stdout.text()).toBe("nym-node 1.2.3 is running\n");
  });

  test("ends by itself as often as it was told to, then runs on", async () => {
    using home = temporaryHome();
    const events = new SampleEvents(home.at("events"));
    const behaviour = { exitAfter: 1, exitCode: 7, exitTimes: 1 };
    const daemon = writeSampleDaemon(home.at("daemon"), { version: "1.2.3" }, behaviour);
    const env = { ...home.env, SAMPLE_EVENTS: events.path };
    expect(await start(daemon, ["run"], env).exited).toBe(7);
    const second = start(daemon, ["run", "--http", "0"], env);
    const { port } = await events.wait("listening");
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/build-information`);
    expect(await answer.json()).toMatchObject({ build_version: "1.2.3" });
    second.kill("SIGINT");
    expect(await second.exited).toBe(0);
  });

  test("can leave a child behind that ignores SIGINT, and copies bytes that are no text", async () => {
    using home = temporaryHome();
    const events = new SampleEvents(home.at("events"));
    const bytes = Uint8Array.of(0, 255, 10, 13, 128, 27);
    await Bun.write(home.at("bytes"), bytes);
    const daemon = writeSampleDaemon(home.at("daemon"), { version: "1.2.3" });
    const args = [
      "run",
      "--spawn-child",
      "--read-stdin",
      "--print-file",
      home.at("bytes"),
      "--print-args",
      home.at("args"),
    ];
    const daemonProcess = start(daemon, args, { ...home.env, SAMPLE_EVENTS: events.path });
    const { child } = await events.wait("child");
    expect((await events.wait("stdin")).bytes).toBe(0);
    expect(JSON.parse(readFileSync(home.at("args"), "utf8"))).toEqual(args);
    daemonProcess.kill("SIGINT");
    expect(await daemonProcess.exited).toBe(0);
    expect(isAlive(child)).toBe(true);
    process.kill(-daemonProcess.pid, "SIGKILL");
    await waitForEnd(child);
    expect(new Uint8Array(await daemonProcess.stdout.bytes()).slice(-bytes.length)).toEqual(bytes);
  });

  test("fails at once without starting a runtime when that is all it does", async () => {
    using home = temporaryHome();
    const events = new SampleEvents(home.at("events"));
    const daemon = writeSampleDaemon(home.at("daemon"), { version: "1.2.3" }, { exitAfter: 0, exitCode: 5 });
    expect(await start(daemon, ["run"], { ...home.env, SAMPLE_EVENTS: events.path }).exited).toBe(5);
    expect(events.all()).toMatchObject([{ event: "started" }, { event: "exiting", code: 5 }]);
  });
});

test("every hostile daemon can be put in a daemon's place", () => {
  using home = temporaryHome();
  const paths = HOSTILE_KINDS.map((kind) => writeHostileDaemon(home.at(kind, "nym-node"), kind));
  expect(paths).toHaveLength(HOSTILE_KINDS.length);
  expect(() => Bun.spawnSync([home.at("foreign ELF", "nym-node")])).toThrow();
});
