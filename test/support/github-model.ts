/** What the GitHub of tests holds, and the JSON that it makes of it. */

export interface GithubAsset {
  name: string;
  /** What is downloaded. */
  content: Uint8Array;
  /** When it was uploaded, RFC 3339; default: when its release was published. */
  createdAt?: string;
  /** Default `uploaded`. */
  state?: string;
  /** Default: the sha256 of the content, as GitHub gives it. Null: from before it did. */
  digest?: string | null;
  /** Default: one that no other asset has. Another one whenever the file is uploaded again. */
  id?: number;
  /** Fields of its JSON that are to read otherwise, or, undefined, to be missing. */
  json?: Record<string, unknown>;
}

export interface GithubRelease {
  tag: string;
  /** The date of its commit, RFC 3339. */
  createdAt: string;
  /** Default: the date of its commit. */
  publishedAt?: string | null;
  draft?: boolean;
  prerelease?: boolean;
  assets: GithubAsset[];
  /** As for an asset. */
  json?: Record<string, unknown>;
}

export function sha256Of(content: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(content).digest("hex");
}

const ids = new WeakMap<object, number>();
let lastId = 100_000_000;

/** The id of an asset or a release: as long as it is the same object, the same one. */
function idOf(thing: GithubAsset | GithubRelease): number {
  if ("id" in thing && thing.id !== undefined) return thing.id;
  let id = ids.get(thing);
  if (id === undefined) {
    lastId += 1;
    id = lastId;
    ids.set(thing, id);
  }
  return id;
}

/** The path of a file's download: with the id, so that a file that is uploaded again is found under another one. */
export function downloadPath(repository: string, release: GithubRelease, asset: GithubAsset): string {
  return `/${repository}/releases/download/${encodeURIComponent(release.tag)}/${idOf(asset)}/${asset.name}`;
}

/** One element of the list of releases, with the fields that are read and some of those that are not. */
export function releaseJson(release: GithubRelease, { web, repository }: { web: string; repository: string }) {
  const { tag, createdAt, publishedAt = createdAt, draft = false, prerelease = false, assets } = release;
  return {
    id: idOf(release),
    node_id: "RE_kwDO",
    tag_name: tag,
    target_commitish: "develop",
    name: tag,
    draft,
    prerelease,
    created_at: createdAt,
    published_at: publishedAt,
    html_url: `${web}/${repository}/releases/tag/${encodeURIComponent(tag)}`,
    body: `What is new in ${tag}`,
    author: { login: "someone" },
    assets: assets.map((asset) => assetJson(asset, release, { web, repository })),
    ...release.json,
  };
}

function assetJson(
  asset: GithubAsset,
  release: GithubRelease,
  { web, repository }: { web: string; repository: string },
) {
  const { name, content, state = "uploaded", createdAt = release.publishedAt ?? release.createdAt } = asset;
  return {
    id: idOf(asset),
    name,
    label: "",
    state,
    content_type: "application/octet-stream",
    size: content.length,
    digest: asset.digest === undefined ? `sha256:${sha256Of(content)}` : asset.digest,
    download_count: 12,
    created_at: createdAt,
    updated_at: createdAt,
    browser_download_url: web + downloadPath(repository, release, asset),
    ...asset.json,
  };
}

/** Which of the forms that it has had a hashes.json is written in. */
export type HashesShape = "component" | "list" | "map";

/**
 * The hashes.json of a release, of the files that it has now.
 * @param details what each file says of its build, by its name; without it the file could not be run
 */
export function hashesJson(
  release: GithubRelease,
  details: Readonly<Record<string, unknown>>,
  shape: HashesShape = "component",
): GithubAsset {
  const [, train = "", version = ""] = /^(\S+)-v(\d+\.\d+)/.exec(release.tag) ?? [];
  const assets = release.assets.map(({ name, content }) => {
    const entry = { sha256: sha256Of(content), downloadUrl: `https://github.com/${name}` };
    return [name, Object.hasOwn(details, name) ? { ...entry, details: details[name] } : entry] as const;
  });
  const component = {
    id: idOf(release),
    name: release.tag,
    tag_name: release.tag,
    html_url: `https://github.com/${release.tag}`,
    componentName: train,
    // What a suffix of the tag says is lost here, as in the real ones.
    componentVersion: `v${version}`,
    assets: Object.fromEntries(assets),
  };
  const document = shape === "component" ? component : shape === "list" ? [component] : { [train]: component };
  return { name: "hashes.json", content: new TextEncoder().encode(JSON.stringify(document, null, 2)) };
}
