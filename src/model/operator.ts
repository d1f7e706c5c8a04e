import { z } from "zod";
import { instantSchema } from "./documents.ts";

/**
 * `operator.json`, beside the plan: what people have said about upgrades by command. All instances that share the plan go
 * by it. What is set in a configuration is not in it.
 */
export const operatorSchema = z.looseObject({
  /** Releases that are passed over, whatever becomes of them. */
  skipped: z
    .array(
      z.looseObject({
        name: z.string(),
        since: instantSchema,
        /** By `nymvisor skip`, or by being taken out of the plan. */
        by: z.enum(["command", "plan"]),
      }),
    )
    .default([]),
  /** The one release, by name or version, that may be moved to; null: every one. */
  pin: z.looseObject({ release: z.string(), since: instantSchema }).nullable().default(null),
  /** Nothing is performed; `until` null: until `nymvisor resume`. `why`: what nymvisor itself holds for; else a person does. */
  hold: z
    .looseObject({ since: instantSchema, until: instantSchema.nullable(), why: z.string().nullable().optional() })
    .nullable()
    .default(null),
  /** Ways back that people have ordered, one for each home at most, until they have been taken. */
  goBack: z
    .array(
      z.looseObject({
        /** The daemon's home that it is about. */
        home: z.string(),
        /** The build that the home goes back to. */
        to: z.string(),
        /** What the home is put back from: a copy, an archive, or what an earlier way back has kept; null: the binary alone. */
        saved: z.string().nullable(),
        since: instantSchema,
      }),
    )
    .default([]),
  /** Entries of the plan whose time a person has named by command: neither age, window, skip nor pin counts for them. */
  orders: z
    .array(
      z.looseObject({
        name: z.string(),
        since: instantSchema,
        /** Performed during a hold as well: `add-upgrade --now`. */
        despiteHold: z.boolean(),
        /** Performed also if a higher version runs by then. */
        downgrade: z.boolean().default(true),
        /** The announced checksums that it is about: other bytes were not ordered. Null: whatever is brought. */
        checksums: z.array(z.string()).nullable().default(null),
      }),
    )
    .default([]),
});

export type Operator = z.infer<typeof operatorSchema>;
export type Order = Operator["orders"][number];

/** Nobody has said anything. */
export const NO_WISHES: Operator = operatorSchema.parse({});
