import type { Connection } from "../io/connection.ts";
import type { HttpClient } from "./http_client.ts";

/** A connection that speaks HTTP, over TLS or, where it only redirects, without. */
export interface HttpConnection extends Connection, HttpClient {}
