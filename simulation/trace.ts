/** What happened in one world, line by line. The digest is always kept; the lines only where somebody wants to read them. */
export class Trace {
  /** Two runs with the same digest went the same way. */
  digest = 0;
  readonly lines: string[] = [];

  constructor(
    private readonly keep: boolean,
    private readonly now: () => number,
  ) {}

  note(who: string, what: string): void {
    const line = `${(this.now() / 1e6).toFixed(6)} ${who} ${normalised(what)}`;
    this.digest = Bun.hash.crc32(line, this.digest);
    if (this.keep) this.lines.push(line);
  }
}

/** Temporary names count on from world to world within one process of ours; what is replayed must not show that. */
function normalised(text: string): string {
  return text.includes(".tmp-") ? text.replace(/\.tmp-\d+-\d+-\d+/g, ".tmp") : text;
}
