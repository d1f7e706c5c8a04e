import { gzipSync } from "node:zlib";
import { fileResponder } from "./file-responder.ts";
import { downloadPath, type GithubRelease, releaseJson } from "./github-model.ts";
import type { Certificate } from "./http-connection.ts";
import { type Exchange, type ReceivedRequest, type Responder, startReleaseServer } from "./release-server.ts";
import { answerWith, head, redirectTo } from "./responders.ts";

/**
 * GitHub's API for one repository on 127.0.0.1: the list of its releases with pages, conditional questions and limits, and
 * the files, whose downloads are redirected to another origin.
 *
 * Flow: `startGithubServer`, put releases into `releases` (they may be changed at any time), point nymvisor's
 * `github.api_url` at `url`, await `nextQuestion`, `close`. The ways to misbehave are the fields below, and the `json` of
 * what is listed.
 */
export interface GithubServer extends Misbehaviour {
  /** The API: `http://127.0.0.1:<port>`. */
  url: string;
  /** The origin where files are in the end. */
  filesUrl: string;
  /** Where the pages after the first are. */
  listPath: string;
  /** In any order: the list is ordered by the dates of commits, as GitHub's is. */
  releases: GithubRelease[];
  /** Every question for the list, oldest first. */
  questions: readonly Question[];
  /** Every request for a file or its redirect, oldest first. */
  downloads: readonly ReceivedRequest[];
  /** The oldest question that was not returned yet; waits for one if there is none. */
  nextQuestion(): Promise<Question>;
  close(): void;
}

interface Misbehaviour {
  /** The tokens that are known; any other is answered 401. */
  tokens: Set<string>;
  /** How many questions are left until `reset` (seconds since 1970). A 304 counts too, unless a token came with it. */
  limit: { remaining: number; reset: number } | null;
  /** Answers every question with 429 and this `Retry-After`. */
  retryAfter: string | null;
  /** What the repository was called before: its list is redirected from there. */
  formerName: string | null;
  /** At most this many on a page, whatever is asked for. */
  mostOnPage: number;
  /** What answers in place of a page, which is counted from 1. */
  answerPage: ((page: number) => Responder | undefined) | null;
  /** The address that a page says the next one has, in place of the truth. */
  nextPage: ((page: number) => string) | null;
  /** What answers for a file in place of its content, by its name. */
  files: Map<string, Responder>;
  /** Which origin downloads are redirected to, in place of `filesUrl`. */
  redirectFilesTo: string | null;
}

export interface Question {
  /** From 1. */
  page: number;
  request: ReceivedRequest;
  /** Of the answer; null where `answerPage` gave it. */
  status: number | null;
}

export interface GithubServerOptions {
  /** Default `nymtech/nym`. */
  repository?: string;
  /** Milliseconds since 1970, for the dates of answers. */
  now?: () => number;
  /** Serves https with this certificate. */
  certificate?: Certificate;
}

/** What pages lead to each other by, so that a repository may be renamed. */
const LIST_PATH = "/repositories/232104352/releases";

