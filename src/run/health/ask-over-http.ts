import { z } from "zod";
import { NymvisorError } from "../../model/errors.ts";
import { type RequestOptions, request } from "../../upstream/http.ts";
import { displayUrl } from "../../upstream/http-error.ts";
import { requestJson } from "../../upstream/json.ts";

/** What a daemon says of itself is a few lines; more than this is something else. */
const LONGEST_ANSWER = 64 * 1024;

/**
 * The daemon is on this machine or beside it: no proxy is asked for it, and its word is its own, so no other host's that it
 * redirects to.
 */
function asking(signal: AbortSignal): RequestOptions {
  return { allowHttp: true, environment: {}, mostRedirects: 0, signal };
}

/** Settles once the header of a 2xx answer is there; the body is not waited for. @throws {HttpError} else. */
export async function answers(url: string, signal: AbortSignal): Promise<void> {
  const answer = await request(url, asking(signal));
  answer.discard();
}

const uptimeSchema = z.looseObject({ uptime: z.number().nonnegative() });
const versionSchema = z.looseObject({ build_version: z.string() });

/** In seconds. @throws {HttpError} or {NymvisorError} if it does not say. */
export async function askUptime(url: string, signal: AbortSignal): Promise<number> {
  return (await askFor(uptimeSchema, "uptime", url, signal)).uptime;
}

/** @throws {HttpError} or {NymvisorError} if it does not say. */
export async function askVersion(url: string, signal: AbortSignal): Promise<string> {
  return (await askFor(versionSchema, "build_version", url, signal)).build_version;
}

async function askFor<T>(schema: z.ZodType<T>, name: string, url: string, signal: AbortSignal): Promise<T> {
  const document = await requestJson(url, { ...asking(signal), maxBytes: LONGEST_ANSWER });
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new NymvisorError({ what: `${displayUrl(url)} answered with JSON that holds no ${name}` });
}
