/**
 * What an exchange does. `over` is also what it does before its first request; one whose answer is
 * the proxy's own is `responding`.
 */
export type ExchangeState = "over" | "leasing" | "asked" | "answering" | "tunnel" | "responding";

/** What has happened to an exchange that may change its state. */
export type ExchangeEvent =
  /** A request is to be sent to a server. */
  | "start"
  /** A server's connection is at hand. */
  | "leased"
  /** The head of the answer has come. */
  | "answered"
  /** The server has switched protocols. */
  | "switched"
  /** What was tried has failed, and is tried again. */
  | "retry"
  /** The proxy answers itself. */
  | "respond"
  /** It has come to its end, good or bad. */
  | "end";

/** What each event leads to; what is not here cannot be, or comes too late to matter. */
export const EXCHANGE_STATES: Readonly<
  Record<ExchangeState, Readonly<Partial<Record<ExchangeEvent, ExchangeState>>>>
> = {
  over: { start: "leasing", respond: "responding" },
  leasing: { leased: "asked", retry: "leasing", respond: "responding", end: "over" },
  asked: {
    answered: "answering",
    switched: "tunnel",
    retry: "leasing",
    respond: "responding",
    end: "over",
  },
  answering: { end: "over" },
  tunnel: { end: "over" },
  responding: { end: "over" },
};
