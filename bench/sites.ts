import { mkdirSync, readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "./report.ts";
import type { Undo } from "./undo.ts";

const MIB = 1 << 20;

/** Where homes lie. */
export interface Site {
  /** The file system. */
  name: string;
  folder: string;
  /** Whether files can share blocks. */
  reflinks: boolean;
}

/** What the loop mounts of those that can share blocks need: homes of 4 GiB, with their backups. */
const IMAGE_MIB = 16 * 1024;

const REFLINKING: Readonly<Record<string, readonly string[]>> = {
  btrfs: ["mkfs.btrfs", "-q"],
  xfs: ["mkfs.xfs", "-q", "-m", "reflink=1"],
};

export const SITES = ["here", ...Object.keys(REFLINKING)];

/** The file system that the bench's folder is on, and those in loop mounts, as far as the machine allows. */
export function openSite(name: string, folder: string, undo: Undo, report: Report): Site | undefined {
  if (name === "here") {
    const path = join(folder, "here");
    mkdirSync(path);
    return { name: fileSystemOf(path), folder: path, reflinks: false };
  }
  const make = REFLINKING[name];
  if (make === undefined) throw new Error(`${name} is none of ${SITES.join(", ")}`);
  const mounted = mountImage({ name, folder, mib: IMAGE_MIB, make }, undo, report);
  return mounted === undefined ? undefined : { name, folder: mounted, reflinks: true };
}

export interface Image {
  name: string;
  folder: string;
  mib: number;
  make: readonly string[];
}

/** @returns where it is mounted; undefined, and a word in the report, where it cannot be. */
export function mountImage({ name, folder, mib, make }: Image, undo: Undo, report: Report): string | undefined {
  const skip = (why: string) => void report.skip(`everything on ${name}`, why);
  if (process.geteuid?.() !== 0) return skip("only root can mount");
  if (Bun.which(make[0] ?? "") === null) return skip(`${make[0]} is not installed`);
  const { bavail, bsize } = statfsSync(folder);
  if ((bavail * bsize) / MIB < mib) return skip(`its image takes up to ${mib} MiB, and ${folder} has less`);
  const image = join(folder, `${name}.image`);
  const mounted = join(folder, name);
  writeFileSync(image, "");
  undo.add(`the image ${image}`, () => rmSync(image));
  truncateSync(image, mib * MIB);
  mkdirSync(mounted);
  const run = (...command: string[]): string | undefined => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(command);
    if (exitCode === 0) return stdout.toString().trim();
    skip(`${command.join(" ")}: ${stderr.toString().trim()}`);
    return undefined;
  };
  if (run(...make, image) === undefined) return undefined;
  // Else everything that is written waits once more in memory, for the file system below, and each sync for all of that.
  const device = run("losetup", "--find", "--show", "--direct-io=on", image);
  if (device === undefined) return undefined;
  undo.add(`the device ${device}`, () => void Bun.spawnSync(["losetup", "--detach", device]));
  if (run("mount", device, mounted) === undefined) return undefined;
  undo.add(`the mount ${mounted}`, () => unmount(mounted));
  return mounted;
}

function unmount(path: string): void {
  if (Bun.spawnSync(["umount", path]).exitCode === 0) return;
  const { exitCode, stderr } = Bun.spawnSync(["umount", "--lazy", path]);
  if (exitCode !== 0) throw new Error(stderr.toString().trim());
}

/** As proc(5) calls it in `mounts`: of the mount that is nearest above. */
function fileSystemOf(path: string): string {
  const mounts = readFileSync("/proc/mounts", "utf8").trim().split("\n");
  const above = mounts
    .map((line) => line.split(" "))
    .filter(([, at = ""]) => `${path}/`.startsWith(at === "/" ? at : `${at}/`))
    .toSorted(([, a = ""], [, b = ""]) => a.length - b.length);
  return above.at(-1)?.[2] ?? "unknown";
}

/** Has everything written that waits to be, so that nobody pays for what was done before. */
export function syncSite(path: string): void {
  const { exitCode, stderr } = Bun.spawnSync(["sync", "--file-system", path]);
  if (exitCode !== 0) throw new Error(stderr.toString().trim());
}
