/**
 * The target of `rel="next"` in a Link header (RFC 8288), absolute; null if there is none that is a URL.
 * @param base what a relative target is relative to
 */
export function nextPage(header: string | null, base: string): string | null {
  for (const [, target, parameters] of (header ?? "").matchAll(/<([^>]*)>((?:[^,"]|"[^"]*")*)/g)) {
    const [, quoted, token] = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))/i.exec(parameters ?? "") ?? [];
    const relations = (quoted ?? token ?? "").toLowerCase().split(/\s+/);
    if (relations.includes("next")) return URL.parse(target ?? "", base)?.href ?? null;
  }
  return null;
}
