import { basename } from "node:path";
import type { Backups } from "./backups.ts";
import type { Box } from "./box.ts";
import { pathsBelow, readHistory, readOutcomes, readPlan, readStatus, type SharedPlaces } from "./disk.ts";
import type { Ledger } from "./ledger.ts";
import type { ChaosNode } from "./node.ts";
import { Violation } from "./violation.ts";

/** What is read from the disk after each round; what must hold at every instant is the onlooker's. */

/** Between the milliseconds of `performance.now()` and those since 1970, less what the shell takes to write one down. */
const TIME_ORIGIN = performance.timeOrigin + 50;

/** What the daemons themselves have noted. */
export function checkMarks(nodes: readonly ChaosNode[], box: Box): void {
  for (const { id, events } of nodes) {
    for (const event of events.all()) {
      const who = `${event.pid} (${event.version}) of ${id}`;
      if (event.event === "not-alone") throw new Violation("one-daemon", `${who} met another daemon when it started`);
      if (event.event === "forbidden") throw new Violation("verified", `${who} was executed`);
      // A full disk takes no note of the first time; whoever comes after a killed nymvisor cannot know of it then.
      const first = events.all().find(({ event: what, pid }) => what === "interrupted" && pid === event.pid);
      if (event.event === "interrupted" && event.count > 1 && !box.wasFullSince((first ?? event).at - TIME_ORIGIN)) {
        throw new Violation("conduct", `${who} was asked to stop ${event.count} times`);
      }
    }
  }
}

/** Documents that were found to be torn are kept under such a name: nothing here should ever tear one. */
const SET_ASIDE = /\.(corrupt|unverified)-/;

export function checkNothingSetAside(homeDirectory: string): void {
  const found = pathsBelow(homeDirectory).filter((path) => SET_ASIDE.test(basename(path)));
  if (found.length > 0) throw new Violation("documents", `torn documents were set aside: ${found.join(", ")}`);
}

/** Whatever was taken is pending, or done; and what was refused has a reason. */
export function checkLedger(shared: SharedPlaces, nodes: readonly ChaosNode[], ledger: Ledger): void {
  // In this order: between the two an upgrade may go from the plan to the history, and never the other way.
  const plan = readPlan(shared);
  const performed = readHistory(shared);
  ledger.note(plan, performed);
  const there = new Set([plan.current.name, ...plan.queuedUp.map(({ name }) => name), ...performed]);
  for (const node of nodes) {
    for (const [name, reason] of Object.entries(readStatus(node.places).refused)) {
      const entry = ledger.get(name);
      if (entry !== undefined && reason !== "") entry.refused = reason;
    }
  }
  for (const { name, taken, kind, refused } of ledger.all()) {
    if (taken && !there.has(name) && refused === null) throw new Violation("once-each", `${name} is lost`);
    const isBad = kind === "wrong-checksum" || kind === "contradicting";
    if (isBad && performed.includes(name)) throw new Violation("verified", `${name} (${kind}) was performed`);
  }
}

/** Each home was saved before it moved, and each upgrade that was performed moved one. */
export async function checkBackups(shared: SharedPlaces, backups: readonly Backups[], ledger: Ledger): Promise<void> {
  const names = new Map(ledger.all().map(({ name, version }) => [version, name]));
  // First: what is performed from now on may be saved after the backups were read.
  const performed = readHistory(shared);
  for (const ofHome of backups) await ofHome.check((version) => names.get(version) ?? "genesis");
  // What a home was put back from is the home by now.
  const wentBack = new Set(readOutcomes(shared).flatMap(({ state, name }) => (state === "rolled-back" ? [name] : [])));
  for (const name of performed) {
    if (wentBack.has(name)) continue;
    if (!backups.some((ofHome) => ofHome.has(name)))
      throw new Violation("backups", `there is none from before ${name}`);
  }
}

/** Of interrupted writes and of locks: none may be left by a run that started and ended as it should. */
const LEFTOVER = /^\..*\.tmp-\d+-\d+-\d+$|\.lock$|^(journal|daemon|probation|way-back)\.json$/;

/** What is there only while something goes on, by its path. */
const PASSING = /\/nymvisor\/restoring\/.|\/instances\/[^/]+\/data\/output\.log$/;

export function checkNothingLeft(homeDirectory: string): void {
  const left = pathsBelow(homeDirectory).filter((path) => LEFTOVER.test(basename(path)) || PASSING.test(path));
  if (left.length > 0) throw new Violation("tidy", `left behind: ${left.join(", ")}`);
}
