/** The nearest word, for "did you mean". Leading dashes and letter case do not count. */

/** How alike two words must be to be worth a suggestion, from 0 to 1: half of a word may be wrong, not more. */
const ALIKE_ENOUGH = 0.5;

/** How alike a word and a longer one that holds it are: below any near spelling, above any half of one. */
const CONTAINED = 0.6;

/** Shorter pieces are contained in too many words to mean one of them. */
const SHORTEST_PIECE = 3;

/** The candidate most like `word`, the first of them on a tie; undefined if none is like it. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestLikeness = ALIKE_ENOUGH;
  for (const candidate of candidates) {
    const likeness = likenessOf(bare(word), bare(candidate));
    if (likeness <= bestLikeness) continue;
    best = candidate;
    bestLikeness = likeness;
  }
  return best;
}

function bare(word: string): string {
  return word.replace(/^-+/, "").toLowerCase();
}

/** From 0 to 1: by spelling, by being a piece of the other, or by the parts between dashes that both have. */
function likenessOf(word: string, candidate: string): number {
  if (word === "") return 0;
  const spelling = 1 - editDistance(word, candidate) / Math.max(word.length, candidate.length);
  const piece = word.length >= SHORTEST_PIECE && candidate.includes(word) ? CONTAINED : 0;
  return Math.max(spelling, piece, commonParts(word, candidate));
}

/** Sørensen–Dice coefficient of the parts: `restart-on-failure` is much of `restart-daemon-on-failure`. */
function commonParts(word: string, candidate: string): number {
  const parts = new Set(word.split("-"));
  const candidateParts = new Set(candidate.split("-"));
  return (2 * parts.intersection(candidateParts).size) / (parts.size + candidateParts.size);
}

/** Optimal string alignment distance: insertions, deletions, substitutions, and swaps of neighbours cost one each. */
function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const substitution = at(previous, j - 1) + (left[i - 1] === right[j - 1] ? 0 : 1);
      let cost = Math.min(at(previous, j) + 1, at(row, j - 1) + 1, substitution);
      const swapped = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      if (swapped) cost = Math.min(cost, at(beforePrevious, j - 2) + 1);
      row.push(cost);
    }
    beforePrevious = previous;
    previous = row;
  }
  return at(previous, right.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
