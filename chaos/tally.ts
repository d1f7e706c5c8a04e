import type { FlakyWay } from "./flaky-server.ts";
import type { LeftOut } from "./recovery-time.ts";
import type { TraceCounts } from "./traces.ts";

/** Within so many milliseconds of `run` the daemon is to run again. */
export const RECOVERY_GOAL_MS = 1_000;

/** What was done in all worlds, and what came of it. */
export interface Tally {
  rounds: number;
  worlds: number;
  worldsWithSeveralNodes: number;
  killsOfNymvisor: number;
  killsOfDaemons: number;
  killsOfBoth: number;
  /** Of the nymvisor that comes after a killed one. */
  killsOfHeirs: number;
  killsOfAddUpgrade: number;
  /** By what the journal said at the instant of the kill of a nymvisor. */
  killsByJournal: Record<string, number>;
  stopsOfNymvisor: number;
  stopsOfDaemons: number;
  politeStops: number;
  hangUps: number;
  secondRunsRefused: number;
  fullDisks: number;
  /** Bytes that were left, and how often. */
  bytesLeft: Record<string, number>;
  /** Runs that began on one. */
  runsOnFullDisks: number;
  /** Runs that ended because the disk was full, to be started again. */
  runsEndedByFullDisk: number;
  releases: number;
  addedByHand: number;
  /** Ways back that were ordered, that were done when the command ended, and commands that were killed. */
  rollbacks: number;
  rollbacksDone: number;
  killsOfRollback: number;
  /** Times that an operator let go on what two ways back in a row had held. */
  holdsAfterTwo: number;
  /** Times that an operator had to add a version because the one that stayed was no good. */
  mendedByHand: number;
  /** What became of the versions that homes were moved to, and how often `rollback` was done. */
  outcomes: Record<string, number>;
  /** Homes of ways back that were kept, and read. */
  keptHomes: number;
  /** Runs that ended because their daemon did, too often. */
  runsEndedByDaemon: number;
  /** After an add-upgrade that was killed. */
  addedAgain: number;
  /** Answers of the server, by how they went wrong. */
  serverMishaps: Partial<Record<FlakyWay, number>>;
  /** What the logs tell of all this. */
  traces: TraceCounts;
  upgrades: number;
  /** Moves of a home, each with a backup that was read. */
  moves: number;
  backups: number;
  runs: number;
  /** Milliseconds from the start of `run`, after a kill, to the daemon's; what it had to give an orphan left out. */
  recoveries: number[];
  recoveriesLeftOut: Partial<Record<LeftOut, number>>;
  /** Those that took too long, with the log of their runs: milliseconds since the start, and the line. */
  slow: { milliseconds: number; world: string; log: string[] }[];
  looks: number;
  executions: number;
}

export function newTally(): Tally {
  return {
    rounds: 0,
    worlds: 0,
    worldsWithSeveralNodes: 0,
    killsOfNymvisor: 0,
    killsOfDaemons: 0,
    killsOfBoth: 0,
    killsOfHeirs: 0,
    killsOfAddUpgrade: 0,
    killsByJournal: {},
    stopsOfNymvisor: 0,
    stopsOfDaemons: 0,
    politeStops: 0,
    hangUps: 0,
    secondRunsRefused: 0,
    fullDisks: 0,
    bytesLeft: {},
    runsOnFullDisks: 0,
    runsEndedByFullDisk: 0,
    releases: 0,
    addedByHand: 0,
    addedAgain: 0,
    rollbacks: 0,
    rollbacksDone: 0,
    killsOfRollback: 0,
    holdsAfterTwo: 0,
    mendedByHand: 0,
    outcomes: {},
    keptHomes: 0,
    runsEndedByDaemon: 0,
    serverMishaps: {},
    traces: {},
    upgrades: 0,
    moves: 0,
    backups: 0,
    runs: 0,
    recoveries: [],
    recoveriesLeftOut: {},
    slow: [],
    looks: 0,
    executions: 0,
  };
}
