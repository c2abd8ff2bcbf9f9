import { type ForwardedFacts, forwardedFields, withoutForwarded } from "./forwarded.ts";
import { framingFields } from "./framing.ts";
import { type Field, field } from "./head.ts";
import { endToEndFields } from "./hop_headers.ts";
import type { RequestHeadPart } from "./request_decoder.ts";

/** What holds for every request of one connection. */
export interface ConnectionOrigin extends Omit<ForwardedFacts, "host"> {
  /** The Host of a request that says none (HTTP/1.0; RFC 9112, section 3.3). */
  readonly defaultHost: string;
}

/**
 * The fields a backend gets: Host, the client's end-to-end fields, the framing, and where the
 * request came from, which no `Connection` field can take away.
 */
export function requestFields(request: RequestHeadPart, origin: ConnectionOrigin): Field[] {
  const host = request.target.authority ?? origin.defaultHost;
  const kept = withoutForwarded(endToEndFields(request.head.fields));
  return [
    field("Host", host),
    ...kept.filter(({ key }) => key !== "host"),
    ...framingFields(request.framing),
    ...forwardedFields({ ...origin, host }),
  ];
}
