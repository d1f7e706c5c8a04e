import { formatBytes } from "../model/bytes.ts";
import type { NymvisorEvent } from "../model/events.ts";
import { printable } from "../model/names.ts";
import { percentage } from "../model/render-event.ts";

export type ProgressEvent = Extract<NymvisorEvent, { type: "progress" }>;

/** How far something is, while it goes on. */
export interface Progress {
  show(event: ProgressEvent): void;
  /** Takes away what is drawn, so that a line can be written in its place. */
  clear(): void;
}

const REDRAW_MS = 100;
const WIDEST_BAR = 30;
const NARROWEST_BAR = 5;

interface Screen {
  draw(text: string): void;
  columns(): number;
  /** Monotonic, in milliseconds. */
  now(): number;
}

/** A bar that is redrawn in its line, at most ten times a second. What is done stays on the screen. */
export function drawnProgress({ draw, columns, now }: Screen): Progress {
  let drawnAt = Number.NEGATIVE_INFINITY;
  let visible = false;
  /** What the last line on the screen says is done: to hear it twice is not news. */
  let told = "";
  const clear = () => {
    // CR, and "erase in line" of ECMA-48.
    if (visible) draw("\r\u001b[K");
    visible = false;
  };
  return {
    show(event) {
      const key = `${event.task} ${event.name}`;
      const finished = event.total !== null && event.done >= event.total;
      if (finished ? told === key : visible && now() - drawnAt < REDRAW_MS) return;
      drawnAt = now();
      clear();
      draw(`${renderBar(event, columns())}${finished ? "\n" : ""}`);
      visible = !finished;
      told = finished ? key : "";
    },
    clear,
  };
}

/** One line that is shorter than the terminal, so that it never wraps. */
export function renderBar({ task, name, done, total }: ProgressEvent, columns: number): string {
  const width = Math.max(1, columns - 1);
  const label = `${task} ${printable(name)}`;
  if (total === null || total <= 0) return cut(`${label}  ${formatBytes(done)}`, width);
  const percents = `${String(percentage(done, total)).padStart(3)} %`;
  const amount = `${formatBytes(done)} of ${formatBytes(total)}`;
  const room = Math.min(WIDEST_BAR, width - Bun.stringWidth(`${label}  []  ${percents}  ${amount}`));
  if (room < NARROWEST_BAR) return cut(`${percents}  ${label}`, width);
  const filled = Math.floor((room * percentage(done, total)) / 100);
  return `${label}  [${"#".repeat(filled)}${"-".repeat(room - filled)}]  ${percents}  ${amount}`;
}

function cut(text: string, width: number): string {
  const sliced = Bun.sliceAnsi(text, 0, width);
  // A character of two columns may stand across the edge.
  return Bun.stringWidth(sliced) > width ? Bun.sliceAnsi(text, 0, width - 1) : sliced;
}

const STEP_PERCENTS = 10;
const STEP_BYTES = 50 * 1024 * 1024;

/** One line for each ten percents, or for each 50 MiB of an unknown whole. */
export function loggedProgress(log: (event: ProgressEvent) => void): Progress {
  const reached = new Map<string, number>();
  return {
    show(event) {
      const { task, name, done, total } = event;
      const isKnown = total !== null && total > 0;
      const step = Math.floor(isKnown ? percentage(done, total) / STEP_PERCENTS : done / STEP_BYTES);
      const key = `${task} ${name}`;
      if (step > (reached.get(key) ?? 0)) log(event);
      // Fewer than before: it began anew.
      reached.set(key, step);
    },
    clear() {},
  };
}
