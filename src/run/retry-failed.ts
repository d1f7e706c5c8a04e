import { NymvisorError } from "../model/errors.ts";
import { printable } from "../model/names.ts";
import { buildLayout, type Layout } from "../model/paths.ts";
import { typed } from "../model/render-wishes.ts";
import { describeFailure, failureOfBytes, forgive, objectionToBytes, wentBackFrom } from "../policy/bad-releases.ts";
import { requireOutcomes, writeOutcomes } from "../upgrade/outcomes.ts";
import { readNote } from "../upgrade/staged.ts";
import { isVersion } from "./known-releases.ts";
import type { ReleaseDesk } from "./release-desk.ts";

/** What did not prove itself before is performed again only where a person says so. */

/** @throws {NymvisorError} if bytes with one of these checksums failed, unless they are to be tried again. */
export function refuseFailed(
  { layout, despiteFailures }: Pick<ReleaseDesk, "layout" | "despiteFailures">,
  name: string,
  checksums: readonly string[],
): void {
  const failure = despiteFailures ? undefined : failureOfBytes(requireOutcomes(layout).outcomes, checksums);
  if (failure === undefined) return;
  throw new NymvisorError({
    what: `${printable(name)} is not performed`,
    why: describeFailure(failure),
    next: `to try these bytes again: nymvisor upgrade ${typed(failure.name)} --retry`,
  });
}

/** Whether this is what other nodes run by now, and this home does not follow: it has gone back from it, or it has failed there. */
export function strayedFrom({ layout, name, build }: ReleaseDesk, word: string | null): boolean {
  if (word !== name && (word === null || !isVersion(build.build_version, word))) return false;
  const { outcomes } = requireOutcomes(layout);
  const bytes = readNote(buildLayout(layout, name))?.sha256;
  const failed = bytes !== undefined && objectionToBytes(outcomes, [bytes]) !== null;
  return failed || wentBackFrom(outcomes, layout.home, name) !== null;
}

/** Durable when it returns. Under the lock. */
export function forgiveFailures(layout: Layout, name: string, checksums: readonly string[]): void {
  const note = readNote(buildLayout(layout, name));
  const known = note === undefined ? checksums : [...checksums, note.sha256];
  const document = requireOutcomes(layout);
  const outcomes = forgive(document.outcomes, { checksums: known, home: layout.home, name });
  if (outcomes !== document.outcomes) writeOutcomes(layout, { ...document, outcomes: [...outcomes] });
}
