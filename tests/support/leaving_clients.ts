import { CAPTURED_HELLOS } from "./client_hellos.ts";
import type { TestConnection } from "./connection.ts";
import { encodeRequest, readAnswer } from "./http.ts";
import { connectNodeTls, connectTcp } from "./tls_client.ts";

/** How a peer leaves: with a RST, or as one that is killed does, with a FIN and nothing in TLS. */
export const WAYS = ["reset", "close"] as const;
export type Way = typeof WAYS[number];

const HELLO = CAPTURED_HELLOS[0]?.bytes ?? new Uint8Array();

/** Where a client leaves; each comes to that point and no further. */
export const CLIENT_LEAVES: Readonly<Record<string, (port: number) => Promise<TestConnection>>> = {
  "before the hello": connectTcp,
  "amid the hello": async (port) => {
    const client = await connectTcp(port);
    await client.write(HELLO.subarray(0, 100));
    return client;
  },
  "amid the handshake": async (port) => {
    const client = await connectTcp(port);
    await client.write(HELLO);
    await client.readBytes(100);
    return client;
  },
  "after the handshake": (port) => sending(port, ""),
  "amid a head": (port) => sending(port, "GET / HTTP/1.1\r\nHost: loc"),
  "amid a body": (port) =>
    sending(port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"),
  "amid a chunk": (port) =>
    sending(port, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"),
  "before its answer": (port) => sending(port, encodeRequest("/slow")),
  "amid an answer": async (port) => {
    const client = await sending(port, encodeRequest("/big"));
    await client.readBytes(100_000);
    return client;
  },
  "between requests": async (port) => {
    const client = await sending(port, encodeRequest("/"));
    await readAnswer(client);
    return client;
  },
};

/** A client whose request is on its way. */
export async function sending(port: number, text: string): Promise<TestConnection> {
  const { connection } = await connectNodeTls(port);
  if (text !== "") await connection.write(text);
  return connection;
}
