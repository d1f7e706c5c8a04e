import { dirname } from "node:path";
import type { ProcessDisk } from "./disk.ts";
import { isDocument, kindOf } from "./files.ts";

const MISSING = "missing";

interface Versions {
  /** Fingerprints of contents, those that a loss of power may leave, the oldest first; `missing` is one too. */
  possible: string[];
  /** Somebody else's hand was in it: it may be anything until nymvisor has replaced it durably. */
  foreign: boolean;
}

/** What each document may be: by the writes that nymvisor has finished, and those that it has made durable. */
export class DocumentLedger {
  readonly #versions = new Map<string, Versions>();

  /** @param report is told what is wrong. */
  constructor(
    private readonly observer: () => ProcessDisk,
    private readonly report: (what: string) => void,
  ) {}

  /** A document was given its final name, or has lost it. */
  changed(path: string): void {
    const kind = kindOf(path);
    if (!isDocument(kind) || path.includes(".tmp-")) return;
    const fingerprint = this.#look(path);
    if (fingerprint !== MISSING && !isWhole(this.observer().readFileSync(path))) this.report(`${path} is torn`);
    this.#of(path).possible.push(fingerprint);
  }

  /** The names in a folder are durable. */
  folderSynced(folder: string): void {
    for (const [path, versions] of this.#versions) {
      if (dirname(path) !== folder || versions.possible.length === 0) continue;
      versions.possible.splice(0, versions.possible.length - 1);
      versions.foreign = false;
    }
  }

  /** A person's hand: whatever comes of it is theirs. */
  touched(path: string): void {
    const versions = this.#of(path);
    versions.foreign = true;
    versions.possible = [];
  }

  isForeign(path: string): boolean {
    return this.#versions.get(path)?.foreign ?? false;
  }

  /** How a world begins: what is there is durable. */
  begin(path: string): void {
    this.#versions.set(path, { possible: [this.#look(path)], foreign: false });
  }

  /** After a loss of power, before anything else is done. */
  check(): void {
    for (const [path, versions] of this.#versions) {
      const found = this.#look(path);
      if (!versions.foreign && !versions.possible.includes(found)) {
        const what = found === MISSING ? "is missing" : "is none of its versions";
        this.report(`after a loss of power ${path} ${what}`);
      }
      versions.possible = [found];
    }
  }

  #of(path: string): Versions {
    let versions = this.#versions.get(path);
    if (versions === undefined) {
      versions = { possible: [MISSING], foreign: false };
      this.#versions.set(path, versions);
    }
    return versions;
  }

  #look(path: string): string {
    const observer = this.observer();
    if (!observer.existsSync(path)) return MISSING;
    const bytes = observer.readFileSync(path);
    return `${bytes.length}-${Bun.hash.crc32(bytes)}`;
  }
}

function isWhole(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder().decode(bytes));
    return true;
  } catch {
    return false;
  }
}
