import { z } from "zod";

/**
 * Ways to judge that a daemon is well, as they are noted with a probation: where to look, so that a later run looks at the
 * same. That the process lives is not among them; it always counts.
 */
export const healthCheckSchema = z.discriminatedUnion("kind", [
  /** Answers 2xx. */
  z.object({ kind: z.literal("url"), url: z.string() }),
  /** Its build information over HTTP names the expected version. */
  z.object({ kind: z.literal("version"), url: z.string() }),
  /** What it reports as its uptime, in seconds, keeps rising. */
  z.object({ kind: z.literal("uptime"), url: z.string() }),
  /** Accepts a TCP connection. */
  z.object({ kind: z.literal("port"), host: z.string(), port: z.number() }),
  /** Exits 0; run by `/bin/sh -c`. */
  z.object({ kind: z.literal("command"), command: z.string() }),
]);

export type HealthCheck = z.infer<typeof healthCheckSchema>;
