/**
 * What an HTTP/1 connection does: wait for a request, read its head, have it served, carry what is
 * no HTTP any more; say goodbye, with what still comes dropped; nothing any more.
 */
export type SessionState = "waiting" | "head" | "serving" | "tunnel" | "leaving" | "closed";

/** What has happened to a connection that may change its state. */
export type SessionEvent =
  /** A head begins. */
  | "begun"
  /** A head is whole. */
  | "whole"
  /** A request was answered, and another may come. */
  | "next"
  | "switched"
  /** Nothing is read as a request any more. */
  | "leave"
  | "close";

/** What each event leads to; what is not here cannot be. */
export const SESSION_STATES: Readonly<
  Record<SessionState, Readonly<Partial<Record<SessionEvent, SessionState>>>>
> = {
  waiting: { begun: "head", leave: "leaving", close: "closed" },
  head: { whole: "serving", leave: "leaving", close: "closed" },
  serving: { next: "waiting", switched: "tunnel", leave: "leaving", close: "closed" },
  tunnel: { leave: "leaving", close: "closed" },
  leaving: { close: "closed" },
  closed: {},
};