export async function startGithubServer(options: GithubServerOptions = {}): Promise<GithubServer> {
  const { repository = "nymtech/nym", now = Date.now, certificate } = options;
  const questions: Question[] = [];
  const returned = { count: 0, wake: Promise.withResolvers<void>() };
  const secure = certificate === undefined ? {} : { certificate };

  const files = await startReleaseServer({ ...secure, otherwise: (exchange) => answerFile(exchange) });
  const api = await startReleaseServer({ ...secure, otherwise: (exchange) => answerApi(exchange) });

  const server: GithubServer = {
    url: api.url,
    filesUrl: files.url,
    listPath: LIST_PATH,
    releases: [],
    questions,
    get downloads() {
      return [...api.requests.filter(({ path }) => path.includes("/releases/download/")), ...files.requests];
    },
    tokens: new Set(),
    limit: null,
    retryAfter: null,
    formerName: null,
    mostOnPage: 100,
    answerPage: null,
    nextPage: null,
    files: new Map(),
    redirectFilesTo: null,
    async nextQuestion() {
      for (;;) {
        const question = questions[returned.count];
        if (question !== undefined) {
          returned.count += 1;
          return question;
        }
        await returned.wake.promise;
      }
    },
    close() {
      api.close();
      files.close();
    },
  };

  function answerApi(exchange: Exchange): Promise<void> | void {
    const { request } = exchange;
    // GitHub answers this way to whoever does not say who asks.
    if (request.headers["user-agent"] === undefined) return answerWith(403, "who are you?")(exchange);
    if (request.path.includes("/releases/download/")) {
      return redirectTo((server.redirectFilesTo ?? files.url) + request.target)(exchange);
    }
    const url = new URL(request.target, api.url);
    if (server.formerName !== null && url.pathname === `/repos/${server.formerName}/releases`) {
      return redirectTo(`${api.url}${LIST_PATH}${url.search}`, 301)(exchange);
    }
    if (url.pathname !== `/repos/${repository}/releases` && url.pathname !== LIST_PATH) {
      return answerWith(404, '{"message":"Not Found"}')(exchange);
    }
    return answerList(exchange, url);
  }

  async function answerList(exchange: Exchange, url: URL): Promise<void> {
    const page = Number(url.searchParams.get("page") ?? 1);
    const answer = server.answerPage?.(page);
    const question: Question = { page, request: exchange.request, status: null };
    if (answer === undefined) {
      const { status, headers, body } = listAnswer(exchange.request, url, page);
      question.status = status;
      await exchange.connection.write(head(status, { ...headers, "Content-Length": `${body.length}` }));
      await exchange.writeBody(body);
    }
    questions.push(question);
    returned.wake.resolve();
    returned.wake = Promise.withResolvers();
    await answer?.(exchange);
  }

  function listAnswer({ headers: asked }: ReceivedRequest, url: URL, page: number): ListAnswer {
    const date = { Date: new Date(now()).toUTCString(), "Content-Type": "application/json; charset=utf-8" };
    const refuse = (status: number, message: string, headers: Record<string, string> = {}): ListAnswer => {
      return { status, headers: { ...date, ...headers }, body: new TextEncoder().encode(JSON.stringify({ message })) };
    };
    const token = /^Bearer (.+)$/.exec(asked.authorization ?? "")?.[1];
    if (token !== undefined && !server.tokens.has(token)) return refuse(401, "Bad credentials");
    if (server.retryAfter !== null) return refuse(429, "slow down", { "Retry-After": server.retryAfter });
    if (server.limit?.remaining === 0) return refuse(403, "API rate limit exceeded", limitHeaders());
    const { elements, next } = pageOf(url, page);
    const plain = new TextEncoder().encode(JSON.stringify(elements));
    const etag = `W/"${new Bun.CryptoHasher("sha256")
      .update(plain)
      .update(token ?? "")
      .digest("hex")}"`;
    const unchanged = asked["if-none-match"] === etag;
    if (server.limit !== null && !(unchanged && token !== undefined)) server.limit.remaining -= 1;
    const headers = { ...date, ...limitHeaders(), ETag: etag, ...(next === null ? {} : { Link: next }) };
    if (unchanged) return { status: 304, headers, body: new Uint8Array() };
    if (!/\bgzip\b/.test(asked["accept-encoding"] ?? "")) return { status: 200, headers, body: plain };
    return { status: 200, headers: { ...headers, "Content-Encoding": "gzip" }, body: gzipSync(plain) };
  }

  function pageOf(url: URL, page: number): { elements: unknown[]; next: string | null } {
    const asked = Number(url.searchParams.get("per_page") ?? 30);
    const size = Math.min(asked, 100, server.mostOnPage);
    const ordered = server.releases.toSorted((left, right) => Date.parse(right.createdAt) - Date.parse(left.createdAt));
    const elements = ordered.slice((page - 1) * size, page * size);
    const json = elements.map((release) => releaseJson(release, { web: api.url, repository }));
    const last = Math.ceil(ordered.length / size);
    const target = (number: number) => `<${api.url}${LIST_PATH}?per_page=${asked}&page=${number}>`;
    if (server.nextPage !== null) return { elements: json, next: `<${server.nextPage(page)}>; rel="next"` };
    if (page >= last) return { elements: json, next: page === 1 ? null : `${target(1)}; rel="first"` };
    return { elements: json, next: `${target(page + 1)}; rel="next", ${target(last)}; rel="last"` };
  }

  function limitHeaders(): Record<string, string> {
    if (server.limit === null) return {};
    const { remaining, reset } = server.limit;
    return { "X-RateLimit-Limit": "60", "X-RateLimit-Remaining": `${remaining}`, "X-RateLimit-Reset": `${reset}` };
  }

  function answerFile(exchange: Exchange): Promise<void> | void {
    const { path } = exchange.request;
    const responder = server.files.get(path.slice(path.lastIndexOf("/") + 1));
    if (responder !== undefined) return responder(exchange);
    for (const release of server.releases) {
      const asset = release.assets.find((candidate) => downloadPath(repository, release, candidate) === path);
      if (asset !== undefined) return fileResponder(asset.content)(exchange);
    }
    return answerWith(404, "Not Found")(exchange);
  }

  return server;
}

interface ListAnswer {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array;
}
