import { printable } from "../../model/names.ts";
import { decodePath } from "./byte-path.ts";
import { DamagedArchive } from "./damaged.ts";
import {
  BETWEEN,
  CLOSING,
  decodeHead,
  headLine,
  type LeftOutEntry,
  type ManifestEntry,
  type ManifestHead,
  manifestLine,
  nameIn,
  OPENING,
  parseLeftOut,
} from "./manifest.ts";

/**
 * Compares an archive with its manifest, which comes last, without keeping either: each entry that is read becomes the
 * line that the manifest must have for it, and only hashes of the lines are kept. SHA-256 over all of them decides; eight
 * bytes a line are enough to say which one is to blame.
 */
export class ManifestCheck {
  readonly #expected = new Bun.CryptoHasher("sha256");
  readonly #found = new Bun.CryptoHasher("sha256");
  #hints = new BigUint64Array(1024);
  #entries = 0;
  #lines = 0;
  #firstDifference: string | undefined;
  #rest = "";
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #state: "head" | "opening" | "entries" | "left out" | "closed" = "head";
  head: ManifestHead | undefined;
  readonly leftOut: LeftOutEntry[] = [];

  /** An entry as the archive has it. */
  entry(entry: ManifestEntry): void {
    const line = manifestLine(entry);
    this.#expected.update(`${line}\n`);
    if (this.#entries === this.#hints.length) {
      const grown = new BigUint64Array(this.#hints.length * 2);
      grown.set(this.#hints);
      this.#hints = grown;
    }
    this.#hints[this.#entries] = hint(line);
    this.#entries += 1;
  }

  /** A part of the manifest. @throws {DamagedArchive} for what is none. */
  manifest(part: Uint8Array): void {
    let text: string;
    try {
      text = this.#rest + this.#decoder.decode(part, { stream: true });
    } catch (error) {
      throw broken(error);
    }
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      this.#line(text.slice(start, end));
      start = end + 1;
    }
    this.#rest = text.slice(start);
  }

  /** That the manifest was all there, and that the archive is what it says. @throws {DamagedArchive} */
  finish(): ManifestHead {
    if (this.#state !== "closed" || this.#rest !== "" || this.head === undefined) throw broken();
    if (this.#entries !== this.#lines) {
      this.#firstDifference ??= "the last ones";
      throw new DamagedArchive(
        `it holds ${this.#entries} entries, and its manifest names ${this.#lines}; they differ from ${this.#firstDifference} on`,
      );
    }
    if (this.#expected.digest("hex") !== this.#found.digest("hex")) {
      throw new DamagedArchive(`${this.#firstDifference ?? "an entry"} is not what the manifest says it was`);
    }
    return this.head;
  }

  #line(line: string): void {
    switch (this.#state) {
      case "head": {
        const head = line.startsWith('{"head":') && line.endsWith(",") ? decodeHead(line.slice(8, -1)) : undefined;
        if (head === undefined || headLine(head) !== line) throw broken();
        this.head = head;
        this.#state = "opening";
        return;
      }
      case "opening":
        if (line !== OPENING) throw broken();
        this.#state = "entries";
        return;
      case "entries":
        if (line === BETWEEN) this.#state = "left out";
        else this.#entryLine(line.endsWith(",") ? line.slice(0, -1) : line);
        return;
      case "left out":
        if (line === CLOSING) this.#state = "closed";
        else this.leftOut.push(read(line.endsWith(",") ? line.slice(0, -1) : line, parseLeftOut));
        return;
      case "closed":
        throw broken();
    }
  }

  #entryLine(line: string): void {
    this.#found.update(`${line}\n`);
    const known = this.#lines < this.#entries ? this.#hints[this.#lines] : undefined;
    if (known !== hint(line)) this.#firstDifference ??= printable(decodePath(read(line, nameIn)));
    this.#lines += 1;
  }
}

function hint(line: string): bigint {
  return BigInt.asUintN(64, BigInt(Bun.hash(line)));
}

function read<T>(line: string, parse: (line: string) => T): T {
  try {
    return parse(line);
  } catch (error) {
    throw broken(error);
  }
}

function broken(cause?: unknown): DamagedArchive {
  return new DamagedArchive("its manifest is broken", cause);
}
