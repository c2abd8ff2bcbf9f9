import type { HeadLimits } from "../http1/request_decoder.ts";
import type { CertificateStore } from "../tls/certificate_store.ts";
import type { Backend } from "../upstream/backend.ts";
import type { Router } from "./router.ts";

/** What sessions go by: replaced whole by a reload, and read anew for every request. */
export interface Policy {
  readonly router: Router<Backend>;
  readonly certificates: CertificateStore;
  readonly limits: HeadLimits;
  readonly timeouts: SessionTimeouts;
}

/** Milliseconds each. */
export interface SessionTimeouts {
  /** For a head, from its first byte. */
  readonly header: number;
  /** Without progress of a body. */
  readonly bodyIdle: number;
  /** Without a request. */
  readonly keepAlive: number;
  /** Without a byte in tcp mode. */
  readonly tunnelIdle: number;
}
