import { withOneSlash } from "./strip_prefix.ts";
import { render, type Template, type Variables } from "./template.ts";

/** Where a redirect leads to. */
export interface RedirectRule {
  readonly to: Template;
  readonly status: 301 | 302 | 303 | 307 | 308;
}

/**
 * The `Location` for a request. Its query is kept where the rule has none of its own. A path that
 * begins with two slashes would lead to another host, so that it gets one.
 *
 * @param path in origin-form, maybe with a query; `*` counts as `/`
 */
export function redirectTarget(
  { to }: RedirectRule,
  { path, variables }: { path: string; variables: Variables },
): string {
  const [bare = "", ...query] = path === "*" ? ["/"] : path.split("?");
  const target = withOneSlash(render(to, { ...variables, path: withOneSlash(bare) }));
  if (query.length === 0) return target;
  const [page = "", ...fragment] = target.split(/(?=#)/);
  return page.includes("?") ? target : `${page}?${query.join("?")}${fragment.join("")}`;
}
