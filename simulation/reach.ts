import { basename, dirname } from "node:path";
import { HOME_VARIABLE } from "../src/daemon/record.ts";
import { isWithin, type Layout } from "../src/model/paths.ts";
import type { Effect } from "./disk.ts";

/** What a nymvisor starts its daemon with, and asks a binary with. */
const ARGUMENTS: ReadonlySet<string> = new Set(["run", "--no-banner build-info --output=json"]);

/** What lies beside the builds, with its temporary files and what is kept of it. */
const SHARED =
  /^(\.?(upgrade-plan\.json|upgrade-history\.json|upgrade-outcomes\.json|operator\.json|sources\.json|current)(\..*)?|(upgrade|turn)\.lock|upgrades)$/;

/** All that the simulated operator's environment holds, and the mark of a home. */
const VARIABLES: ReadonlySet<string> = new Set(["PATH", HOME_VARIABLE]);

/** How far nymvisor's hand reaches: what upstream says must not lead it elsewhere. */
export class Reach {
  constructor(
    private readonly layouts: readonly Layout[],
    /** Whether an upgrade of that name was ever announced, or brought. */
    private readonly isKnown: (upgrade: string) => boolean,
    /** Whether a home is being put back, so that all that lies in it may be moved. */
    private readonly isPutBack: (home: string) => boolean,
    private readonly report: (what: string) => void,
  ) {}

  /** Before an effect. */
  touches(effect: Effect, path: string, destination?: string): void {
    // A folder that is there already is synced where the ones below it are new.
    if (effect === "fsync" || effect === "flock") return;
    // What is copied is an operator's.
    const touched = effect === "rename" ? [path, destination ?? ""] : [destination ?? path];
    for (const one of touched) {
      if (!this.#isOwn(one)) this.report(`${effect} ${one}, where nymvisor has no business`);
    }
  }

  starts(args: readonly string[], environment: Readonly<Record<string, string>>): void {
    if (!ARGUMENTS.has(args.join(" "))) this.report(`something is started with ${args.join(" ")}`);
    const foreign = Object.keys(environment).find((name) => !VARIABLES.has(name));
    if (foreign !== undefined) this.report(`something is started with the variable ${foreign}`);
  }

  #isOwn(path: string): boolean {
    if (path.split("/").includes("..")) return false;
    return this.layouts.some((layout) => {
      const { upgradeData, upgrades, genesis, homeNymvisor, instanceData } = layout;
      if (isWithin(path, homeNymvisor) || isWithin(path, instanceData)) return true;
      if (dirname(path) === layout.home && this.isPutBack(layout.home)) return true;
      if (isWithin(path, upgrades)) return path === upgrades || this.#isUpgrade(path.slice(upgrades.length + 1));
      // What was there from the beginning: only what it is can be written down again.
      if (isWithin(path, genesis)) return !path.startsWith(`${genesis}/bin/`) || path.endsWith(".lock");
      return dirname(path) === upgradeData && SHARED.test(basename(path));
    });
  }

  #isUpgrade(below: string): boolean {
    const [name = ""] = below.split("/", 1);
    return !name.startsWith(".") && name !== "genesis" && name !== "current" && this.isKnown(name);
  }
}
