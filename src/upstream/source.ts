import type { UpgradeInfo } from "../model/documents.ts";
import type { Configuration } from "../model/settings.ts";

/** A place where releases are announced; a row of the table in `sources.ts`. */
export interface Source {
  name: string;
  /** The newest upgrade that it announces for the configured daemon; null if it has nothing to say. @throws if it fails. */
  announces(configuration: Configuration, fetchJson: FetchJson): Promise<UpgradeInfo | null>;
}

/** Gets a JSON document of at most `maxBytes`. @throws {HttpError} */
export type FetchJson = (url: string, options: { maxBytes: number }) => Promise<unknown>;
