import { NymvisorError } from "../../../src/model/errors.ts";
import { backUp, checkBackupRoom } from "../../../src/upgrade/backup.ts";

/**
 * A process of its own, because umask and user are a process's: makes a backup as its argument says, and prints the
 * result, or `what`, `why` and `next` of the error, as JSON.
 */
export interface Order {
  action: "backUp" | "checkBackupRoom";
  home: string;
  backups: string;
  umask?: number;
  uid?: number;
}

export interface Outcome {
  path?: string;
  error?: { what: string; why?: string; next?: string };
}

export async function backUpAs(order: Order): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, import.meta.path, JSON.stringify(order)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`the backup's process failed: ${errors}`);
  return JSON.parse(output) as Outcome;
}

if (import.meta.main) {
  const { action, home, backups, umask, uid } = JSON.parse(process.argv[2] ?? "") as Order;
  if (umask !== undefined) process.umask(umask);
  if (uid !== undefined) {
    process.setgroups?.([]);
    process.setgid?.(uid);
    process.setuid?.(uid);
  }
  let outcome: Outcome = {};
  try {
    if (action === "checkBackupRoom") await checkBackupRoom({ home, backups });
    else outcome = { path: (await backUp({ home, backups, name: "v2", at: 0n })).path };
  } catch (error) {
    if (!(error instanceof NymvisorError)) throw error;
    outcome = { error: JSON.parse(JSON.stringify({ what: error.what, why: error.why, next: error.next })) };
  }
  process.stdout.write(JSON.stringify(outcome));
}
