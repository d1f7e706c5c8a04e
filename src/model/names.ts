/**
 * Names that become folders. They come from the network, from a person's command line and from hand-edited files, so
 * each is checked here before any path is built from it.
 */

/** Longest name in bytes; file systems allow 255, and what is written beside a folder needs room for a suffix. */
const LONGEST_NAME = 128;

/** Why `name` may not become a folder, or undefined if it may. */
function objectionToFolderName(name: string): string | undefined {
  if (name === "") return "it is empty";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u.test(name)) return "it holds a control character";
  if (name.includes("/")) return "it holds a slash";
  if (name.startsWith(".")) return "it begins with a dot";
  if (!name.isWellFormed()) return "it is not well-formed Unicode";
  if (new TextEncoder().encode(name).length > LONGEST_NAME) return `it is longer than ${LONGEST_NAME} bytes`;
  return undefined;
}

/** Why an upgrade may not be called `name`, or undefined if it may. */
export function objectionToUpgradeName(name: string): string | undefined {
  if (name === "genesis" || name === "current") return "that name is nymvisor's own";
  return objectionToFolderName(name);
}

/** Why an instance may not have the id `id`, or undefined if it may. */
export function objectionToInstanceId(id: string): string | undefined {
  if (id === "genesis" || id === "current") return "that name is nymvisor's own";
  return objectionToFolderName(id);
}

/** Why a daemon may not be called `name`: it becomes a folder and a file. */
export function objectionToDaemonName(name: string): string | undefined {
  return objectionToFolderName(name);
}

/** A name from outside, fit to be printed on one line of a log or a terminal. */
export function printable(name: string, longest = 160): string {
  const quoted = JSON.stringify(name).slice(1, -1);
  const escaped = quoted
    .replace(/\p{Surrogate}/gu, "\ufffd")
    // What JSON leaves as it is.
    .replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return escaped.length > longest ? `${escaped.slice(0, longest)}…` : escaped;
}
