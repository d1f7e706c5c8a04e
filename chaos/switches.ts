import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readDiary } from "./backups.ts";
import { type OutcomeEntry, readOutcomes, type SharedPlaces } from "./disk.ts";
import type { Ledger } from "./ledger.ts";
import type { ChaosNode } from "./node.ts";
import { Violation } from "./violation.ts";

/** A version writes into its home at once, and nymvisor notes where it came from when it runs. */
const NOTED_WITHIN_MS = 5_000;

/**
 * What must hold of versions that prove themselves or do not, and of ways back from them; read from the disk. An upgrade
 * may be under way all the while.
 * @throws {Violation}
 */
export async function checkSwitches(shared: SharedPlaces, nodes: readonly ChaosNode[], ledger: Ledger): Promise<void> {
  const began = performance.now();
  for (;;) {
    try {
      return look(shared, nodes, ledger);
    } catch (error) {
      if (!(error instanceof Violation) || performance.now() - began >= NOTED_WITHIN_MS) throw error;
    }
    await Bun.sleep(20);
  }
}

function look(shared: SharedPlaces, nodes: readonly ChaosNode[], ledger: Ledger): void {
  const outcomes = readOutcomes(shared);
  checkEachOnce(outcomes);
  checkBadBytes(outcomes);
  for (const node of nodes) {
    const own = outcomes.filter(({ home }) => home === node.places.home);
    for (const home of [node.places.home, ...keptHomes(node)]) checkOwnData(home, own, ledger);
    checkNotStartedAgain(node, own);
    checkKept(node, own);
  }
}

/** Each switch has one outcome, and each way back with its data says where those of the version lie. */
function checkEachOnce(outcomes: readonly OutcomeEntry[]): void {
  const keys = outcomes.map(({ home, performedAt, kind, name }) => `${kind} to ${name} of ${home} at ${performedAt}`);
  const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
  if (twice.length > 0) throw new Violation("once-each", `the outcomes hold ${twice.join(", ")} more than once`);
}

/** Whatever failed by itself is brought to no home any more. */
function checkBadBytes(outcomes: readonly OutcomeEntry[]): void {
  for (const bad of outcomes) {
    const { state, byHand, forgiven, sha256, decidedAt } = bad;
    if ((state !== "rolled-back" && state !== "failed") || byHand || forgiven || decidedAt === null) continue;
    const again = outcomes.find((outcome) => {
      const isMove = outcome.kind !== "rollback" && outcome.sha256 === sha256 && sha256 !== null;
      return isMove && Date.parse(outcome.performedAt) > Date.parse(decidedAt);
    });
    if (again !== undefined) {
      throw new Violation(
        "bad-bytes",
        `${bad.name} failed at ${decidedAt}, and came to ${again.home} at ${again.performedAt}`,
      );
    }
  }
}

/** In the diary of a home another version follows only where the home was moved from the one to the other. */
function checkOwnData(home: string, own: readonly OutcomeEntry[], ledger: Ledger): void {
  let before: string | undefined;
  for (const line of readDiary(home)) {
    const [, version = ""] = line.split(" ");
    if (before !== undefined && version !== before) {
      const [from, to] = [ledger.nameOf(before), ledger.nameOf(version)];
      const isMove = own.some((outcome) => outcome.kind !== "rollback" && outcome.from === from && outcome.name === to);
      if (!isMove) throw new Violation("own-data", `${version} ran on what ${before} had made of ${home}`);
    }
    before = version;
  }
}

/** A home that was put back by itself does not run that version again, unless a person goes back to it. */
function checkNotStartedAgain({ id, events }: ChaosNode, own: readonly OutcomeEntry[]): void {
  for (const { state, byHand, decidedAt, name, version } of own) {
    if (state !== "rolled-back" || byHand || decidedAt === null) continue;
    const decided = Date.parse(decidedAt);
    const isWanted = own.some((other) => {
      return other.kind === "rollback" && other.name === name && Date.parse(other.performedAt) > decided;
    });
    const again = events.all().find((event) => {
      return event.event === "started" && event.version === version && event.at > decided;
    });
    if (again !== undefined && !isWanted) {
      throw new Violation(
        "bad-bytes",
        `${id} was put back from ${version} at ${decidedAt}, and started it at ${again.at}`,
      );
    }
  }
}

/** Upgrades that must have passed before what an earlier version had made of a home may go. */
const KEPT_FOR = 2;

function checkKept({ places }: ChaosNode, own: readonly OutcomeEntry[]): void {
  for (const { state, kept, decidedAt, name } of own) {
    if (state !== "rolled-back" || kept === null || decidedAt === null) continue;
    const decided = Date.parse(decidedAt);
    const later = own.filter((other) => other.decidedAt !== null && Date.parse(other.decidedAt) > decided);
    // What a person went back from may have passed before.
    const mayHavePassed = (other: OutcomeEntry) => other.state === "passed" || other.byHand;
    const passed = later.filter((other) => mayHavePassed(other) && other.kind !== "rollback").length;
    const isUsed = later.some((other) => other.kind === "rollback" && other.name === name);
    if (passed >= KEPT_FOR || isUsed || existsSync(join(kept, "note.json"))) continue;
    throw new Violation("kept", `what ${name} had made of ${places.home} is not in ${kept} any more`);
  }
}

function keptHomes({ places: { rolledBack } }: ChaosNode): string[] {
  if (!existsSync(rolledBack)) return [];
  return readdirSync(rolledBack).map((name) => join(rolledBack, name, "home"));
}
