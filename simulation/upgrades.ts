import type { History, Plan } from "../src/model/documents.ts";
import type { Layout } from "../src/model/paths.ts";
import type { ProcessDisk } from "./disk.ts";
import type { Health } from "./health.ts";

/** What the world knows of an upgrade. */
export interface KnownUpgrade {
  name: string;
  version: string;
  /** A person queued it, or changed its entry. */
  byPerson: boolean;
  /** Digests of the programs that may run under that name. */
  digests: Set<string>;
  /** It can be performed: there is, or will be, a binary that is what it should be. */
  stageable: boolean;
  /** It was durably in the plan, or somebody was told so. */
  queued: boolean;
  /** A person's hand took it out, or spoiled it. */
  excused: boolean;
  /** The digest with which `current` was moved to it, unless that was put back by a loss of power. */
  switched: string | undefined;
  /** Of the program that was meant last. */
  health: Health | undefined;
}

/** Every upgrade of a world and what becomes of it: never lost, never done twice. */
export class UpgradeLedger {
  readonly known = new Map<string, KnownUpgrade>();
  /** Performed more than once because a person wanted that. */
  readonly again = new Set<string>();
  #plan: string | undefined;

  constructor(
    private readonly observer: () => ProcessDisk,
    private readonly layouts: readonly Layout[],
    private readonly report: (what: string) => void,
  ) {}

  of(name: string): KnownUpgrade {
    let upgrade = this.known.get(name);
    if (upgrade === undefined) {
      upgrade = {
        name,
        version: name.replace(/^.*-/, ""),
        byPerson: !name.startsWith("r"),
        digests: new Set(),
        stageable: true,
        queued: false,
        excused: false,
        switched: undefined,
        health: undefined,
      };
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
      if (upgrade.queued && upgrade.switched === undefined && !names.has(upgrade.name)) upgrade.excused = true;
    }
  }

  /** `current` leads there now; a name may come again with other bytes, which is another upgrade. */
  switched(name: string, digest: string): void {
    if (name === "genesis") return;
    const upgrade = this.of(name);
    if (upgrade.switched === digest) this.report(`current was moved to ${name} a second time`);
    upgrade.switched = digest;
  }

  /** The node went back from it; it may be performed once more where a person wants that. */
  wentBackFrom(name: string): void {
    this.of(name).switched = undefined;
  }

  /** After a loss of power: a switch that did not last has not happened. */
  powerLost(current: string, last: string): void {
    if (last !== current) this.of(last).switched = undefined;
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
    const contents = history?.history.map(({ info: { name, platforms } }) => JSON.stringify([name, platforms])) ?? [];
    const times = Map.groupBy(contents, (content) => content);
    const isTwice = done.some(
      (name, index) => (times.get(contents[index] ?? "")?.length ?? 0) > 1 && !this.again.has(name),
    );
    if (isTwice) this.report(`the history holds one upgrade twice: ${done.join(", ")}`);
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
