import type { ConnectionEnded, ProxyEvent, RequestServed, ServerReached } from "../core/event.ts";
import { serverKey } from "../core/server_name.ts";

/** Whether an event speaks well of its server: it has taken a connection, or what it was for is done. */
export function isServed(
  event: ProxyEvent,
): event is RequestServed | ConnectionEnded | ServerReached {
  if (event.kind === "server_reached") return true;
  const isEnd = event.kind === "request" || event.kind === "connection_end";
  return isEnd && event.error === undefined;
}

/** What tables know its server by; where no server was asked, nothing is known by it. */
export function keyOfServed(
  { backend = "", server = "" }: RequestServed | ConnectionEnded | ServerReached,
): string {
  return serverKey({ backend, server });
}
