import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeContents } from "../test/support/sample-contents.ts";
import type { StopWork } from "../test/support/sample-stop-work.ts";
import { type Site, syncSite } from "./sites.ts";

const MIB = 1 << 20;

/** The version that is upgraded from, and to. */
export const OLD = "1.0.0";
export const NEW = "1.1.0";

/** A home of a node, and around it what `HOME` is for its nymvisor. */
export interface BenchHome {
  site: Site;
  mib: number;
  /** `HOME`. */
  outer: string;
  /** The node's own. */
  path: string;
}

/** In a file of this share of the home, a sixteenth is rewritten at each stop: 16 of 256 MiB, from 1 GiB on. */
const PAGES_MIB = 256;
const SMALL_FILES = 200;
const SMALL_BYTES = 8192;
const LARGEST_MIB = 64;

const PAGES = "data/pages.sqlite";

/** Half incompressible, half like a database's pages, with 200 small files. Durable. */
export function makeHome(site: Site, mib: number): BenchHome {
  const outer = join(site.folder, `home-${mib}`);
  const path = join(outer, "node");
  mkdirSync(join(path, "data/small"), { recursive: true });
  for (let index = 0; index < SMALL_FILES; index += 1) {
    const name = `data/small/${index}.${index % 2 === 0 ? "key" : "sqlite"}`;
    writeContents(join(path, name), (SMALL_BYTES * (index + 1)) / 100);
  }
  const pages = pagesMib(mib);
  writeContents(join(path, PAGES), pages * MIB);
  const piece = Math.min(LARGEST_MIB, mib / 8);
  for (let done = pages, index = 0; done < mib; done += piece, index += 1) {
    const texture = done - pages < mib / 2 ? "bin" : "sqlite";
    writeContents(join(path, `data/store-${index}.${texture}`), piece * MIB);
  }
  syncSite(path);
  return { site, mib, outer, path };
}

export function removeHome({ outer, site }: BenchHome): void {
  rmSync(outer, { recursive: true, force: true });
  syncSite(site.folder);
}

function pagesMib(mib: number): number {
  return Math.min(PAGES_MIB, mib / 4);
}

/** Pages at random places of a database, a sixteenth of it. */
export function usualWork({ mib }: BenchHome, version = OLD): StopWork {
  return { version, rewritePages: { file: PAGES, bytes: (pagesMib(mib) / 16) * MIB } };
}

/** Makes a file that a node replaces at its stop, and takes it away again. */
export function withFile<T>(home: BenchHome, file: string, bytes: number, act: () => Promise<T>): Promise<T> {
  const path = join(home.path, file);
  mkdirSync(dirname(path), { recursive: true });
  writeContents(path, bytes);
  return act().finally(() => rmSync(dirname(path), { recursive: true, force: true }));
}

/** Takes away all that nymvisor has made of a home, and has the disk at rest. */
export function forgetUpgrades({ outer, path }: BenchHome): void {
  for (const made of [join(outer, ".nym"), join(path, "nymvisor"), join(path, "data.log")]) {
    if (existsSync(made)) rmSync(made, { recursive: true });
  }
  syncSite(outer);
}
