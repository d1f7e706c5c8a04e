import { formatInstant, type Instant } from "./instant.ts";
import { printable } from "./names.ts";
import { wrap } from "./wrap.ts";

/** What the commands answer by which people have a say in upgrades: what holds now, then what to type to undo it. */

const WIDTH = 80;

/** A paragraph, and below it lines that can be copied. */
function answer(text: string, ...lines: string[]): string {
  return `${[...wrap(text, WIDTH), ...lines].join("\n")}\n`;
}

/** As a word of a command line: quoted where a shell would read it otherwise. */
export function typed(word: string): string {
  return /^[\w.:@%+=,/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What keeps upgrades from being performed. */
export interface HoldLine {
  /** Null: until it is lifted. */
  until: Instant | null;
  by: "command" | "setting";
  /** Why nymvisor itself holds them; null: a person does. */
  why: string | null;
}

/** `until 2026-11-21T09:00:00Z, by nymvisor hold (nymvisor resume)` */
export function describeHold({ until, by, why }: HoldLine): string {
  const end = until === null ? "until it is lifted" : `until ${formatInstant(until)}`;
  if (by === "setting") return `${end}, by the setting [policy] hold`;
  return `${end}, ${why === null ? "by nymvisor hold" : `because ${printable(why)}`} (nymvisor resume)`;
}

export function renderHold(until: Instant | null, before: HoldLine | null, upgradeData: string): string {
  const end = until === null ? "" : ` until ${formatInstant(until)}`;
  const same = before !== null && before.until === until;
  const already = same && before.why !== null ? ` They are because ${printable(before.why)}.` : "";
  const changed = before === null || same ? already : ` It was held ${describeHold(before)}, before.`;
  return answer(
    `Upgrades are${same ? " already" : ""} held${end}: nothing is performed but \`add-upgrade --now\`, by any node that shares ${upgradeData}.${changed}`,
    "To undo: nymvisor resume",
  );
}

export function renderResume(was: HoldLine | null, left: readonly HoldLine[]): string {
  const because = was === null || was.why === null ? "" : ` It held because ${printable(was.why)}.`;
  const ended = was === null ? "Nothing was held by nymvisor hold." : `The hold is ended.${because}`;
  if (left.length === 0) {
    return answer(`${ended} Upgrades are performed when they are due.`, ...(was === null ? [] : [undoHold(was)]));
  }
  return answer(
    `${ended} Still nothing is performed: upgrades are held ${left.map(describeHold).join("; ")}. To end that, change the setting (nymvisor config shows it) and start nymvisor again.`,
    ...(was === null ? [] : [undoHold(was)]),
  );
}

function undoHold({ until }: HoldLine): string {
  return `To undo: nymvisor hold${until === null ? "" : ` --until ${formatInstant(until)}`}`;
}

export function renderSkip(name: string, already: boolean, dropped: boolean): string {
  const left = dropped ? " It has left the plan." : "";
  return answer(
    `${printable(name)} is${already ? " already" : ""} skipped: no node that shares this upgrade data performs it.${left}`,
    `To undo: nymvisor unskip ${typed(name)}`,
  );
}

export function renderUnskip(name: string, was: boolean): string {
  if (!was) return answer(`${printable(name)} is not skipped: nothing is changed.`);
  return answer(
    `${printable(name)} is no longer skipped: it is performed if it is what the policy chooses (nymvisor check).`,
    `To undo: nymvisor skip ${typed(name)}`,
  );
}

export function renderPin(release: string, meant: string | null, before: string | null): string {
  const which = meant === null || meant === release ? "" : ` (${printable(meant)} is the newest of that version)`;
  const what = `Upgrades are${before === release ? " already" : ""} pinned to ${printable(release)}${which}: no other release is performed.`;
  const changed = before === null || before === release ? "" : ` The pin before was ${printable(before)}.`;
  const undo = before === null || before === release ? "nymvisor unpin" : `nymvisor pin ${typed(before)}`;
  return answer(what + changed, `To undo: ${undo}`);
}

export function renderUnpin(before: string | null): string {
  if (before === null) return answer("Nothing is pinned: nothing is changed.");
  return answer(
    `The pin to ${printable(before)} is removed: newer releases are performed again.`,
    `To undo: nymvisor pin ${typed(before)}`,
  );
}
