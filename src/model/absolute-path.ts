/**
 * A path as a person typed it, made absolute against `base` (itself absolute), without `.`, `..`, doubled or trailing
 * slashes. By its words alone: what a symbolic link on the way means is not asked.
 * @throws {RangeError} that says why the text is no path.
 */
export function absolutePath(text: string, base: string): string {
  if (text === "") throw new RangeError("a path is empty");
  if (text.includes("\0")) throw new RangeError("a path holds a NUL character");
  // What was not UTF-8 arrives with this character in its place, and would name another file.
  if (text.includes("\ufffd") || !text.isWellFormed()) throw new RangeError("a path is not valid UTF-8");
  // In a variable of a systemd unit, or after `=`, no shell has expanded it: a folder called `~` would be made.
  if (text === "~" || text.startsWith("~/")) {
    throw new RangeError("a path begins with ~, which only a shell expands; write the home directory out");
  }
  const parts: string[] = [];
  for (const part of (text.startsWith("/") ? text : `${base}/${text}`).split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}
