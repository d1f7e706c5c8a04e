import { type BenchHome, makeHome, removeHome, usualWork } from "../home.ts";
import type { Setting } from "../setting.ts";
import type { Site } from "../sites.ts";
import { type Archived, type Supervised, superviseArchived } from "../supervised.ts";

/** Something that is measured on a file system. */
export interface Part {
  name: string;
  /** Whether it is measured where files can share blocks, too. */
  onReflinks: boolean;
  /** Whether `--quick` has it. */
  quick: boolean;
  run(setting: Setting, site: Site, homes: Homes): Promise<void>;
}

/** A home that was upgraded, with its archive; no nymvisor runs on it any more. */
export interface ArchivedHome {
  home: BenchHome;
  supervised: Supervised;
  archived: Archived;
}

/** The homes of one file system, each made when it is first wanted. */
export class Homes {
  /** The last one, as long as nothing else was done with that home. */
  archive: ArchivedHome | undefined;
  readonly #site: Site;
  readonly #made = new Map<number, BenchHome>();

  constructor(site: Site) {
    this.#site = site;
  }

  of(mib: number): BenchHome {
    let home = this.#made.get(mib);
    if (home === undefined) {
      home = makeHome(this.#site, mib);
      this.#made.set(mib, home);
    }
    if (this.archive?.home === home) this.archive = undefined;
    return home;
  }

  keepArchive(archive: ArchivedHome): void {
    this.archive = archive;
  }

  /** A home of that size with an archive: the one that is there, or a new one. */
  async archiveOf(setting: Setting, mib: number): Promise<ArchivedHome> {
    if (this.archive?.home.mib === mib) return this.archive;
    const home = this.of(mib);
    const keep = (supervised: Supervised, archived: Archived) => {
      this.archive = { home, supervised, archived };
    };
    await superviseArchived(setting, home, { atStop: usualWork(home) }, keep);
    return this.archiveOf(setting, mib);
  }

  removeAll(): void {
    for (const home of this.#made.values()) removeHome(home);
    this.#made.clear();
    this.archive = undefined;
  }
}
