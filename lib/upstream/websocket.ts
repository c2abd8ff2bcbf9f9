import { createHash } from "node:crypto";
import type { RequestFacts } from "../http/message.ts";

/** Whether a request asks to go on as a WebSocket (RFC 6455, section 4.1; RFC 8441, section 5). */
export function asksWebSocket({ method, upgrade }: Pick<RequestFacts, "method" | "upgrade">) {
  return upgrade !== undefined && method === "GET" &&
    upgrade.some((protocol) => protocol.toLowerCase() === "websocket");
}

/** Why a request for one cannot go by HTTP/2. */
export const NO_EXTENDED_CONNECT =
  "The server speaks HTTP/2 without extended CONNECT (RFC 8441), so it takes no WebSocket by it";

/** The `Sec-WebSocket-Accept` that proves to a client that its key was read (RFC 6455, section 4.2.2). */
export function acceptOf(key: string): string {
  return createHash("sha1").update(key + GUID).digest("base64");
}

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
