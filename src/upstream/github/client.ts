import { NymvisorError } from "../../model/errors.ts";
import type { Instant } from "../../model/instant.ts";
import type { ReleaseListSubject } from "../../model/release-list.ts";
import type { RequestOptions } from "../http.ts";
import { displayUrl, HttpError } from "../http-error.ts";
import { askForJson, type JsonAnswer } from "../json.ts";
import { isWaiting, waitUntil } from "./rate-limit.ts";

/** How to reach the API, and in whose name. */
export interface GithubOptions
  extends Pick<RequestOptions, "environment" | "signal" | "limits" | "certificateAuthority"> {
  /** Whose releases, and what the list is reduced to. */
  subject: ReleaseListSubject;
  /** Sent to the API's own scheme, host and port, and nowhere else; null: none. */
  token: string | null;
  /** By the wall clock. */
  now: Instant;
}

/** The promised limit of a page, after decompression; real ones have one to three mebibytes. */
const LONGEST_PAGE = 16 << 20;

/** The form of the answers that `read-page.ts` reads: docs.github.com/en/rest/about-the-rest-api/api-versions. */
const API_HEADERS = { Accept: "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28" };

/** Asks the API in one go of questions: it remembers a token that was refused, and how long it is to be left alone. */
export class GithubClient {
  /** Why the token is not sent (again), for a person; null: it is. */
  tokenObjection: string | null = null;
  /** Until when the API wants to be left alone, as its last answer says; null: it does not mind. */
  waitUntil: Instant | null = null;

  constructor(private readonly options: GithubOptions) {
    // The runtime would refuse such a header with a message that holds it.
    const isUsable = options.token === null || /^[\x21-\x7e]+$/.test(options.token);
    if (!isUsable) this.tokenObjection = "it is empty, or holds what no token holds, such as a space or a line's end";
  }

  /** Whether plain http will do: only where the operator's own address of the API is http. */
  get allowHttp(): boolean {
    return URL.parse(this.options.subject.apiUrl)?.protocol === "http:";
  }

  /** The first page of the list of releases, a hundred at a time, which is the most. */
  get firstPage(): string {
    const { apiUrl, repository } = this.options.subject;
    const path = repository.split("/").map(encodeURIComponent).join("/");
    return `${apiUrl.replace(/\/+$/, "")}/repos/${path}/releases?per_page=100`;
  }

  /**
   * A page, unless it is still what `etag` names.
   * @throws {HttpError}
   * @throws {NymvisorError} if the last answer asked for silence; nothing is sent then.
   * @throws the signal's reason.
   */
  async page(url: string, etag: string | null): Promise<JsonAnswer> {
    const { token, now } = this.options;
    if (isWaiting(this.waitUntil, now)) {
      throw new NymvisorError({
        what: `${displayUrl(url)} is not asked for now`,
        why: "GitHub answered the question before, and said that it was the last one for the time being",
      });
    }
    const isOwn = URL.parse(url)?.origin === URL.parse(this.options.subject.apiUrl)?.origin;
    if (token !== null && isOwn && this.tokenObjection === null) {
      try {
        return await this.ask(url, etag, { Authorization: `Bearer ${token}` });
      } catch (error) {
        if (!(error instanceof HttpError) || error.status !== 401) throw error;
        this.tokenObjection = "GitHub refuses it (401)";
        this.waitUntil = null;
      }
    }
    return this.ask(url, etag, {});
  }

  /**
   * A JSON document that the API names the address of, at most `maxBytes` long; wherever it is, it gets no token.
   * @throws {HttpError} @throws the signal's reason.
   */
  async document(url: string, options: { maxBytes: number; deadline: number }): Promise<unknown> {
    const { subject, environment, signal } = this.options;
    const answer = await askForJson(url, {
      ...this.connection(),
      ...options,
      environment,
      signal,
      allowHttp: this.allowHttp,
      namedBy: subject.apiUrl,
    });
    return answer.modified ? answer.value : undefined;
  }

  private async ask(url: string, etag: string | null, authorization: Record<string, string>): Promise<JsonAnswer> {
    const { environment, signal, now } = this.options;
    const condition = etag === null ? {} : { "If-None-Match": etag };
    try {
      const answer = await askForJson(url, {
        ...this.connection(),
        environment,
        signal,
        allowHttp: this.allowHttp,
        maxBytes: LONGEST_PAGE,
        headers: { ...API_HEADERS, ...condition, ...authorization },
      });
      this.waitUntil = waitUntil(200, answer.headers, now);
      return answer;
    } catch (error) {
      if (error instanceof HttpError) this.waitUntil = waitUntil(error.status, error.headers, now);
      throw error;
    }
  }

  private connection() {
    const { limits, certificateAuthority } = this.options;
    return {
      ...(limits === undefined ? {} : { limits }),
      ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
    };
  }
}
