/**
 * Names as the kernel has them: bytes, not necessarily UTF-8. They are held in strings of one character a byte
 * ("latin1"), which are compact, sort in byte order and serve as keys of a map.
 */
export type BytePath = string & { readonly unit: "byte" };

/** The bytes of a text, which is what a path in a setting is. */
export function encodePath(text: string): BytePath {
  return asBytePath(Buffer.from(text, "utf8").toString("latin1"));
}

/** A string that was read with the encoding `latin1`. */
export function asBytePath(latin1: string): BytePath {
  return latin1 as BytePath;
}

/** `folder/name`; with an empty folder, just the name. */
export function joinPath(folder: BytePath, name: BytePath): BytePath {
  if (folder === "") return name;
  return asBytePath(folder.endsWith("/") ? folder + name : `${folder}/${name}`);
}

/** What system calls take. */
export function bytesOf(path: BytePath): Buffer {
  return Buffer.from(path, "latin1");
}

/** For people: what is not UTF-8 shows as U+FFFD. */
export function decodePath(path: BytePath): string {
  return bytesOf(path).toString("utf8");
}
