import { NymvisorError } from "../../model/errors.ts";
import type { BackupCheck } from "../../model/render-backups.ts";
import type { Environment } from "../../system/environment.ts";
import { DamagedArchive } from "../../upgrade/archive/damaged.ts";
import { readArchive } from "../../upgrade/archive/read-archive.ts";
import { untilInterrupted } from "./interruptible.ts";
import { chooseSome, openBackups } from "./open-backups.ts";

export interface VerifyRequest {
  /** Undefined: the newest, or `all`. */
  name: string | undefined;
  all: boolean;
}

/**
 * `nymvisor backup verify`: reads backups to their end and compares them with their manifests. Nothing is changed.
 * @throws {NymvisorError} if there is none, and when it is interrupted; what is wrong with one stands in its result.
 */
export async function verifyBackups(request: VerifyRequest, environment: Environment): Promise<BackupCheck[]> {
  const instance = openBackups(environment);
  const checks: BackupCheck[] = [];
  try {
    await untilInterrupted(async (signal) => {
      for (const backup of chooseSome(instance, request.name, request.all, environment)) {
        const { path, name } = backup;
        const onProgress = (done: number, total: number) =>
          instance.log.emit({ type: "progress", task: "check", name, done, total });
        try {
          const { head, entries, contentBytes } = await readArchive(path, () => undefined, { signal, onProgress });
          checks.push({
            backup,
            proof: head === undefined ? "readable" : "whole",
            entries,
            contentBytes,
            reason: null,
          });
        } catch (error) {
          if (signal.aborted || !(error instanceof NymvisorError)) throw error;
          const proof = error instanceof DamagedArchive ? "damaged" : "unreadable";
          checks.push({ backup, proof, entries: null, contentBytes: null, reason: error.why ?? error.what });
        }
      }
    });
  } finally {
    instance.log.close();
  }
  return checks;
}
