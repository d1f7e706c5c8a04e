import type { History, Plan } from "../src/model/documents.ts";
import type { Layout } from "../src/model/paths.ts";
import type { ProcessDisk } from "./disk.ts";

/** What the world knows of an upgrade. */
export interface KnownUpgrade {
  name: string;
  /** Digests of the programs that may run under that name. */
  digests: Set<string>;
  /** It can be performed: there is, or will be, a binary that is what it should be. */
  stageable: boolean;
  /** It was durably in the plan, or somebody was told so. */
  queued: boolean;
  /** A person's hand took it out, or spoiled it. */
  excused: boolean;
  /** `current` was moved to it, and not put back by a loss of power. */
  switched: boolean;
}

/** Every upgrade of a world and what becomes of it: never lost, never done twice. */
export class UpgradeLedger {
  readonly known = new Map<string, KnownUpgrade>();
  #plan: string | undefined;

  constructor(
    private readonly observer: () => ProcessDisk,
    private readonly layouts: readonly Layout[],
    private readonly report: (what: string) => void,
  ) {}

  of(name: string): KnownUpgrade {
    let upgrade = this.known.get(name);
    if (upgrade === undefined) {
      upgrade = { name, digests: new Set(), stageable: true, queued: false, excused: false, switched: false };
      this.known.set(name, upgrade);
    }
    return upgrade;
  }

  /** The plan as it is now is durable. */
  planIsDurable(): void {
    const plan = this.readPlan();
    for (const { name } of plan?.queuedUp ?? []) this.of(name).queued = true;
  }

  /** A person wrote the plan, or something in its place: what is not in it any more is theirs to miss. */
  personWrote(): void {
    const names = new Set(this.readPlan()?.queuedUp.map(({ name }) => name));
    for (const upgrade of this.known.values()) {
      if (upgrade.queued && !upgrade.switched && !names.has(upgrade.name)) upgrade.excused = true;
    }
  }

  /** `current` leads there now. */
  switched(name: string): void {
    if (name === "genesis") return;
    const upgrade = this.of(name);
    if (upgrade.switched) this.report(`current was moved to ${name} a second time`);
    upgrade.switched = true;
  }

  /** After a loss of power: a switch that did not last has not happened. */
  powerLost(current: string, last: string): void {
    if (last !== current) this.of(last).switched = false;
  }

  /** After each step: nothing that was queued is gone, nothing is in the history twice. */
  check(): void {
    const plan = this.readPlan();
    if (plan === undefined) return;
    const history = this.readHistory();
    const done = history?.history.map(({ info }) => info.name) ?? [];
    const look = `${this.#stamp(plan)} ${done.join()}`;
    if (look === this.#plan) return;
    this.#plan = look;
    if (new Set(done).size < done.length) this.report(`the history holds one upgrade twice: ${done.join(", ")}`);
    const there = new Set([plan.current.name, ...plan.queuedUp.map(({ name }) => name), ...done]);
    for (const { name, queued, excused } of this.known.values()) {
      if (!queued || excused || there.has(name) || this.#isInJournal(name)) continue;
      this.report(`${name} was queued, and is neither in the plan nor in the history`);
    }
  }

  #stamp(plan: Plan): string {
    return [plan.current, ...plan.queuedUp].map(({ name }) => name).join();
  }

  #isInJournal(name: string): boolean {
    return this.layouts.some(({ journal }) => {
      const found = this.#read(journal) as { to?: { name?: string } } | undefined;
      return found?.to?.name === name;
    });
  }

  /** Undefined where it cannot be read. */
  readPlan(): Plan | undefined {
    const plan = this.#read(this.layouts[0]?.plan ?? "") as Plan | undefined;
    return Array.isArray(plan?.queuedUp) && plan.current !== undefined ? plan : undefined;
  }

  readHistory(): History | undefined {
    return this.#read(this.layouts[0]?.history ?? "") as History | undefined;
  }

  #read(path: string): unknown {
    const observer = this.observer();
    if (!observer.existsSync(path)) return undefined;
    try {
      return JSON.parse(observer.readFileSync(path, "utf8"));
    } catch {
      return undefined;
    }
  }
}
