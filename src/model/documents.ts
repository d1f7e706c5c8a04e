import { z } from "zod";
import { buildInfoSchema } from "./build-info.ts";
import { type Duration, formatDuration, parseDuration } from "./duration.ts";
import { formatInstant, parseInstant } from "./instant.ts";

/**
 * The JSON documents that nymvisor shares with the Rust program. Each schema is a codec: `parse`
 * turns what was read into values, `encode` turns them back, in the golden order of keys. Unknown fields survive both.
 */

/** An RFC 3339 datetime in the document, whole nanoseconds since the epoch in the program. */
export const instantSchema = z.codec(z.string(), z.bigint(), {
  decode: (text, context) => {
    try {
      return parseInstant(text);
    } catch (error) {
      context.issues.push({ code: "custom", message: (error as RangeError).message, input: text });
      return z.NEVER;
    }
  },
  encode: formatInstant,
});

/** A length of time, as `1m 30s` in the document. */
export const durationSchema = z.codec(z.string(), z.bigint(), {
  decode: (text, context): Duration => {
    try {
      return parseDuration(text);
    } catch (error) {
      context.issues.push({ code: "custom", message: (error as RangeError).message, input: text });
      return z.NEVER;
    }
  },
  encode: formatDuration,
});

/**
 * Where the binary of one platform is. Lenient on purpose: what is announced for other machines must not hide what is
 * announced for this one, so the entry is judged when it is used (`policy/choose-binary.ts`).
 */
export const platformSchema = z.looseObject({
  checksum: z.string().nullish(),
  checksumAlgorithm: z.string().nullish(),
  url: z.string(),
});

export const upgradeInfoSchema = z.looseObject({
  manual: z.boolean().default(false),
  name: z.string(),
  notes: z.string().default(""),
  publishDate: instantSchema.nullable().default(null),
  version: z.string(),
  platforms: z.record(z.string(), z.unknown()).default({}),
  upgradeTime: instantSchema,
  binaryDetails: buildInfoSchema.nullable().default(null),
});

export const planSchema = z.looseObject({
  current: upgradeInfoSchema,
  queuedUp: z.array(upgradeInfoSchema).default([]),
});

export const historySchema = z.looseObject({
  history: z.array(z.looseObject({ performedAt: instantSchema, info: upgradeInfoSchema })),
});

/** `current-version-info.json`: what this daemon home was last brought onto. */
export const versionRecordSchema = z.looseObject({
  name: z.string(),
  version: z.string(),
  upgradeTime: instantSchema,
  binaryDetails: buildInfoSchema,
});

export type UpgradeInfo = z.infer<typeof upgradeInfoSchema>;
export type Plan = z.infer<typeof planSchema>;
export type History = z.infer<typeof historySchema>;
export type VersionRecord = z.infer<typeof versionRecordSchema>;

/** What a document must look like, for reading and for writing. */
export type DocumentSchema<T> = z.ZodType<T, unknown>;

/** Two spaces, no newline at the end, unknown fields kept: byte for byte what the Rust program writes. */
export function encodeDocument<T>(schema: DocumentSchema<T>, value: T): string {
  return JSON.stringify(z.encode(schema, value), null, 2);
}

/** One line that says what is wrong with a document: `queuedUp.0.name: expected string`. */
export function describeIssues(error: z.ZodError, most = 3): string {
  const lines = error.issues.map(
    (issue) => `${issue.path.length === 0 ? "it" : issue.path.join(".")}: ${issue.message}`,
  );
  const shown = lines.slice(0, most).join("; ");
  return lines.length > most ? `${shown}; and ${lines.length - most} more` : shown;
}
