import type { PlanFile } from "./disk.ts";
import type { Fate } from "./marked-daemon.ts";

/** What was announced to the nodes of one world, by either writer, and what may come of it. */
export interface Announced {
  name: string;
  version: string;
  by: "release" | "hand";
  /**
   * `good`: to be performed. `wrong-checksum`: its bytes must never run. `contradicting`: a whole binary of another version
   * than announced, which must never become `current`. `mended`: was one of these, and reads well now, which no nymvisor may
   * have heard of yet.
   */
  kind: "good" | "wrong-checksum" | "contradicting" | "mended";
  /**
   * Nymvisor has answered for it: it stood in the plan, or `add-upgrade` ended with 0. What was announced to a nymvisor that
   * was killed before it could note it is not lost, but was never taken.
   */
  taken: boolean;
  /** It was refused, and the reason could be read. */
  refused: string | null;
}

export class Ledger {
  private readonly entries = new Map<string, Announced>();
  /** Of every whole binary that may lie where `current` points. */
  private readonly digests = new Map<string, string>();
  private readonly fates = new Map<string, Fate>();

  add(entry: Omit<Announced, "taken" | "refused">): Announced {
    const added = { ...entry, taken: false, refused: null };
    this.entries.set(entry.name, added);
    return added;
  }

  get(name: string): Announced | undefined {
    return this.entries.get(name);
  }

  all(): Announced[] {
    return [...this.entries.values()];
  }

  allow(digest: string, version: string, fate: Fate = "well"): void {
    this.digests.set(digest, version);
    this.fates.set(version, fate);
  }

  fateOf(version: string): Fate {
    return this.fates.get(version) ?? "well";
  }

  /** The name of the build of a version. */
  nameOf(version: string): string {
    return this.all().find((entry) => entry.version === version)?.name ?? "genesis";
  }

  /** The version of a binary that may be `current`; undefined: no such one was ever served or added. */
  versionOf(digest: string): string | undefined {
    return this.digests.get(digest);
  }

  /** Whatever stands in the plan or the history was taken. */
  note(plan: PlanFile, performed: readonly string[]): void {
    for (const name of [plan.current.name, ...plan.queuedUp.map((entry) => entry.name), ...performed]) {
      const entry = this.entries.get(name);
      if (entry !== undefined) entry.taken = true;
    }
  }
}
