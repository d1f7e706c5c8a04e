import { type NodeFront, startFront } from "./node-front.ts";
import type { ReleaseOptions } from "./prepared-node.ts";
import { backupsElsewhere, prepareTrial, type TrialOptions } from "./trial.ts";

/** A way in which a new version does not prove itself. */
export interface Failing {
  /** Of the version before. */
  before?: TrialOptions["behaviour"];
  /** Of the new one. */
  behaviour?: ReleaseOptions["behaviour"];
  /** What its pages show, which answered for the version before. */
  ails?(front: NodeFront): void;
  why: RegExp;
  /** Its process ends by itself, with that. */
  exits?: number;
  /** Much as another one does, so that it is not tried with every way of saving. */
  akin?: true;
}

export const FAILING: Readonly<Record<string, Failing>> = {
  "exits at once": { behaviour: { exitAfter: 0, exitCode: 3 }, why: /^the daemon exited with 3$/, exits: 3 },
  "exits after half of its time": {
    behaviour: { exitAfter: 500, exitCode: 4 },
    why: /^the daemon exited with 4$/,
    exits: 4,
    akin: true,
  },
  "never answers": {
    ails: (front) => front.ails("1.1.0", { health: ({ connection }) => connection.end() }),
    why: /^cannot get http:\/\/127\.0\.0\.1:\d+\/api\/v1\/health: the connection was closed/,
  },
  "answers as another version": {
    ails: (front) => front.answersAs("1.1.0", "1.0.9"),
    why: /^http:\/\/\S+\/build-information names version 1\.0\.9, not 1\.1\.0$/,
    akin: true,
  },
  "migrates its database, and exits": {
    before: { migrations: ["1", "2"] },
    behaviour: { migrations: ["1", "2", "3"], exitAfter: 100, exitCode: 101 },
    why: /^the daemon exited with 101$/,
    exits: 101,
  },
};

/** Such a node runs its old version, and the new one comes. */
export async function tryOut({ before, behaviour, ails }: Failing, options: TrialOptions) {
  const stack = new AsyncDisposableStack();
  try {
    const trial = stack.use(await prepareTrial({ ...options, ...(before === undefined ? {} : { behaviour: before }) }));
    const front = ails === undefined ? null : stack.use(await startFront(trial.node, trial.at()));
    if (front !== null) ails?.(front);
    const variables = options.saving === "archive" ? backupsElsewhere(trial) : {};
    const run = stack.use(await trial.run([], variables));
    await run.waitForEvent("started", { version: "1.0.0" });
    if (before?.migrations !== undefined) await trial.migrated();
    const contents = trial.contents();
    trial.node.release("1.1.0", behaviour === undefined ? {} : { behaviour });
    run.signal("SIGHUP");
    return { trial, run, contents, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
