import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { requirePinnedBun } from "./build/pinned-bun.ts";
import { buildRelease } from "./build/release.ts";
import { TARGETS, targetOfThisMachine } from "./build/targets.ts";
import { NymvisorError } from "./src/model/errors.ts";

export { buildExecutable, compile, type ExecutableOptions } from "./build/compile.ts";
export { TARGETS, type Target, targetOfThisMachine } from "./build/targets.ts";

const USAGE = `Builds nymvisor into release/dist, with all that a release holds beside it.

  bun run build                           the executable of this machine
  bun run build --all                     those of every machine: ${TARGETS.map(({ name }) => name).join(", ")}
  bun run build --repository owner/name   where on GitHub the release will be, for hashes.json (nymtech/nym)

SOURCE_DATE_EPOCH, when set, is the time that is stamped in: the same sources then give the same bytes.
`;

async function main(argv: string[]): Promise<void> {
  const { values } = parseArgs({
    args: argv,
    options: {
      all: { type: "boolean", default: false },
      repository: { type: "string", default: "nymtech/nym" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  requirePinnedBun(["bun run build", ...argv].join(" "));
  const files = await buildRelease({
    targets: values.all ? TARGETS : [targetOfThisMachine()],
    folder: join(import.meta.dir, "release/dist"),
    repository: values.repository,
  });
  for (const { path, bytes } of files) {
    process.stdout.write(`${(bytes / 1024).toFixed(0).padStart(7)} KiB  ${relative(process.cwd(), path)}\n`);
  }
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    const next = error instanceof NymvisorError ? error.next : undefined;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`error: ${message}\n${next === undefined ? "" : `  ${next}\n`}`);
    process.exitCode = 1;
  }
}
