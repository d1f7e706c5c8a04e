/** What was done and what was seen in one world, by whom and when: what a person reads after a violation. */
export class Timeline {
  private readonly began = performance.now();
  private readonly entries: string[] = [];
  /** Where the last two rounds begin. */
  private recent = [0, 0];

  note(who: string, what: string): void {
    const at = (performance.now() - this.began).toFixed(1).padStart(9);
    this.entries.push(`${at} ms  ${who.padEnd(12)} ${what}`);
  }

  beginRound(round: number): void {
    this.recent = [this.recent[1] ?? 0, this.entries.length];
    this.note("chaos", `==== round ${round}`);
  }

  /** From the beginning of the round before this one. */
  get latest(): string {
    return this.entries.slice(this.recent[0]).join("\n");
  }

  get whole(): string {
    return this.entries.join("\n");
  }
}
