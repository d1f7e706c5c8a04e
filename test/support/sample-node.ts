/*
 * A stand-in for nym-node: answers build-info, runs until SIGINT, and writes down what happens to it. Runs as a source
 * file under Bun (`writeSampleDaemon`), or compiled (`buildSampleNode`), with its build information stamped in.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { readBehaviour, type SampleBehaviour } from "./sample-behaviour.ts";
import { migrate } from "./sample-migrations.ts";
import { bytesWritten, workAtStop } from "./sample-stop-work.ts";

declare const SAMPLE_BUILD_INFO: string | undefined;

const buildInfoText =
  typeof SAMPLE_BUILD_INFO === "string" ? SAMPLE_BUILD_INFO : (process.env.SAMPLE_BUILD_INFO ?? "{}");
const args = process.argv.slice(2);

if (args.includes("build-info")) {
  // First of all, since a supervisor waits for it.
  writeFileSync(1, `${buildInfoText}\n`);
  record("asked");
} else {
  run({ ...JSON.parse(process.env.SAMPLE_BEHAVIOUR ?? "{}"), ...readBehaviour(args) });
}

function version(): string {
  return JSON.parse(buildInfoText).build_version;
}

function record(event: string, facts: Record<string, unknown> = {}): void {
  const path = process.env.SAMPLE_EVENTS;
  if (path === undefined) return;
  const at = performance.timeOrigin + performance.now();
  appendFileSync(path, `${JSON.stringify({ event, pid: process.pid, version: version(), at, ...facts })}\n`);
}

function run(behaviour: SampleBehaviour): void {
  const { binary_name: name } = JSON.parse(buildInfoText);
  const { parent, group, session } = relations();
  listenToSignals(behaviour);
  const startsBefore = countStarts();
  record("started", { args, env: process.env, parent, group, session });
  writeFileSync(1, `${name} ${version()} is running\n`);
  writeFileSync(2, `${name} ${version()} logs here\n`);
  if (behaviour.printArgs !== undefined) writeFileSync(behaviour.printArgs, JSON.stringify(args));
  if (behaviour.printFile !== undefined) {
    const bytes = readFileSync(behaviour.printFile);
    writeFileSync(1, bytes);
    writeFileSync(2, bytes);
  }
  if (behaviour.migrations !== undefined) startOnMigrated(behaviour.home ?? homeOfAll(), behaviour.migrations);
  if (behaviour.readStdin) countStdin();
  if (behaviour.spawnChild) spawnChild();
  if (behaviour.http !== undefined || behaviour.httpSocket !== undefined) serve(behaviour);
  if (behaviour.writeEvery !== undefined) keepWriting(behaviour.writeEvery, behaviour.home);
  if (behaviour.exitAfter !== undefined && startsBefore < (behaviour.exitTimes ?? Number.POSITIVE_INFINITY)) {
    setTimeout(() => end(behaviour), behaviour.exitAfter);
  }
  setInterval(() => {}, 2 ** 31 - 1);
}

function listenToSignals({ ignoreSigint, stopDelay = 0, stopCode = 0, atStop, home }: SampleBehaviour): void {
  const counts = new Map<string, number>();
  const note = (signal: string): number => {
    const count = (counts.get(signal) ?? 0) + 1;
    counts.set(signal, count);
    record("signal", { signal, count });
    return count;
  };
  const stop = (signal: string): void => {
    const count = note(signal);
    if (ignoreSigint) return;
    if (count > 1) {
      record("dropped-everything");
      writeFileSync(2, "dropped everything\n");
      process.exit(1);
    }
    record("stopping");
    setTimeout(() => {
      if (atStop?.version === version()) {
        workAtStop(home ?? homeOfAll(), atStop);
        record("worked", { written: bytesWritten() });
      }
      record("exiting", { code: stopCode });
      process.exit(stopCode);
    }, stopDelay);
  };
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("SIGTERM", () => stop("SIGTERM"));
  for (const signal of ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT"]) process.on(signal, () => note(signal));
}

/** How often a sample of this version was started before, as the event file tells. */
function countStarts(): number {
  const path = process.env.SAMPLE_EVENTS;
  if (path === undefined || !existsSync(path)) return 0;
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines
    .map((line) => JSON.parse(line))
    .filter((entry) => entry.event === "started" && entry.version === version()).length;
}

function end({ exitCode = 0, exitSignal }: SampleBehaviour): void {
  record("exiting", { code: exitSignal ?? exitCode });
  if (exitSignal === undefined) process.exit(exitCode);
  process.removeAllListeners(exitSignal);
  process.kill(process.pid, exitSignal);
}

/** Parent, process group and session: fields 4 to 6 of proc(5)'s stat, after the name in parentheses. */
function relations(): { parent: number; group: number; session: number } {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const [, parent, group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(parent), group: Number(group), session: Number(session) };
}

function spawnChild(): void {
  const child = Bun.spawn(["/bin/sh", "-c", "trap '' INT TERM; exec sleep 600"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  child.unref();
  record("child", { child: child.pid });
}

async function countStdin(): Promise<void> {
  let bytes = 0;
  for await (const chunk of Bun.stdin.stream()) bytes += chunk.length;
  record("stdin", { bytes });
}

function homeOfAll(): string {
  return process.env.SAMPLE_HOME ?? ".";
}

function startOnMigrated(home: string, known: readonly string[]): void {
  const refusal = migrate(`${home}/migrations`, known);
  if (refusal === undefined) return;
  writeFileSync(2, `${refusal}\n`);
  end({ exitCode: 1 });
}

function keepWriting(every: number, home = homeOfAll()): void {
  let lines = 0;
  setInterval(() => {
    lines += 1;
    appendFileSync(`${home}/data.log`, `${version()} ${process.pid} ${lines}\n`);
  }, every);
}

function serve({ http, httpSocket }: SampleBehaviour): void {
  const began = performance.now();
  const fetch = (request: Request): Response => {
    switch (new URL(request.url).pathname) {
      case "/api/v1/health":
        return Response.json({ status: "up", uptime: Math.floor((performance.now() - began) / 1000) });
      case "/api/v1/build-information":
        return Response.json(JSON.parse(buildInfoText));
      default:
        return new Response("not found\n", { status: 404 });
    }
  };
  if (httpSocket !== undefined) Bun.serve({ unix: httpSocket, fetch });
  const server = http === undefined ? undefined : Bun.serve({ hostname: "127.0.0.1", port: http, fetch });
  record("listening", { port: server?.port ?? null });
}
