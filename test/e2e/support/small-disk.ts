import { waitForEnd } from "../../support/wait.ts";

/** A file system of a few pages, which nobody but the processes that are let in sees. */
export interface SmallDisk extends AsyncDisposable {
  /** What a command is started through to see it. */
  through: readonly string[];
  /** The same path for the tests, which are outside. */
  seen(path: string): string;
}

/** What a process needs to have mounts of its own without being root. */
const PRIVATE_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount"];

/** Whether this machine allows it: containers often do not. */
export const hasSmallDisks = works([...PRIVATE_MOUNTS, "true"]) && works(["nsenter", "--version"]);

if (!hasSmallDisks) console.warn("SKIPPED: no mounts of one's own here; nothing is tried on a full disk");

/**
 * Mounts a small disk over a folder.
 * @param size in bytes; tmpfs counts in pages of 4096.
 */
export async function mountSmallDisk(folder: string, size: number): Promise<SmallDisk> {
  const script = 'mount -t tmpfs -o "size=$2" tmpfs "$1" && echo mounted && exec sleep 600';
  const holder = Bun.spawn([...PRIVATE_MOUNTS, "sh", "-c", script, "sh", folder, String(size)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const { value } = await holder.stdout.getReader().read();
  if (value === undefined) throw new Error(`no disk was mounted: ${await holder.stderr.text()}`);
  const { pid } = holder;
  return {
    through: ["nsenter", `--target=${pid}`, "--user", "--mount", "--preserve-credentials", `--wd=${folder}`, "--"],
    seen: (path) => `/proc/${pid}/root${path}`,
    async [Symbol.asyncDispose]() {
      holder.kill("SIGKILL");
      await waitForEnd(pid);
    },
  };
}

function works(command: string[]): boolean {
  try {
    return Bun.spawnSync(command).success;
  } catch {
    return false;
  }
}
