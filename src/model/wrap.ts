/**
 * Breaks a paragraph into lines of at most `width` columns, `indent` included. A word that is longer than a line stands
 * alone on one: paths and URLs are there to be copied.
 */
export function wrap(text: string, width: number, indent = 0): string[] {
  return wrapWords(text.split(/\s+/), width, indent);
}

/** The same of words that may hold spaces: none of them is broken. */
export function wrapWords(words: readonly string[], width: number, indent = 0): string[] {
  const margin = " ".repeat(indent);
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (word === "") continue;
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && indent + longer.length > width) {
      lines.push(margin + line);
      line = word;
    } else {
      line = longer;
    }
  }
  return line === "" ? lines : [...lines, margin + line];
}
