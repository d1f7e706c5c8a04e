/** What changed in a home between the last round and the stop: the simulated log beside the tree of a copy. */
export type Change =
  | { is: "file"; name: string; contents: string }
  /** Its contents are in a file of their own, beside the log. */
  | { is: "stored"; name: string; stored: string }
  | { is: "removed"; name: string };

export function encodeLog(changes: readonly Change[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(changes));
}

/** @param size of what counts: the file has room for more. Undefined if it is damaged. */
export function decodeLog(bytes: Uint8Array, size: number): Change[] | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes.subarray(0, size))) as Change[];
  } catch {
    return undefined;
  }
}

export function encodeContents(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

export function decodeContents(text: string): Uint8Array {
  return Buffer.from(text, "base64");
}
