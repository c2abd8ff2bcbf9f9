import assert from "node:assert/strict";
import { testCertificates } from "../../../tests/support/certificates.ts";
import type { ByteSocket } from "../../io/socket_connection.ts";
import { DEFAULT_POLICY } from "../policy.ts";
import { TlsContext } from "./context.ts";
import { OpenSslSocket } from "./openssl_socket.ts";
import { MAX_INPUT_BYTES, sealedBytes, TlsSession } from "./session.ts";
import { TicketKeys } from "./ticket_keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

Deno.test("OpenSslSocket reads all into a buffer of any size", async () => {
  const { client, server } = await shaken();
  const sent = new Uint8Array(4 * MAX_INPUT_BYTES).map((_, at) => at % 251);
  const socket = new OpenSslSocket(holding(sealed(client, sent)), server);
  const into = new Uint8Array(sent.length);
  let filled = 0;
  while (filled < into.length) filled += await socket.read(into.subarray(filled)) ?? 0;
  assert.deepEqual(into, sent);
  socket.close();
  client.close();
});

/** Both ends of a handshake that is done. */
async function shaken(): Promise<{ client: TlsSession; server: TlsSession }> {
  const { ec } = await testCertificates();
  const client = new TlsSession(
    TlsContext.forClient({ ca: undefined, shown: undefined, verify: false, alpn: [] }),
    { side: "client", serverName: "localhost", verifyName: undefined },
  );
  const server = new TlsSession(
    TlsContext.forServer({
      certPem: await Deno.readTextFile(ec.cert),
      keyPem: await Deno.readTextFile(ec.key),
      policy: DEFAULT_POLICY,
      tickets: new TicketKeys(),
    }),
    { side: "server", protocol: undefined, ticket: undefined },
  );
  client.handshake(undefined);
  server.handshake(client.takeUnsent());
  assert.equal(client.handshake(server.takeUnsent()), "done");
  assert.equal(server.handshake(client.takeUnsent()), "done");
  return { client, server };
}

/** What a session sends that is told to send these. */
function sealed(session: TlsSession, bytes: Bytes): Bytes {
  const out = new Uint8Array(sealedBytes(bytes.length));
  let size = 0;
  for (let at = 0; at < bytes.length; at += MAX_INPUT_BYTES) {
    size += session.write(bytes.slice(at, at + MAX_INPUT_BYTES), out.subarray(size));
  }
  return out.subarray(0, size);
}

/** A connection by which all of this has come already. */
function holding(bytes: Bytes): ByteSocket {
  let at = 0;
  return {
    read: (into) => {
      const count = Math.min(into.length, bytes.length - at);
      into.set(bytes.subarray(at, at + count));
      at += count;
      return Promise.resolve(count === 0 ? null : count);
    },
    write: ({ length }) => Promise.resolve(length),
    closeWrite: () => Promise.resolve(),
    close: () => {},
  };
}
