import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type GithubAsset, type GithubRelease, hashesJson, sha256Of } from "../../support/github-model.ts";
import { type SampleOptions, sampleBuildInfo } from "../../support/sample-daemon.ts";
import { waitFor } from "../../support/wait.ts";
import { binaryOf, type GithubNode, prepareGithubNode } from "./github-node.ts";
import { type PlanFile, readJson } from "./instance.ts";
import type { RunningNymvisor } from "./nymvisor.ts";

/** A train of a few releases, whose dates are told from now on, for a node that runs the first of them. */

const FIRST = "nym-binaries-v2025.1-first";

const DAY = 86_400_000;

/** A node that runs 1.0.0, the release `FIRST` of thirty days ago. GitHub is asked many times a second. */
export async function prepareTrain(settings: Readonly<Record<string, string>> = {}): Promise<GithubNode> {
  const build = sampleBuildInfo({ version: "1.0.0" });
  const node = await prepareGithubNode((home) => binaryOf(home, build), {
    NYMVISOR_UPSTREAM_POLLING_RATE: "100ms",
    ...settings,
  });
  publish(node, "1.0.0", { tag: FIRST, published: before(30 * DAY) });
  return node;
}

interface Published {
  /** Default: `nym-binaries-v2025-<version>`. */
  tag?: string;
  /** Default: an hour ago. */
  published?: Date;
  /** What else its binary says of itself, so that its bytes are others. */
  build?: Partial<SampleOptions>;
  /** Whether a hashes.json tells its version; else only its binary does. */
  hashes?: boolean;
  /** Of its nym-node; default: as GitHub gives it. */
  digest?: string | null;
  /** In place of the binary. */
  content?: Uint8Array;
}

/** Publishes a release with a nym-node of this version. */
export function publish(node: GithubNode, version: string, options: Published = {}): GithubRelease {
  const { tag = tagOf(version), published = before(3_600_000), build = {}, hashes = true, digest, content } = options;
  const info = sampleBuildInfo({ version, ...build });
  const release: GithubRelease = { tag, createdAt: published.toISOString(), assets: [] };
  const asset: GithubAsset = { name: "nym-node", content: content ?? binaryOf(node.home, info) };
  release.assets.push(digest === undefined ? asset : { ...asset, digest });
  if (hashes) release.assets.push(hashesJson(release, { "nym-node": info }));
  node.github.releases.push(release);
  return release;
}

export function tagOf(version: string): string {
  return `nym-binaries-v2025-${version}`;
}

/** Uploads other bytes of the same version in place of a release's. @returns their sha256. */
export function uploadAgain(node: GithubNode, release: GithubRelease, version: string): string {
  const info = sampleBuildInfo({ version, commit: crypto.randomUUID() });
  const content = binaryOf(node.home, info);
  const createdAt = release.createdAt;
  release.assets = [{ name: "nym-node", content, createdAt }];
  release.assets.push({ ...hashesJson(release, { "nym-node": info }), createdAt });
  return sha256Of(content);
}

export function withdraw(node: GithubNode, { tag }: GithubRelease): void {
  node.github.releases = node.github.releases.filter((release) => release.tag !== tag);
}

/** So many milliseconds ago. */
export function before(milliseconds: number): Date {
  return new Date(Date.now() - milliseconds);
}

/** Waits until what GitHub would answer now has been asked for, and decided about. */
export async function decided(node: GithubNode): Promise<void> {
  const asked = node.github.questions.length;
  // One may be on its way with what was true before; and one that was answered is decided about before the next is sent.
  await waitFor("three more questions", () => node.github.questions.length >= asked + 3);
}

export function linesOf(run: RunningNymvisor, pattern: RegExp): string[] {
  return run.stderr.split("\n").filter((line) => pattern.test(line));
}

type QueuedEntry = PlanFile["queuedUp"][number] & { executeFrom?: string };

/** The entry of that name in the plan, as soon as there is one. */
export function entryOf(node: GithubNode, name: string): Promise<QueuedEntry> {
  const look = () => node.plan().queuedUp.find((entry) => entry.name === name);
  return waitFor(`${name} in the plan`, look, { file: node.planPath });
}

/** Exchanges the plan as most editors do. */
export function editPlan(node: GithubNode, change: (plan: PlanFile) => PlanFile): void {
  replaceJson(node.planPath, change(node.plan()));
}

/** Waits until the binary of a release lies there, whole. */
export async function fetched(node: GithubNode, name: string, sha256: string): Promise<void> {
  const path = node.binaryOf(name);
  await waitFor(`the binary of ${name}`, () => {
    try {
      return sha256Of(readFileSync(path)) === sha256;
    } catch {
      return false;
    }
  });
}

/** Whether anybody may execute it. */
export function isExecutable(path: string): boolean {
  return (statSync(path).mode & 0o111) !== 0;
}

export function sha256Announced(release: GithubRelease): string {
  const asset = release.assets.find(({ name }) => name === "nym-node");
  if (asset === undefined) throw new Error(`${release.tag} has no nym-node`);
  return sha256Of(asset.content);
}

interface KeptList {
  askedAt: string;
  answeredAt: string | null;
}

export function listPath(node: GithubNode): string {
  return join(node.data, "release-list.json");
}

/** Makes the kept list older than it is. */
export function ageList(node: GithubNode, milliseconds: number): void {
  const list = readJson<KeptList>(listPath(node));
  const earlier = (at: string) => new Date(Date.parse(at) - milliseconds).toISOString();
  const answeredAt = list.answeredAt === null ? null : earlier(list.answeredAt);
  replaceJson(listPath(node), { ...list, askedAt: earlier(list.askedAt), answeredAt });
}

export function replaceJson(path: string, document: unknown): void {
  writeFileSync(`${path}~`, JSON.stringify(document, null, 2));
  renameSync(`${path}~`, path);
}
