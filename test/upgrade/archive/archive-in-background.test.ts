import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archiveInBackground } from "../../../src/upgrade/archive/archive-in-background.ts";
import { manifestHead } from "../../../src/upgrade/archive/manifest.ts";
import { readArchive } from "../../../src/upgrade/archive/read-archive.ts";
import { startProgram } from "../../support/program.ts";
import { isAlive, waitFor, waitForEnd } from "../../support/wait.ts";

let folder: string;
let home: string;
let backups: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nymvisor-background-"));
  home = join(folder, "home");
  backups = join(folder, "backups");
  mkdirSync(home);
  writeFileSync(join(home, "keys"), "secret");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function order() {
  const facts = { daemon: "nym-node", upgrade: "v2", from: "1.0.0", taken: "stopped", note: "" } as const;
  const head = manifestHead(facts, home, 7n);
  return { source: { home }, head, backups, folder: "v2", kind: "preupgrade" as const, at: 7n, exclude: [] };
}

const environment = { PATH: process.env.PATH ?? "" };

/** Random bytes compress to themselves, so this takes the lowest priority a while. */
function makeLarge(): void {
  const part = crypto.getRandomValues(new Uint8Array(65_536));
  for (let index = 0; index < 40; index += 1)
    writeFileSync(join(home, `${index}`), Buffer.concat(Array(64).fill(part)));
}

/** The processes whose command line ends with the hidden word, and who work on this test's folder. */
function children(of: number): number[] {
  return readFileSync(`/proc/${of}/task/${of}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

test("the archive is made by another process, read back, and as it should be", async () => {
  const steps = new Set<string>();
  const result = await archiveInBackground(order(), { environment, onProgress: ({ step }) => steps.add(step) });
  expect(result).toMatchObject({ files: 1, sourceBytes: 6, leftOut: [], disturbed: [] });
  expect(result.path).toBe(join(backups, "v2/backup-1970-01-01-000000000-preupgrade.tar.gz"));
  expect((await readArchive(result.path, () => undefined)).head).toEqual(order().head);
  expect(steps.size).toBeGreaterThan(0);
});

test("what is wrong there is told here", async () => {
  rmSync(home, { recursive: true });
  await expect(archiveInBackground(order(), { environment })).rejects.toMatchObject({
    what: "the daemon's home cannot be backed up",
    next: expect.stringContaining("ls -ld"),
  });
  expect(readdirSync(join(backups, "v2"))).toEqual([]);
});

test("called off, it leaves nothing", async () => {
  makeLarge();
  const controller = new AbortController();
  const archiving = archiveInBackground(order(), {
    environment,
    signal: controller.signal,
    onProgress: () => controller.abort(new Error("enough")),
  });
  await expect(archiving).rejects.toThrow("enough");
  expect(readdirSync(join(backups, "v2"))).toEqual([]);
});

test("a process that crashes is told as one that may be tried again", async () => {
  const program = ["sh", "-c", "echo no room >&2; exit 3", "sh"] as const;
  await expect(archiveInBackground(order(), { environment, program })).rejects.toMatchObject({
    what: "the process that archives the copy ended without an archive",
    why: "it ended with 3: no room",
  });
});

test("it works at the lowest priority, and ends with its parent, however that ends", async () => {
  makeLarge();
  const parent = startProgram(
    `import { archiveInBackground } from "#/upgrade/archive/archive-in-background.ts";
     const order = JSON.parse(process.argv[1], (key, value) => (["takenAt", "at"].includes(key) ? BigInt(value) : value));
     await archiveInBackground(order, { environment: {}, onProgress: () => console.log("progress") });`,
    { args: [JSON.stringify(order(), (_, value) => (typeof value === "bigint" ? `${value}` : value))] },
  );
  const reader = parent.stdout.getReader();
  await reader.read();
  const [child = 0] = await waitFor("the child", () => {
    const found = children(parent.pid);
    return found.length > 0 ? found : undefined;
  });
  for (const task of readdirSync(`/proc/${child}/task`)) {
    const fields = readFileSync(`/proc/${child}/task/${task}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
    expect(fields[16]).toBe("19");
  }
  parent.kill("SIGKILL");
  await parent.exited;
  await waitForEnd(child);
  expect(isAlive(child)).toBe(false);
  expect(existsSync(join(backups, "v2/backup-1970-01-01-000000000-preupgrade.tar.gz"))).toBe(false);
});
