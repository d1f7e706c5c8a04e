import { z } from "zod";
import { durationSchema, instantSchema } from "./documents.ts";

/**
 * `upgrade-outcomes.json`, beside the plan: what became of each switch that a node made, for every instance that shares
 * the plan. The history says what was performed, in the form that the Rust program knows; this says how it went.
 */

/** What is known of a build that a node was switched to. */
export const OUTCOME_STATES = [
  /** It runs, and has not proven itself yet. */
  "on-probation",
  "passed",
  /** It did not prove itself, and the node was put back on what ran before, with its data unless that says otherwise. */
  "rolled-back",
  /** It did not prove itself, and stays: there was no way back, or none was wanted. */
  "failed",
  /** The node was moved to another build before there was a verdict. */
  "left",
] as const;

export type OutcomeState = (typeof OUTCOME_STATES)[number];

export const outcomeSchema = z.looseObject({
  /** When `current`, or this home, was moved: as in the history. */
  performedAt: instantSchema,
  /** "forward": `current` had been moved by another node; "rollback": a person went back to it. */
  kind: z.enum(["upgrade", "forward", "rollback"]),
  /** Of the build that was switched to. */
  name: z.string(),
  version: z.string(),
  /** Of its binary, in hex; null where nobody knows. */
  sha256: z.string().nullable().default(null),
  /** The daemon's home that it is about. */
  home: z.string(),
  /** The build that the home was on before. */
  from: z.string(),
  fromVersion: z.string().nullable().default(null),
  state: z.enum(OUTCOME_STATES),
  /** Why it failed, or was gone back from. */
  why: z.string().nullable().default(null),
  /** When the state became what it is. */
  decidedAt: instantSchema.nullable().default(null),
  /** Between the end of the old process and the start of the new one, as 1s 204ms; null where that was not seen. */
  downtime: durationSchema.nullable().default(null),
  /** Where the home lies as it was before: the copy or the archive; null: it was not saved. */
  backup: z.string().nullable().default(null),
  /** What went back: the data too, the binary alone, or nothing yet. */
  wentBack: z.enum(["with-data", "without-data"]).nullable().default(null),
  /** Where what the new version had made of the home was put. */
  kept: z.string().nullable().default(null),
  /** A person ordered the way back, so that it says nothing about the release. */
  byHand: z.boolean().default(false),
  /** A person wants it tried again: it does not count as bad any more. */
  forgiven: z.boolean().default(false),
});

export const outcomesSchema = z.looseObject({ outcomes: z.array(outcomeSchema).default([]) });

export type Outcome = z.infer<typeof outcomeSchema>;
export type Outcomes = z.infer<typeof outcomesSchema>;

export const NO_OUTCOMES: Outcomes = outcomesSchema.parse({});

/** What nobody knows of a switch yet. */
export const UNDECIDED = {
  why: null,
  decidedAt: null,
  downtime: null,
  backup: null,
  wentBack: null,
  kept: null,
  byHand: false,
  forgiven: false,
} as const satisfies Partial<Outcome>;
