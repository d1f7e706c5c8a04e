import { NymvisorError, reasonOf } from "../model/errors.ts";
import type { Style } from "../system/terminal.ts";

export interface ErrorLook {
  style: Style;
  /** Whether an error that nobody foresaw shows where it came from. */
  debug: boolean;
}

/** What happened, why, and what to type next, each on lines of its own, so that the last one can be copied. */
export function renderError(error: unknown, { style, debug }: ErrorLook): string {
  const { what, why, next } = error instanceof NymvisorError ? error : unforeseen(error, debug);
  const lines = [
    `${style.alarm("error:")} ${style.bold(clean(what))}`,
    ...indented(why),
    ...indented(next).map((line, index) =>
      index === 0 ? `  ${style.accent("try:")} ${line.trimStart()}` : `     ${line}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function unforeseen(error: unknown, debug: boolean): Pick<NymvisorError, "what" | "why" | "next"> {
  const trace = error instanceof Error ? error.stack : undefined;
  return {
    what: `nymvisor has failed in a way that was not foreseen: ${reasonOf(error)}`,
    why: debug ? trace : undefined,
    next: debug
      ? "report this, please, with all that stands above"
      : "the same with NYMVISOR_LOG=debug, and report what it shows, please",
  };
}

function indented(text: string | undefined): string[] {
  return text === undefined ? [] : text.split("\n").map((line) => `  ${clean(line)}`);
}

/** Names and answers from outside end up in messages; none of them may move the cursor or recolour a terminal. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, "\ufffd");
}
