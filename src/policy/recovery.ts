/**
 * What a journal that was left behind means. One table: (what the journal says) x (where `current` points) -> what to do.
 */

export type RecoveryAction =
  /** `current` never moved: the old build runs, the upgrade is still to come. */
  | "undo"
  /** `current` has moved: write the documents that follow. */
  | "finish";

export interface LeftBehind {
  state: "copying" | "stopping" | "backing-up" | "switching" | "recording";
  kind: "upgrade" | "forward";
  to: { name: string };
}

const WHERE_CURRENT_DECIDES: Readonly<Record<LeftBehind["state"], boolean>> = {
  copying: false,
  stopping: false,
  "backing-up": false,
  switching: true,
  recording: true,
};

/**
 * | journal    | kind    | `current`     | action |
 * |------------|---------|---------------|--------|
 * | copying, stopping, backing-up | any | anywhere | undo |
 * | switching  | upgrade | the new build | finish |
 * | switching  | upgrade | elsewhere     | undo   |
 * | switching  | forward | anywhere      | undo: the home is still on the old build |
 * | recording  | upgrade | the new build | finish |
 * | recording  | upgrade | elsewhere     | undo: somebody moved `current` back since |
 * | recording  | forward | the new build | finish |
 * | recording  | forward | elsewhere     | undo   |
 */
export function recoveryAction(journal: LeftBehind, current: string | undefined): RecoveryAction {
  if (!WHERE_CURRENT_DECIDES[journal.state] || current !== journal.to.name) return "undo";
  return journal.kind === "forward" && journal.state === "switching" ? "undo" : "finish";
}

/** Whether the new build is what runs next. */
export function isDecided(journal: LeftBehind, current: string | undefined): boolean {
  return recoveryAction(journal, current) === "finish";
}

/**
 * Whether the home of a journal was moved onto the new build, and its record could not be made to say so: the build may
 * have run on it, so that no older one must, wherever `current` has gone since. Back at `from` it was put by a person.
 * @param performed the history holds the upgrade, so that its switch has happened.
 */
export function hasMovedHome(journal: LeftBehind & { from: string }, current: string, performed: boolean): boolean {
  const { state, kind, from } = journal;
  if (isDecided(journal, current)) return true;
  if (current === from) return false;
  return state === "recording" || (state === "switching" && kind === "upgrade" && performed);
}
