import { z } from "zod";
import { type BuildInfo, buildInfoSchema } from "../../model/build-info.ts";
import { printable } from "../../model/names.ts";
import type { KeptHashes } from "../../model/release-list.ts";
import { knownBinaryNames } from "../../policy/asset-names.ts";

/**
 * A release's hashes.json, as Nym's build writes it after the files are there. Over time it has been one component, a
 * list and a map of components; a component is of one release, and names its files.
 */

type Content =
  | { state: "read"; binaries: { name: string; sha256: string; details: BuildInfo | null }[] }
  | { state: "unreadable" | "contradictory"; reason: string };

/** More components than any release has; the file is a megabyte at most. */
const MOST_COMPONENTS = 1000;
const LONGEST_DETAIL = 500;

const objectSchema = z.record(z.string(), z.unknown());
const componentSchema = z.looseObject({ tag_name: z.string().nullish(), assets: objectSchema });
/** What the document adds to a build's description is of no use, and one of many kilobytes is none. */
const detailsSchema = z
  .object(buildInfoSchema.shape)
  .refine((details) => Object.values(details).every((value) => value.length <= LONGEST_DETAIL));
const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/i);

/** What it says of the daemon's binaries in the release with that tag. */
export function readHashes(value: unknown, tag: string, daemon: string): Content {
  const components = readComponents(value);
  if (components.length === 0) return { state: "unreadable", reason: "it is neither a component nor a list of them" };
  const own = components.filter(({ tag_name }) => (tag_name ?? tag) === tag);
  if (own.length === 0) {
    const other = printable(components[0]?.tag_name ?? "", 60);
    return { state: "unreadable", reason: `it is of another release (${other})` };
  }
  const binaries = new Map<string, { name: string; sha256: string; details: BuildInfo | null }>();
  const names = [...knownBinaryNames(daemon).values()].flat();
  for (const { assets } of own) {
    for (const name of names) {
      const entry = Object.hasOwn(assets, name) ? objectSchema.safeParse(assets[name]).data : undefined;
      const sha256 = sha256Schema.safeParse(entry?.sha256).data?.toLowerCase();
      if (entry === undefined || sha256 === undefined) continue;
      const known = binaries.get(name);
      if (known !== undefined && known.sha256 !== sha256) {
        const reason = `it names ${known.sha256} and ${sha256} for ${printable(name)}`;
        return { state: "contradictory", reason };
      }
      const details = known?.details ?? detailsSchema.safeParse(entry.details).data ?? null;
      binaries.set(name, { name, sha256, details });
    }
  }
  return { state: "read", binaries: [...binaries.values()] };
}

function readComponents(value: unknown) {
  const whole = componentSchema.safeParse(value);
  if (whole.success) return [whole.data];
  const elements = Array.isArray(value) ? value : Object.values(objectSchema.safeParse(value).data ?? {});
  return elements.slice(0, MOST_COMPONENTS).flatMap((element) => {
    const component = componentSchema.safeParse(element);
    return component.success ? [component.data] : [];
  });
}

/** What is kept under the asset's id. */
export function keptHashes(asset: number, value: unknown, tag: string, daemon: string): KeptHashes {
  return { asset, ...readHashes(value, tag, daemon) };
}
