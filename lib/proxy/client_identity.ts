import { ProxyError } from "../core/errors.ts";
import { type ClientCertFields, clientCertFields } from "../http/client_cert.ts";
import type { Forwarding } from "../http/message.ts";
import type { HttpClient } from "./http_client.ts";
import { isMisdirected, isUnderOtherAuth } from "./misdirected.ts";
import type { Policy } from "./policy.ts";

/**
 * What the requests of one connection have in common: who sends them, which hosts they may be for,
 * and what servers are told.
 */
export class ClientIdentity {
  readonly client: HttpClient;
  /** The host of a request that says none. */
  readonly defaultHost: string;
  /** What the client has proved; undefined where it has shown no certificate. */
  readonly #clientCert: ClientCertFields | undefined;
  #policy: Policy | undefined;
  #forwarding: Forwarding | undefined;
  /** The host that was found to be one of this connection last, by the policy in force then. */
  #served: { readonly host: string | undefined; readonly policy: Policy } | undefined;

  constructor(client: HttpClient) {
    this.client = client;
    this.defaultHost = client.tls?.sni ?? client.local.host;
    this.#clientCert = clientCertFields(client.clientCertificates ?? []);
  }

  /** @throws {ProxyError} `misdirected` for a host that this connection was not made for */
  checkHost(host: string | undefined, policy: Policy): void {
    const served = this.#served;
    if (served !== undefined && served.host === host && served.policy === policy) return;
    const { certificate, clientAuth: asked } = this.client;
    if (isMisdirected(host, certificate, policy.certificates)) {
      throw new ProxyError("misdirected", "This connection was made for another host");
    }
    if (isUnderOtherAuth(host, asked, policy.clientAuth)) {
      const why = "Other certificates of clients are asked for under this host";
      throw new ProxyError("misdirected", why);
    }
    this.#served = { host, policy };
  }

  /** What servers are told under a policy: the same object until there is another. */
  forwarding(policy: Policy): Forwarding {
    if (this.#forwarding !== undefined && policy === this.#policy) return this.#forwarding;
    const { forwarded: { trusted, standard, via } } = policy;
    const { peer, local, tls } = this.client;
    this.#policy = policy;
    return this.#forwarding = {
      peer: peer.host,
      port: local.port,
      proto: tls === undefined ? "http" : "https",
      defaultHost: this.defaultHost,
      trusted: trusted.has(peer.host),
      standard,
      via,
      clientCert: this.#clientCert,
    };
  }
}
