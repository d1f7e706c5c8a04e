import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStderr } from "../../src/system/stderr.ts";

const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants;

let folder: string;
let pipe: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-stderr-"));
  pipe = join(folder, "pipe");
  if (Bun.spawnSync(["mkfifo", pipe]).exitCode !== 0) throw new Error("mkfifo failed");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** All that is in the pipe at this moment. */
function drain(descriptor: number): string {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(65_536);
    let length: number;
    try {
      length = readSync(descriptor, chunk);
    } catch {
      return Buffer.concat(chunks).toString();
    }
    chunks.push(chunk.subarray(0, length));
  }
}

test("lines come out whole and in order", () => {
  const descriptor = openSync(pipe, O_RDWR | O_NONBLOCK);
  const stderr = openStderr(descriptor);
  expect(["one\n", "two ü\n", "three\n"].map((line) => stderr.write(line))).toEqual([true, true, true]);
  expect(drain(descriptor)).toBe("one\ntwo ü\nthree\n");
  closeSync(descriptor);
});

test("a full pipe loses whole lines only, and takes new ones when it has room again", () => {
  const descriptor = openSync(pipe, O_RDWR | O_NONBLOCK);
  const stderr = openStderr(descriptor);
  // Longer than what a pipe takes all or nothing (PIPE_BUF), so that the last one is cut.
  const line = (index: number) => `${String(index).padStart(4999, ".")}\n`;
  let taken = 0;
  while (stderr.write(line(taken))) taken += 1;
  expect(stderr.write("lost\n")).toBe(false);
  const first = drain(descriptor);
  expect(stderr.write("after\n")).toBe(true);
  const lines = `${first}${drain(descriptor)}`.split("\n");
  expect(lines).toEqual([...Array.from({ length: taken }, (_, index) => line(index).trimEnd()), "after", ""]);
  closeSync(descriptor);
});

test("a reader that stands still is waited for once, not for every line", () => {
  const descriptor = openSync(pipe, O_RDWR | O_NONBLOCK);
  const stderr = openStderr(descriptor);
  while (stderr.write("x".repeat(4096))) {}
  const before = performance.now();
  for (let count = 0; count < 1000; count += 1) stderr.write("lost\n");
  expect(performance.now() - before).toBeLessThan(500);
  closeSync(descriptor);
});

test("a reader that stands still holds nobody up, though the pipe is a blocking one", () => {
  const descriptor = openSync(pipe, O_RDWR);
  const stderr = openStderr(descriptor);
  const before = performance.now();
  while (stderr.write(`${"x".repeat(9999)}\n`)) {}
  expect(performance.now() - before).toBeLessThan(1000);
  expect(readSync(descriptor, new Uint8Array(65_536))).toBeGreaterThan(32_768);
  closeSync(descriptor);
});

test("a reader that went away is no failure", () => {
  const reader = openSync(pipe, O_RDONLY | O_NONBLOCK);
  const writer = openSync(pipe, O_WRONLY | O_NONBLOCK);
  closeSync(reader);
  const stderr = openStderr(writer);
  expect(stderr.write("x\n")).toBe(false);
  expect(stderr.write("x\n")).toBe(false);
  closeSync(writer);
});

test("neither a full disk nor a closed descriptor is a failure", () => {
  const full = openSync("/dev/full", O_WRONLY);
  expect(openStderr(full).write("x\n")).toBe(false);
  closeSync(full);
  expect(openStderr(full).write("x\n")).toBe(false);
});

test("a pipe that the daemon shares stays as it was: blocking", async () => {
  const program = `
    import { readFileSync } from "node:fs";
    import { openStderr } from ${JSON.stringify(join(import.meta.dir, "../../src/system/stderr.ts"))};
    openStderr().write("line\\n");
    openStderr().write(readFileSync("/proc/self/fdinfo/2", "utf8"));
  `;
  const child = Bun.spawn(["sh", "-c", '"$@" 2>&1 >/dev/null | cat', "sh", process.execPath, "-e", program], {
    stdout: "pipe",
  });
  const flags = /flags:\s*(\d+)/.exec(await child.stdout.text())?.[1];
  expect(Number.parseInt(flags ?? "", 8) & O_NONBLOCK).toBe(0);
});

test("the descriptor is this process's standard error unless another is named", () => {
  const program = `
    import { openStderr } from ${JSON.stringify(join(import.meta.dir, "../../src/system/stderr.ts"))};
    openStderr().write("line\\n");
  `;
  const file = join(folder, "out");
  const child = Bun.spawnSync([process.execPath, "-e", program], { stdout: "ignore", stderr: Bun.file(file) });
  expect(child.exitCode).toBe(0);
  expect(readFileSync(file, "utf8")).toBe("line\n");
});
