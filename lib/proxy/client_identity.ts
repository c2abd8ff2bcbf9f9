import { type ClientCertFields, clientCertFields } from "../http/client_cert.ts";
import type { Forwarding } from "../http/message.ts";
import type { HttpClient } from "./http_client.ts";
import type { Policy } from "./policy.ts";

/** What the requests of one connection have in common: who sends them, and what servers are told. */
export class ClientIdentity {
  readonly client: HttpClient;
  /** The host of a request that says none. */
  readonly defaultHost: string;
  /** What the client has proved; undefined where it has shown no certificate. */
  readonly #clientCert: ClientCertFields | undefined;
  #policy: Policy | undefined;
  #forwarding: Forwarding | undefined;

  constructor(client: HttpClient) {
    this.client = client;
    this.defaultHost = client.tls?.sni ?? client.local.host;
    this.#clientCert = clientCertFields(client.clientCertificates ?? []);
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
