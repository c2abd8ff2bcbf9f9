import { changedFields } from "../http/changed_fields.ts";
import { field } from "../http/field.ts";
import type { FieldChanges, RequestFacts } from "../http/message.ts";
import { NO_BODY_BYTES, type OwnAnswer } from "../http/own_answer.ts";
import { redirectTarget } from "../http/redirect_target.ts";
import type { Variables } from "../http/template.ts";
import type { RouteAction } from "./route_target.ts";

/** The answer of a route that has no backend; `Content-Length` and the like are its framing's. */
export function routeAnswer(
  action: Exclude<RouteAction, { readonly kind: "backend" }>,
  request: Pick<RequestFacts, "method" | "path" | "values">,
  variables: Variables,
): OwnAnswer {
  switch (action.kind) {
    case "redirect": {
      const location = redirectTarget(action.rule, { path: request.path, variables });
      const { status } = action.rule;
      return { status, fields: [field("Location", location)], body: NO_BODY_BYTES };
    }
    case "respond": {
      const { answer, etag } = action;
      const isKnown = answer.status === 200 && READING.has(request.method) &&
        isAmong(request.values("if-none-match"), etag);
      return isKnown ? { status: 304, fields: [field("ETag", etag)], body: NO_BODY_BYTES } : answer;
    }
  }
}

/** Methods that a client may have the answer to already. */
const READING: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Whether a client has this already (RFC 9110, section 13.1.2): compared weakly. */
function isAmong(values: readonly string[], etag: string): boolean {
  const tags = values.flatMap((value) => value.split(",")).map((tag) => tag.trim());
  return tags.includes("*") || tags.some((tag) => tag.replace(/^W\//, "") === etag);
}

/** An answer of the proxy's own with what a rule makes of its fields. */
export function withChanges(answer: OwnAnswer, changes: FieldChanges | undefined): OwnAnswer {
  return { ...answer, fields: changedFields(answer.fields, changes) };
}
