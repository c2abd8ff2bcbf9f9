import type { Certificate } from "../../certificates/certificate.ts";
import type { Address } from "../../core/address.ts";
import type { TlsFacts } from "../../core/tls_facts.ts";
import { SocketConnection } from "../../io/socket_connection.ts";
import type { TlsConnection } from "../engine.ts";
import type { OpenSslSocket } from "./openssl_socket.ts";

/** Bytes to read into while a connection is quiet: most requests fit. */
const IDLE_BUFFER_BYTES = 2 * 1024;

/** A client's connection whose handshake is done. */
export class OpenSslConnection extends SocketConnection implements TlsConnection {
  readonly tls: TlsFacts;
  readonly certificate: Certificate | undefined;
  readonly clientAuth: string | undefined;
  readonly clientCertificates: readonly Uint8Array[];

  constructor(
    socket: OpenSslSocket,
    { peer, local, tls, certificate, clientAuth, clientCertificates = [] }: {
      readonly peer: Address;
      readonly local: Address;
      readonly tls: TlsFacts;
      readonly certificate: Certificate | undefined;
      readonly clientAuth?: string | undefined;
      readonly clientCertificates?: readonly Uint8Array[];
    },
  ) {
    super(socket, { peer, local, goneCode: "client_gone", idleBufferBytes: IDLE_BUFFER_BYTES });
    this.tls = tls;
    this.certificate = certificate;
    this.clientAuth = clientAuth;
    this.clientCertificates = clientCertificates;
  }
}
