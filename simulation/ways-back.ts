import { basename, dirname, join } from "node:path";
import type { Layout } from "../src/model/paths.ts";
import { fingerprintOf, readTree } from "./homes.ts";
import type { Machine } from "./machine.ts";

/** A way back as its journal has it on the disk. */
interface Journal {
  state: "preparing" | "exchanging";
  from: { name: string };
  to: { name: string };
  saved: { kind: string; path: string } | null;
  kept: string | null;
  byHand: boolean;
}

/** One that is decided, and not written down yet. */
interface WayBack extends Journal {
  /** What the home has to be when it is exchanged; null: as it was left. */
  expected: ReadonlySet<string> | null;
  /** What it was before. */
  left: ReadonlySet<string>;
  /** The version that it goes back to runs. */
  started: boolean;
}

/** What was put aside of a home, and may be wanted again. */
interface Kept {
  home: string;
  folder: string;
  name: string;
  fingerprints: Set<string>;
  /** How many versions have passed on the home since. */
  passes: number;
}

/** So many versions pass before nobody goes back to what an earlier one had made of the home. */
const NEEDED_FOR = 2;

export interface Past {
  /** What the home may have been when it was stopped for the switch to that build. */
  before(home: string, build: string): ReadonlySet<string>;
  /** All that the home may have been when that build left it. */
  leftBy(home: string, build: string): ReadonlySet<string>;
  /** What it may be now, where nothing runs on it. */
  left(home: string): ReadonlySet<string>;
}

/** Homes that are put back: what they become, and what becomes of what they were. */
export class WayBackLedger {
  readonly #ways = new Map<string, WayBack>();
  #kept: Kept[] = [];
  done = 0;

  constructor(
    private readonly machine: Machine,
    private readonly layouts: readonly Layout[],
    private readonly past: Past,
    private readonly report: { putBack(what: string): void; kept(what: string): void },
  ) {}

  /** The one that is decided for a home. */
  of(home: string): Readonly<WayBack> | undefined {
    return this.#ways.get(home);
  }

  /** Of a journal as it stands there; undefined where none is. */
  read({ wayBack }: Layout): Journal | undefined {
    const { observer } = this.machine;
    return observer.existsSync(wayBack) ? JSON.parse(observer.readFileSync(wayBack, "utf8")) : undefined;
  }

  /** A journal was written. @returns the way back if it is decided by that. */
  written(layout: Layout): Readonly<WayBack> | undefined {
    const journal = this.read(layout);
    const { home } = layout;
    if (journal?.state !== "exchanging" || this.#ways.has(home)) return undefined;
    const { from, to, saved, byHand } = journal;
    const kept = this.#kept.find(({ folder }) => folder === saved?.path);
    const saves = kept?.fingerprints ?? (byHand ? this.past.leftBy(home, to.name) : this.past.before(home, from.name));
    const expected = saved === null ? null : saves;
    const way = { ...journal, expected, left: new Set(this.past.left(home)), started: false };
    this.#ways.set(home, way);
    return way;
  }

  /** A build is about to be started on a home. @returns whether it goes back to it. */
  starts({ home }: Layout, build: string): boolean {
    const way = this.#ways.get(home);
    if (way === undefined || way.started) return false;
    if (build !== way.to.name) {
      this.report.putBack(`${build} is started on ${home}, which is to go back to ${way.to.name}`);
      return false;
    }
    this.#requirePutBack(home, way, `${build} is started`);
    way.started = true;
    return true;
  }

  /** `current` is moved back. */
  currentMoves({ home }: Layout, way: Readonly<WayBack>): void {
    if (!way.started) this.#requirePutBack(home, way, "current is moved back");
  }

  #requirePutBack(home: string, { expected, left }: Readonly<WayBack>, what: string): void {
    const found = this.fingerprint(home);
    if ((expected ?? left).has(found)) return;
    const should = expected === null ? "as it was left" : "what it was at the stop";
    this.report.putBack(`${what}, and ${home} is not ${should}`);
  }

