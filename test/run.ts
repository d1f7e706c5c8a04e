/*
 * `bun run test`: builds the executable, then runs every test file in parallel processes. Arguments go to `bun test`: a
 * part of a path (`bun run test e2e`), or `-t <name>`. The last line counts the runner's own report.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { buildExecutable } from "../build/compile.ts";
import { requirePinnedBun } from "../build/pinned-bun.ts";
import { targetOfThisMachine } from "../build/targets.ts";
import { NymvisorError, reasonOf } from "../src/model/errors.ts";
import { EXECUTABLE_VARIABLE } from "./support/executable.ts";
import { readJunitCounts, renderCounts, type TestCounts } from "./support/junit.ts";

const ROOT = resolve(import.meta.dir, "..");

/** Which file took how long, so that the longest start first the next time. */
const TIMINGS = join(ROOT, "node_modules/.cache/nymvisor/test-timings.json");

/**
 * What is known of that on a fresh clone, in milliseconds: one of these that came last would be waited for alone, with the
 * other processors idle.
 */
const LONGEST: Readonly<Record<string, number>> = {
  "test/faults/kill-matrix.test.ts": 300_000,
  "test/faults/machine-says-no.test.ts": 80_000,
  "test/faults/way-back-matrix.test.ts": 70_000,
  "test/simulation/simulate.test.ts": 55_000,
  "test/e2e/run-crash.test.ts": 50_000,
  "test/e2e/onlookers.test.ts": 35_000,
  "test/e2e/bad-input.test.ts": 30_000,
  "test/e2e/run-github-manners.test.ts": 30_000,
  "test/e2e/run-github-when.test.ts": 30_000,
  "test/e2e/damaged-files.test.ts": 25_000,
  "test/upgrade/way-back/settle-way-back.test.ts": 25_000,
};

/** For one test, on a busy machine; a test that waits for something has its own, shorter, deadline. */
const TEST_TIMEOUT = 60_000;

/** Most tests wait for processes, so one more than there are cores keeps all of them busy. */
const WORKERS = availableParallelism() + 1;

/** What would bend the tests or what they run, were it inherited. */
const NOT_INHERITED = /^(BUN_OPTIONS|BUN_BE_BUN|NYM_|NYMVISOR_|DAEMON_|SAMPLE_|JOURNAL_STREAM|NOTIFY_SOCKET)/;

async function main(folder: string, args: readonly string[]): Promise<TestCounts> {
  requirePinnedBun("bun run test");
  const executable = join(folder, "nymvisor");
  await buildExecutable({ target: targetOfThisMachine(), outfile: executable });
  const report = join(folder, "junit.xml");
  if (!existsSync(TIMINGS)) {
    mkdirSync(dirname(TIMINGS), { recursive: true });
    writeFileSync(TIMINGS, JSON.stringify({ version: 1, files: LONGEST }));
  }
  const exitCode = await runTests(executable, report, args);
  const file = Bun.file(report);
  const counts = (await file.exists()) ? readJunitCounts(await file.text()) : { passed: 0, failed: 0, skipped: 0 };
  if (counts.failed > 0 || (exitCode === 0 && counts.passed > 0)) return counts;
  // A file that cannot be loaded is in the exit status only; so is a worker that died where no test ran.
  process.stdout.write(
    exitCode === 0
      ? "\nno test ran\n"
      : `\nthe test runner ended with ${exitCode}, though no test of its report failed: look for 'error' above\n`,
  );
  return { ...counts, failed: 1 };
}

async function runTests(executable: string, report: string, args: readonly string[]): Promise<number> {
  const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name));
  const runner = Bun.spawn(
    [
      process.execPath,
      "test",
      `--parallel=${WORKERS}`,
      `--timeout=${TEST_TIMEOUT}`,
      `--timings=${TIMINGS}`,
      "--update-timings",
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      ...args,
    ],
    {
      cwd: ROOT,
      env: { ...Object.fromEntries(inherited), [EXECUTABLE_VARIABLE]: executable },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  // A terminal's Ctrl-C reaches the runner too; what is left here is to wait for it and to tidy up.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => runner.kill("SIGTERM"));
  return await runner.exited;
}

const folder = mkdtempSync(join(tmpdir(), "nymvisor-suite-"));
let counts: TestCounts;
try {
  counts = await main(folder, process.argv.slice(2));
} catch (error) {
  const next = error instanceof NymvisorError ? error.next : undefined;
  process.stdout.write(`error: ${reasonOf(error)}\n${next === undefined ? "" : `  ${next}\n`}`);
  counts = { passed: 0, failed: 1, skipped: 0 };
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${renderCounts(counts)}\n`);
process.exitCode = counts.failed > 0 ? 1 : 0;
