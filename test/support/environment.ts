import type { Environment } from "../../src/system/environment.ts";
import type { TemporaryHome } from "./temporary-home.ts";

/** What a process is given that a person starts in a home, without a terminal. */
export function environmentIn(home: TemporaryHome, variables: Record<string, string> = {}): Environment {
  return {
    variables: { ...home.env, ...variables },
    homeDirectory: home.path,
    workingDirectory: home.path,
    terminal: { stdin: false, stdout: false, stderr: false },
    colour: { stdout: false, stderr: false },
    journal: false,
    logLevel: "info",
  };
}
