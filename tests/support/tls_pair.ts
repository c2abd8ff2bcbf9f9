import net from "node:net";
import tls, { TLSSocket } from "node:tls";
import { testCertificates } from "./certificates.ts";
import { within } from "./deadline.ts";
import { openTls } from "./tls_client.ts";

export interface TlsPair extends AsyncDisposable {
  readonly client: Deno.TlsConn;
  readonly server: TLSSocket;
  /** What `server` stands on. */
  readonly tcp: net.Socket;
}

/** A connection over loopback whose handshake is done; the server's end is made as the engine's. */
export async function tlsPair(): Promise<TlsPair> {
  const { ec } = await testCertificates();
  const [cert, key] = await Promise.all([Deno.readTextFile(ec.cert), Deno.readTextFile(ec.key)]);
  const accepted = Promise.withResolvers<Pick<TlsPair, "server" | "tcp">>();
  const listener = net.createServer({ noDelay: true, allowHalfOpen: true }, (tcp) => {
    const server = new TLSSocket(tcp, {
      isServer: true,
      secureContext: tls.createSecureContext({ cert, key }),
      allowHalfOpen: true,
    } as tls.TLSSocketOptions);
    server.on("error", accepted.reject);
    server.on("secure", () => accepted.resolve({ server, tcp }));
  });
  await new Promise<void>((resolve) => listener.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const client = await openTls((listener.address() as net.AddressInfo).port);
  const { server, tcp } = await within(accepted.promise, "a handshake");
  return {
    client,
    server,
    tcp,
    async [Symbol.asyncDispose]() {
      client.close();
      server.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}
