import type { Certificate } from "../../certificates/certificate.ts";
import { messageOf } from "../../core/errors.ts";
import { DEFAULT_POLICY } from "../policy.ts";
import { TlsContext } from "./context.ts";
import { TicketKeys } from "./ticket_keys.ts";
import { TlsSession } from "./session.ts";

/**
 * Why OpenSSL does not serve a certificate; undefined where it does: a client that asks for anything
 * gets through its handshake in memory, and is given the whole chain.
 */
export function opensslRefusal({ certPem, keyPem }: Certificate): string | undefined {
  try {
    const context = TlsContext.forServer({
      ...{ certPem, keyPem },
      policy: DEFAULT_POLICY,
      tickets: new TicketKeys(),
    });
    const given = givenBy(context);
    const held = certPem.split("-----BEGIN ").length - 1;
    return given === held ? undefined : `it gives ${given} of the ${held} certificates`;
  } catch (error) {
    return whyRefused(error);
  }
}

/** Why OpenSSL does not take a certificate, in words for whoever runs the proxy. */
export function whyRefused(error: unknown): string {
  const message = messageOf(error);
  return CLEARER[message] ?? message;
}

const CLEARER: Readonly<Record<string, string>> = {
  "ca md too weak": "it is signed by way of a digest that is too weak, such as SHA-1",
  "ee key too small": "its key is too small",
  "ca key too small": "a key in its chain is too small",
};

/** Flights of a handshake at the most; TLS 1.3 has three. */
const MAX_FLIGHTS = 10;

/** How many certificates a client is given. @throws {Error} where there is no handshake */
function givenBy(context: TlsContext): number {
  const client = new TlsSession(TlsContext.forTrial(), {
    ...{ side: "client", serverName: undefined, verifyName: undefined },
  });
  const server = new TlsSession(context, {
    ...{ side: "server", protocol: undefined, ticket: undefined },
  });
  try {
    let forServer: Uint8Array<ArrayBuffer> | undefined;
    let forClient: Uint8Array<ArrayBuffer> | undefined;
    for (let flight = 0; flight < MAX_FLIGHTS; flight++) {
      const asked = client.handshake(forClient);
      forServer = client.takeUnsent();
      const answered = server.handshake(forServer);
      forClient = server.takeUnsent();
      if (answered === "failed") throw new Error(server.failure);
      if (asked === "failed") throw new Error(client.failure);
      if (asked === "done" && answered === "done") return client.peerCertificates().length;
    }
    throw new Error("no handshake comes to its end");
  } finally {
    client.close();
    server.close();
  }
}
