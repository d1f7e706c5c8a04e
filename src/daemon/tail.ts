/** How many lines are kept of what a daemon printed: enough for a panic with its backtrace and what led to it. */
export const MOST_LINES = 200;
const MOST_BYTES = 256 * 1024;
const LONGEST_LINE = 4096;

/** How much of an output is looked at for its last lines: some of them may be much longer than what is kept of them. */
export const TAIL_BYTES = 1024 * 1024;

/** The end of an output. */
export interface Tail {
  bytes: Buffer;
  /** More was printed before, so that the first line may lack its beginning. */
  cut: boolean;
}

/** One behind the other; of what was printed before a later end that is cut, nothing is known. */
export function joinTails(before: Tail, after: Tail): Tail {
  const bytes = after.cut ? after.bytes : Buffer.concat([before.bytes, after.bytes]);
  return { bytes: bytes.subarray(-TAIL_BYTES), cut: before.cut || after.cut || bytes.length > TAIL_BYTES };
}

/** The lines without their line feeds, each no longer than 4 KiB: its beginning. What has no line feed yet is one, too. */
export function splitLines({ bytes, cut }: Tail): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed === -1 ? bytes.length : feed;
    lines.push(bytes.subarray(start, Math.min(end, start + LONGEST_LINE)));
    start = end + 1;
  }
  // Half a line says something only where there is no whole one.
  if (cut && lines.length > 1) lines.shift();
  return lines;
}

/**
 * The last lines of several outputs that have no common order, one output after the other: 200 lines and 256 KiB in all.
 * Each has its share of them, and what the others leave of theirs.
 */
export function shareLines(outputs: readonly Buffer[][]): Buffer[] {
  const share = { lines: Math.floor(MOST_LINES / outputs.length), bytes: Math.floor(MOST_BYTES / outputs.length) };
  const shares = outputs.map((lines) => lastOf(lines, share));
  for (const [index, lines] of outputs.entries()) {
    const others = shares.filter((_, other) => other !== index).flat();
    shares[index] = lastOf(lines, { lines: MOST_LINES - others.length, bytes: MOST_BYTES - sizeOf(others) });
  }
  // Copies, so that what was looked at can be let go.
  return shares.flat().map((line) => Buffer.from(line));
}

const sizeOf = (lines: readonly Buffer[]) => lines.reduce((sum, line) => sum + line.length, 0);

function lastOf(lines: readonly Buffer[], most: { lines: number; bytes: number }): Buffer[] {
  let first = lines.length;
  let bytes = 0;
  while (first > 0 && lines.length - first < most.lines) {
    bytes += lines[first - 1]?.length ?? 0;
    if (bytes > most.bytes) break;
    first -= 1;
  }
  return lines.slice(first);
}
