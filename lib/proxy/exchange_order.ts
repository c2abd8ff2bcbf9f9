import type { ProxyError } from "../core/errors.ts";
import type { FieldChanges, Forwarding, RequestChanges } from "../http/message.ts";
import type { OwnAnswer } from "../http/own_answer.ts";
import type { Backend } from "../upstream/backend.ts";
import type { KeptServer } from "../upstream/sticky_cookie.ts";
import type { AnswerTransformer } from "./answer_transform.ts";

/** What is to be done with a request: everything that its route and the settings say of it. */
export interface ExchangeOrder {
  readonly backend: Backend;
  readonly forwarding: Forwarding;
  /** The client's address that a server is chosen by; undefined for that of the connection. */
  readonly client: string | undefined;
  readonly requestChanges: RequestChanges | undefined;
  readonly answerChanges: FieldChanges | undefined;
  /** Undefined where clients of the backend do not keep their servers. */
  readonly kept: KeptServer | undefined;
  /** What makes another answer of the server's; undefined where it goes on as it is. */
  readonly transformer: AnswerTransformer | undefined;
  /** Bytes of the request's body; 0 for any. */
  readonly bodyLimit: number;
  /** Milliseconds without a byte either way behind a switch of protocols. */
  readonly tunnelIdle: number;
}

/** Who has ordered an exchange. */
export interface ExchangeOwner {
  /**
   * What the client is told of a failure, of which nothing has been told yet; undefined where there
   * is nobody or nothing to tell.
   */
  answerFor(error: ProxyError): OwnAnswer | undefined;
  /** It is over; its facts hold until the next one begins. */
  exchangeOver(error: ProxyError | undefined): void;
}

const NO_FORWARDING: Forwarding = {
  peer: "",
  port: 0,
  proto: "http",
  defaultHost: "",
  trusted: false,
  standard: false,
  via: false,
};

/** That of an exchange before its first. */
export const NO_ORDER = { forwarding: NO_FORWARDING } as ExchangeOrder;
