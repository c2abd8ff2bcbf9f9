import { asAuthority } from "../core/authority.ts";
import type { RouteConfig } from "../config/config.ts";
import { redirectTarget } from "../http/redirect_target.ts";
import { parseTemplate, type Variables } from "../http/template.ts";

/** What a route without a backend answers. */
export interface OwnAnswerFacts {
  readonly status: number;
  /** Where to, where it is a redirect. */
  readonly location: string | undefined;
}

/** What is asked for, as far as an answer depends on it. */
export interface Asked {
  readonly host: string | undefined;
  readonly path: string | undefined;
  /** The name in the handshake, where there is one that the engine knows. */
  readonly sni: string | undefined;
}

/** What a route would answer a request itself; undefined where a backend does. */
export function ownAnswerOf(
  { redirect, respond }: RouteConfig,
  { host: name, path, sni }: Asked,
): OwnAnswerFacts | undefined {
  if (redirect !== undefined) {
    const host = name === undefined ? undefined : asAuthority(name);
    const variables: Variables = {
      ...{ host, path, client: "192.0.2.1", sni, id: "id" },
      "client_cert.subject": undefined,
    };
    const rule = { to: parseTemplate(redirect.to), status: redirect.status };
    return {
      status: redirect.status,
      location: redirectTarget(rule, { path: path ?? "/", variables }),
    };
  }
  return respond === undefined ? undefined : { status: respond.status, location: undefined };
}
