import { lstatSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { findOrphans } from "../../daemon/record.ts";
import { formatBytes } from "../../model/bytes.ts";
import { adviceOf, NymvisorError } from "../../model/errors.ts";
import type { CreatedBackup } from "../../model/render-backups.ts";
import { flavourOf } from "../../policy/flavour.ts";
import { systemClock } from "../../system/clock.ts";
import { daemonEnvironment, type Environment } from "../../system/environment.ts";
import { archiveInBackground } from "../../upgrade/archive/archive-in-background.ts";
import type { ArchiveResult } from "../../upgrade/archive/archive-order.ts";
import { archiveAsOrdered } from "../../upgrade/archive/archive-ordered.ts";
import { type BackupFacts, manifestHead } from "../../upgrade/archive/manifest.ts";
import { type BackupRoom, checkBackupRoom, foldersAt } from "../../upgrade/backup.ts";
import { settleRestore } from "../../upgrade/backups/restore.ts";
import { discardCopy, HomeCopy } from "../../upgrade/copy/home-copy.ts";
import { mappedShared } from "../../upgrade/copy/mapped-shared.ts";
import { warmUp } from "../../upgrade/copy/warm-up.ts";
import { claimManualCopy, sweepManualCopies } from "../../upgrade/manual-copies.ts";
import { readVersionRecord } from "../../upgrade/shared-documents.ts";
import { findRun } from "../find-run.ts";
import { requireHome } from "../open-instance.ts";
import { lockInstance } from "../run.ts";
import { untilInterrupted } from "./interruptible.ts";
import { type OpenBackups, openBackups } from "./open-backups.ts";
import { whilePaused } from "./while-paused.ts";

export interface CreateRequest {
  note: string;
  /** A node that runs is held while the last changes are copied. */
  pause: boolean;
}

/** The folder of backups that no upgrade has asked for. */
const FOLDER = "manual";

/** Rounds that the copy of a running node gets: the second has only what changed during the first. */
const ROUNDS = 2;

/**
 * `nymvisor backup create`. Where nothing runs, the home is archived as it is, and nothing can start meanwhile; else a
 * copy is made first. Read back and durable when it returns; when it throws, nothing is left.
 * @throws {NymvisorError} if there is no room, or something cannot be read or written.
 */
export async function createBackup(request: CreateRequest, environment: Environment): Promise<CreatedBackup> {
  const instance = openBackups(environment);
  try {
    requireHome(instance.layout);
    return await untilInterrupted((signal) =>
      findRun(instance.layout) === null
        ? ofStopped(instance, request, signal)
        : ofRunning(instance, request, signal, environment),
    );
  } finally {
    instance.log.close();
  }
}

async function ofStopped(instance: OpenBackups, { note }: CreateRequest, signal: AbortSignal): Promise<CreatedBackup> {
  const { layout, log, configuration } = instance;
  const locks = await lockInstance(layout, log.emit);
  try {
    const [orphan] = findOrphans(layout);
    if (orphan !== undefined) {
      throw new NymvisorError({
        what: "the node still runs",
        why: `pid ${orphan.process.pid} was left by a nymvisor that was killed`,
        next: "nymvisor run stops it and starts it again; then type the command again",
      });
    }
    await settleRestore(layout);
    const room = await requireRoom(instance, 0);
    const at = systemClock.wall();
    const archived = await archiveAsOrdered(
      {
        parent: process.pid,
        source: { home: layout.home },
        head: manifestHead(factsOf(instance, "stopped", note), layout.home, at),
        backups: layout.backups,
        folder: FOLDER,
        kind: "manual",
        at,
        exclude: [...configuration.backup.exclude],
      },
      signal,
      ({ step, done }) => {
        if (step === "write")
          log.emit({ type: "progress", task: "backup", name: FOLDER, done, total: room.sourceBytes });
      },
    );
    return created(archived, "stopped", null);
  } finally {
    for (const lock of locks) lock.release();
  }
}

async function ofRunning(
  instance: OpenBackups,
  { note, pause }: CreateRequest,
  signal: AbortSignal,
  environment: Environment,
): Promise<CreatedBackup> {
  const { layout, log, configuration } = instance;
  await sweep(instance);
  const { sourceBytes } = await requireRoom(instance, 1);
  const at = systemClock.wall();
  const exclude = configuration.backup.exclude;
  const progress = (done: number) =>
    log.emit({ type: "progress", task: "backup", name: FOLDER, done, total: Math.max(done, 2 * sourceBytes) });
  const { copy: destination, lock } = await claimManualCopy(layout, at);
  try {
    // Of what can be rebuilt, as in an upgrade: rather left out than half of one and half of another moment.
    const { rebuildable } = flavourOf(layout.daemon);
    const source = { home: layout.home, excluded: foldersAt(layout.backups), exclude, rebuildable, signal };
    const copy = await HomeCopy.begin({
      ...source,
      destination,
      onProgress: (done) => progress(Math.min(done, sourceBytes)),
    });
    for (let round = 0; round < ROUNDS; round += 1) await copy.round();
    if (pause) await warmUp({ ...source, programs: [] });
    const processes = findOrphans(layout).map(({ process }) => process);
    const finish = () => copy.finish({ mapped: mappedShared(processes.map(({ pid }) => pid)), isLive: true });
    const pausedFor = pause ? await whilePaused(processes, daemonEnvironment(environment), finish) : null;
    if (!pause) await finish();
    const taken = pause ? "paused" : "live";
    const archived = await archiveInBackground(
      {
        source: { copy: destination },
        head: manifestHead(factsOf(instance, taken, note), layout.home, at),
        backups: layout.backups,
        folder: FOLDER,
        kind: "manual",
        at,
        exclude: [],
      },
      {
        environment: daemonEnvironment(environment),
        signal,
        onProgress: ({ step, done }) => {
          if (step === "write") progress(sourceBytes + done);
        },
      },
    );
    return created(archived, taken, pausedFor);
  } finally {
    try {
      await discardCopy(destination);
    } finally {
      lock.release();
    }
  }
}

/** What cannot be removed keeps nobody from a backup, as long as there is room for it. */
async function sweep({ layout, log }: OpenBackups): Promise<void> {
  try {
    for (const path of await sweepManualCopies(layout, discardCopy)) log.emit({ type: "sweep.removed", path });
  } catch (error) {
    log.emit({ type: "warning", about: "a copy of the home that was left", reason: adviceOf(error) });
  }
}

function factsOf({ layout }: OpenBackups, taken: BackupFacts["taken"], note: string): BackupFacts {
  const record = readVersionRecord(layout);
  const from = record.state === "found" ? record.value.version : null;
  return { daemon: layout.daemon, upgrade: null, from, taken, note };
}

/** @param copies how many copies of the home are needed beside the archive. @throws {NymvisorError} if there is no room. */
async function requireRoom({ layout, configuration }: OpenBackups, copies: 0 | 1): Promise<BackupRoom> {
  const { home, backups, homeNymvisor } = layout;
  const room = await checkBackupRoom({ home, backups, name: FOLDER, exclude: configuration.backup.exclude });
  const { bavail, bsize } = statfsSync(homeNymvisor);
  const forCopies = copies * room.sourceBytes;
  const isSameDisk = lstatSync(homeNymvisor).dev === lstatSync(join(backups, FOLDER)).dev;
  const needed = room.needed + (isSameDisk ? forCopies : 0);
  if (needed > room.available) throw noRoom(needed, backups, room.available);
  if (!isSameDisk && forCopies > bavail * bsize) throw noRoom(forCopies, homeNymvisor, bavail * bsize);
  return room;
}

function noRoom(needed: number, folder: string, available: number): NymvisorError {
  return new NymvisorError({
    what: "there is no room for the backup",
    why: `it may need ${formatBytes(needed)}, and ${folder} has ${formatBytes(available)}`,
    next: `make room there: df -h '${folder}'`,
  });
}

function created(
  { path, bytes, leftOut }: ArchiveResult,
  taken: CreatedBackup["taken"],
  pausedFor: number | null,
): CreatedBackup {
  return { path, bytes, taken, pausedFor, leftOut: leftOut.map(({ path, kind, why }) => ({ path, why: why ?? kind })) };
}
