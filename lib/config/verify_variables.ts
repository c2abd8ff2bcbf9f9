import { type Finding, warning } from "./finding.ts";
import type { Config } from "./config.ts";
import { templatesOf } from "./route_templates.ts";

/**
 * What stands for a fact of the request in nginx (`$remote_addr`) or HAProxy (`%[src]`), and here for
 * nothing: a server would get it as it is, in the place of the client's address.
 */
export function verifyVariables({ routes }: Config): Finding[] {
  return routes.flatMap((route, index) =>
    templatesOf(route).flatMap(([path, value]): Finding[] => {
      const [foreign] = /\$[a-z]\w*|%\[[^\]]*\]/.exec(value) ?? [];
      if (foreign === undefined) return [];
      const message =
        `"${foreign}" is sent as it stands: here variables are in braces, as {client}`;
      return [warning(["routes", index, ...path], message)];
    })
  );
}
