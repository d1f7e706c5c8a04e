import { isatty, type WriteStream } from "node:tty";

/** How text may look where it goes: colours and width. */

/** Turns text into marked text, or leaves it as it is where marks are not wanted. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  accent(text: string): string;
  alarm(text: string): string;
}

/**
 * Standard output or standard error, by name: merely touching the runtime's stream of a pipe makes that pipe non-blocking
 * for everyone who shares it, so the stream is touched only once it is known to be a terminal.
 */
export type Stream = "stdout" | "stderr";

function terminalAt(stream: Stream): WriteStream | undefined {
  return isatty(stream === "stdout" ? 1 : 2) ? process[stream] : undefined;
}

const plain: Style = { bold: asIs, dim: asIs, accent: asIs, alarm: asIs };
const coloured: Style = { bold: sgr(1, 22), dim: sgr(2, 22), accent: sgr(36, 39), alarm: sgr(31, 39) };

/** A line longer than this is hard to read, a shorter one breaks every path. */
const WIDEST = 100;
const NARROWEST = 40;
/** Where there is no terminal to ask, or it does not know. */
const USUAL = 80;

/** Colours only on a terminal that has them, and without `NO_COLOR` (the runtime looks at it, and at `TERM`). */
export function styleFor(stream: Stream): Style {
  return terminalAt(stream)?.hasColors() ? coloured : plain;
}

/** In columns, from 40 to 100. */
export function widthOf(stream: Stream): number {
  const columns = terminalAt(stream)?.columns || USUAL;
  return Math.min(WIDEST, Math.max(NARROWEST, columns));
}

/** "Select Graphic Rendition" of ECMA-48: on before the text, off after it. */
function sgr(on: number, off: number): (text: string) => string {
  return (text) => `\u001b[${on}m${text}\u001b[${off}m`;
}

function asIs(text: string): string {
  return text;
}