  fingerprint(home: string): string {
    return fingerprintOf(readTree(this.machine.observer, home));
  }

  /** The journal is removed. @returns the way back that is over. */
  over({ home }: Layout): Readonly<WayBack> | undefined {
    const way = this.#ways.get(home);
    if (way === undefined) return undefined;
    if (!way.started) this.#requirePutBack(home, way, "the way back is over");
    this.#ways.delete(home);
    this.done += 1;
    const { kept: folder, saved, from, left } = way;
    if (saved?.kind === "kept") this.#kept = this.#kept.filter((one) => one.folder !== saved.path);
    if (folder === null || this.#kept.some((one) => one.folder === folder)) return way;
    const fingerprints = left === ANYTHING ? this.#asItIs(folder) : new Set(left);
    const kept = { home, folder, name: from.name, fingerprints, passes: 0 };
    this.#kept.push(kept);
    this.#requireKept(kept);
    return way;
  }

  #asItIs(folder: string): Set<string> {
    const home = join(folder, "home");
    return new Set(this.machine.observer.existsSync(home) ? [this.fingerprint(home)] : []);
  }

  /** A version has passed on a home. */
  passed(home: string): void {
    for (const one of this.#kept) if (one.home === home) one.passes += 1;
  }

  /** After something was removed. */
  removed(path: string): void {
    if (basename(path) !== "note.json") return;
    const gone = this.#kept.find(({ folder }) => folder === dirname(path));
    if (gone === undefined) return;
    if ([...this.#ways.values()].some(({ saved }) => saved?.path === gone.folder)) return;
    if (gone.passes < NEEDED_FOR) {
      this.report.kept(`what ${gone.name} had made of ${gone.home} goes after ${gone.passes} good upgrades`);
    }
    this.#kept = this.#kept.filter((one) => one !== gone);
  }

  #requireKept({ home, folder, name, fingerprints }: Kept): void {
    const { observer } = this.machine;
    const isThere = observer.existsSync(join(folder, "home")) && observer.existsSync(join(folder, "note.json"));
    const found = isThere ? this.fingerprint(join(folder, "home")) : "nothing";
    if (!fingerprints.has(found)) this.report.kept(`${folder} is not what ${name} had made of ${home}`);
  }

  /** After a loss of power, which may have made something else of what no daemon had made durable. */
  powerLost(): void {
    for (const layout of this.layouts) {
      const journal = this.read(layout);
      const way = this.#ways.get(layout.home);
      if (journal?.state !== "exchanging") this.#ways.delete(layout.home);
      // It was over, and its end was not durable.
      else if (way === undefined) {
        this.#ways.set(layout.home, { ...journal, expected: null, left: new Set(), started: true });
      }
    }
    for (const way of this.#ways.values()) {
      // Part of what was there may lie in either place: nobody can tell any more what it has to become.
      if (way.kept !== null) way.left = ANYTHING;
    }
    for (const { folder, fingerprints } of this.#kept) {
      for (const found of this.#asItIs(folder)) fingerprints.add(found);
    }
  }

  /** When a world has calmed down: what is needed is there, and nothing besides. @returns what is wrong. */
  unsettled({ home, rolledBack, restoring, wayBack }: Layout): string | undefined {
    const { observer } = this.machine;
    if (observer.existsSync(wayBack)) return `${home} is on a way back still`;
    if (observer.existsSync(restoring)) return `what was unpacked for ${home} is there still`;
    const own = this.#kept.filter((one) => one.home === home);
    for (const one of own) this.#requireKept(one);
    const there = observer.existsSync(rolledBack) ? observer.readdirSync(rolledBack) : [];
    const wanted = new Set(own.filter(({ passes }) => passes <= NEEDED_FOR + 1).map(({ folder }) => basename(folder)));
    const left = there.find((name) => !wanted.has(name) && observer.existsSync(join(rolledBack, name, "note.json")));
    return left === undefined ? undefined : `${left} is kept of ${home} still`;
  }
}

const ANYTHING: ReadonlySet<string> = Object.assign(new Set<string>(), { has: () => true });
