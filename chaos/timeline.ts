/** What was done and what was seen in one world, by whom and when: what a person reads after a violation. */
export class Timeline {
  private readonly began = performance.now();
  private entries: string[] = [];

  note(who: string, what: string): void {
    const at = (performance.now() - this.began).toFixed(1).padStart(9);
    this.entries.push(`${at} ms  ${who.padEnd(12)} ${what}`);
  }

  /** Forgets what lies before the round before this one; enough is kept to see where a violation came from. */
  beginRound(round: number): void {
    const previous = this.entries.findLastIndex((entry) => entry.includes(ROUND_MARK));
    this.entries = this.entries.slice(Math.max(previous, 0));
    this.note("chaos", `${ROUND_MARK} ${round}`);
  }

  toString(): string {
    return this.entries.join("\n");
  }
}

const ROUND_MARK = "==== round";
