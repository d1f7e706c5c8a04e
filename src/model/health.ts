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

/** What it asks of a node, for people: `answer http://…`. */
export function describeCheck(check: HealthCheck): string {
  switch (check.kind) {
    case "url":
      return `answer ${check.url}`;
    case "version":
      return `name its version at ${check.url}`;
    case "uptime":
      return `count its uptime at ${check.url}`;
    case "port":
      return `take connections at port ${check.port} of ${check.host}`;
    case "command":
      return `pass \`${check.command}\``;
  }
}
