import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Violation } from "./violation.ts";

/** The fields that a document cannot be without, by its file's name. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  "upgrade-plan.json": ["current", "queuedUp"],
  "upgrade-history.json": ["history"],
  "upgrade-info.json": ["name", "version", "upgradeTime"],
  "staged.json": ["sha256", "identity"],
  "current-version-info.json": ["name", "version", "binaryDetails"],
  "journal.json": ["state", "kind", "to"],
  "upgrade-status.json": ["upgrades", "refused"],
  "daemon.json": ["state", "bootId"],
  "upgrade-outcomes.json": ["outcomes"],
  "operator.json": ["goBack"],
  "probation.json": ["name", "from", "progress"],
  "way-back.json": ["state", "from", "to"],
};

/** A document that is read again and again, and must be whole each time. */
export class WatchedDocument {
  private bytes: Buffer | undefined;
  private value: Record<string, unknown> | undefined;

  /** @param stays whether it must never be missing again, once it was there */
  constructor(
    readonly path: string,
    private readonly stays: boolean,
  ) {}

  /**
   * Reads it; `changed` tells whether its bytes are others than the last time.
   * @throws {Violation} if it is torn, or gone.
   */
  read(): { value: Record<string, unknown> | undefined; changed: boolean } {
    const bytes = this.readBytes();
    if (bytes === undefined) {
      const changed = this.value !== undefined;
      this.value = undefined;
      return { value: undefined, changed };
    }
    if (this.value !== undefined && this.bytes?.equals(bytes)) return { value: this.value, changed: false };
    this.bytes = bytes;
    this.value = this.parse(bytes);
    return { value: this.value, changed: true };
  }

  private readBytes(): Buffer | undefined {
    try {
      return readFileSync(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      if (this.stays && this.bytes !== undefined) throw new Violation("documents", `${this.path} is gone`);
      return undefined;
    }
  }

  private parse(bytes: Buffer): Record<string, unknown> {
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString("utf8"));
    } catch {
      throw new Violation(
        "documents",
        `${this.path} is no JSON: ${JSON.stringify(bytes.toString("utf8").slice(0, 200))}`,
      );
    }
    const fields = REQUIRED[basename(this.path)] ?? [];
    const missing = fields.filter((field) => typeof value !== "object" || value === null || !(field in value));
    if (missing.length > 0) throw new Violation("documents", `${this.path} has no ${missing.join(", ")}`);
    return value as Record<string, unknown>;
  }
}
