import type { Command } from "./command.ts";

/**
 * The commands, in the order of the help. Each is loaded when it is needed, so that `run` does not pay for what only
 * `init` reads.
 */
const table = {
  init: async () => (await import("./init.ts")).init,
  run: async () => (await import("./run.ts")).run,
  check: async () => (await import("./check.ts")).check,
  plan: async () => (await import("./plan.ts")).plan,
  upgrade: async () => (await import("./upgrade.ts")).upgrade,
  rollback: async () => (await import("./rollback.ts")).rollback,
  history: async () => (await import("./history.ts")).history,
  hold: async () => (await import("./hold.ts")).hold,
  resume: async () => (await import("./resume.ts")).resume,
  skip: async () => (await import("./skip.ts")).skip,
  unskip: async () => (await import("./skip.ts")).unskip,
  pin: async () => (await import("./pin.ts")).pin,
  unpin: async () => (await import("./pin.ts")).unpin,
  "add-upgrade": async () => (await import("./add-upgrade.ts")).addUpgrade,
  backup: async () => (await import("./backup.ts")).backup,
  config: async () => (await import("./config.ts")).config,
  "build-info": async () => (await import("./build-info.ts")).buildInfo,
  "daemon-build-info": async () => (await import("./daemon-build-info.ts")).daemonBuildInfo,
  completions: async () => (await import("./completions.ts")).completions,
  help: async () => (await import("./help.ts")).help,
} satisfies Record<string, () => Promise<Command>>;

const loaders = new Map<string, () => Promise<Command>>(Object.entries(table));

export const commandNames: readonly string[] = [...loaders.keys()];

/** The command of that name, or undefined. */
export async function findCommand(name: string): Promise<Command | undefined> {
  return loaders.get(name)?.();
}

export function loadAllCommands(): Promise<Command[]> {
  return Promise.all([...loaders.values()].map((load) => load()));
}
