import type { Forwarding } from "../../lib/http/message.ts";

/** Of a client that has come by itself, to a proxy that adds nothing but what it always does. */
export const DIRECT: Forwarding = {
  peer: "192.0.2.7",
  port: 8443,
  proto: "https",
  defaultHost: "default.example",
  trusted: false,
  standard: false,
  via: false,
};
