import type { Connection } from "../io/connection.ts";
import type { HttpClient } from "./http_client.ts";

/** A connection that speaks HTTP, over TLS or without. */
export interface HttpConnection extends Connection, HttpClient {}
