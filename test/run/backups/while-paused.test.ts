import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { whilePaused } from "../../../src/run/backups/while-paused.ts";
import { identify } from "../../../src/system/process-table.ts";
import { startProgram } from "../../support/program.ts";
import { waitFor } from "../../support/wait.ts";

let node: ReturnType<typeof Bun.spawn>;

beforeEach(() => {
  node = Bun.spawn(["sleep", "600"]);
});

afterEach(async () => {
  node.kill("SIGKILL");
  await node.exited;
});

/** proc_pid_stat(5): `T` is stopped by a signal. */
function state(): string {
  const stat = readFileSync(`/proc/${node.pid}/stat`, "latin1");
  return stat[stat.lastIndexOf(")") + 2] ?? "";
}

const environment = { PATH: process.env.PATH ?? "" };

function target() {
  const found = identify(node.pid);
  if (found === undefined) throw new Error("the node is gone");
  return found;
}

test("a process is held while something is done, and goes on afterwards", async () => {
  let during = "";
  const held = await whilePaused([target()], environment, async () => {
    during = state();
  });
  expect(during).toBe("T");
  expect(held).toBeGreaterThanOrEqual(0);
  await waitFor("the node to go on", () => state() !== "T");
});

test("it goes on also when what is done fails", async () => {
  const failing = whilePaused([target()], environment, () => Promise.reject(new Error("no room")));
  await expect(failing).rejects.toThrow("no room");
  await waitFor("the node to go on", () => state() !== "T");
});

test("it goes on also when whoever holds it is killed", async () => {
  const holder = startProgram(
    `import { whilePaused } from "#/run/backups/while-paused.ts";
     await whilePaused([JSON.parse(process.argv[1])], {}, () => new Promise(() => setInterval(() => {}, 1000)));`,
    { args: [JSON.stringify(target())] },
  );
  await waitFor("the node to be held", () => state() === "T");
  holder.kill("SIGKILL");
  await holder.exited;
  await waitFor("the node to go on", () => state() !== "T");
});

test("where there is nothing to hold, that is said", async () => {
  await expect(whilePaused([], environment, () => Promise.resolve())).rejects.toThrow("the node cannot be paused");
});
