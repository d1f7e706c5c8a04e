import { type ConsolaReporter, createConsola, LogLevels, type LogObject } from "consola/core";
import type { Emit } from "../model/events.ts";
import { type Level, renderEvent } from "../model/render-event.ts";
import type { Environment } from "./environment.ts";
import { drawnProgress, loggedProgress } from "./progress.ts";
import { openStderr, type Sink } from "./stderr.ts";

export interface Log {
  /** Writes an event to standard error before it returns. Never throws, whatever became of standard error. */
  emit: Emit;
  /** Leaves the terminal as a prompt expects it; to be called before the process ends. */
  close(): void;
}

interface LogOptions {
  environment: Pick<Environment, "terminal" | "colour" | "journal" | "logLevel" | "variables">;
  /** `disable_logs`: nothing is written at all. */
  disabled: boolean;
  sink?: Sink;
}

/** The log of this process: events, rendered for whoever reads standard error. */
export function createLog({ environment, disabled, sink = openStderr() }: LogOptions): Log {
  if (disabled) return { emit() {}, close() {} };
  const format = formatFor(environment);
  let lost = 0;
  const reporter: ConsolaReporter = {
    log(record) {
      progress.clear();
      const gap = lost === 0 ? "" : format({ ...record, type: "warn", args: [`lines lost here: ${lost}`] });
      lost = sink.write(`${gap}${format(record)}`) ? 0 : lost + 1;
    },
  };
  // Without its throttle: repeated lines are evidence, and each must be out before the next thing happens.
  const logger = createConsola({
    level: LogLevels[environment.logLevel],
    reporters: [reporter],
    throttle: 0,
    throttleMin: Number.POSITIVE_INFINITY,
  });
  const canDraw = environment.terminal.stderr && environment.variables.TERM !== "dumb";
  const progress = canDraw
    ? drawnProgress({ draw: (text) => void sink.write(text), columns: sink.columns, now: () => performance.now() })
    : loggedProgress((event) => logger.info(renderEvent(event).message));
  return {
    emit(event) {
      if (event.type === "progress") {
        if (logger.level >= LogLevels.info) progress.show(event);
        return;
      }
      const { level, message } = renderEvent(event);
      logger[level](message);
    },
    close: () => progress.clear(),
  };
}

type Format = (record: LogObject) => string;

function formatFor({ terminal, colour, journal }: LogOptions["environment"]): Format {
  if (journal) return journalLine;
  if (terminal.stderr) return colour.stderr ? colouredLine : plainLine;
  return timedLine;
}

/** Priorities of syslog(3), which journald takes from the beginning of a line: sd-daemon(3). */
const PRIORITIES: Readonly<Record<Level, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

function journalLine(record: LogObject): string {
  return `<${PRIORITIES[levelOf(record)]}>nymvisor: ${messageOf(record)}\n`;
}

/** The time is RFC 3339 in UTC. `nymvisor:` tells its lines from the daemon's, which go to the same file. */
function timedLine(record: LogObject): string {
  const level = levelOf(record).toUpperCase().padEnd(5);
  return `${record.date.toISOString()} ${level} nymvisor: ${messageOf(record)}\n`;
}

const MARKS: Readonly<Record<Level, string>> = { error: "error: ", warn: "warning: ", info: "", debug: "debug: " };

function plainLine(record: LogObject): string {
  return `nymvisor: ${MARKS[levelOf(record)]}${messageOf(record)}\n`;
}

/** "Select Graphic Rendition" of ECMA-48: red, yellow, cyan, faint. */
const COLOURS: Readonly<Record<Level, number>> = { error: 31, warn: 33, info: 36, debug: 2 };

function colouredLine(record: LogObject): string {
  const level = levelOf(record);
  const mark = `nymvisor: ${MARKS[level]}`.trimEnd();
  return `\u001b[${COLOURS[level]}m${mark}\u001b[0m ${messageOf(record)}\n`;
}

function levelOf({ type }: LogObject): Level {
  return type === "error" || type === "warn" || type === "debug" ? type : "info";
}

/** One line, and nothing in it that a terminal or a parser of lines would obey. */
function messageOf({ args }: LogObject): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  return args.join(" ").replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    if (character === "\n") return "\\n";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
