import net from "node:net";
import tls from "node:tls";
import { testCertificates } from "./certificates.ts";
import { denoTransport, nodeTransport, TestConnection } from "./connection.ts";
import { within } from "./deadline.ts";

/** A TLS client on `Deno.connectTls`: it sees a truncation, and stops reading when it is told to. */
export async function connectTls(port: number, alpn?: readonly string[]): Promise<TestConnection> {
  const conn = await openTls(port, alpn);
  return new TestConnection(denoTransport(conn));
}

/**
 * A client whose handshake was in time, as an echo tells; undefined where it was not: the client may
 * be done with a handshake whose end has not come to the server.
 */
export async function echoed(port: number): Promise<TestConnection | undefined> {
  const client = await connectTls(port).catch(() => undefined);
  const said = await client?.write("ping").then(() => client.readText(4)).catch(() => "");
  if (said === "ping") return client;
  client?.close();
  return undefined;
}

/** The same as the runtime's own connection, after its handshake. */
export async function openTls(port: number, alpn?: readonly string[]): Promise<Deno.TlsConn> {
  const { caPem } = await testCertificates();
  const conn = await Deno.connectTls({
    hostname: "127.0.0.1",
    port,
    caCerts: [caPem],
    ...(alpn === undefined ? {} : { alpnProtocols: [...alpn] }),
  });
  try {
    await within(conn.handshake(), "a handshake");
  } catch (error) {
    conn.close();
    throw error;
  }
  return conn;
}

/** A TLS client on `node:tls`: it can send a RST, and knows what was negotiated. */
export async function connectNodeTls(
  port: number,
  options: tls.ConnectionOptions = {},
  from: { readonly localAddress?: string } = {},
): Promise<{ connection: TestConnection; socket: tls.TLSSocket }> {
  return await connectTlsOver(await openTcp(port, from), options);
}

/** The same over a connection on which something was said before TLS. */
export async function connectTlsOver(
  raw: net.Socket,
  options: tls.ConnectionOptions = {},
): Promise<{ connection: TestConnection; socket: tls.TLSSocket }> {
  const { caPem } = await testCertificates();
  const socket = tls.connect({ socket: raw, ca: caPem, servername: "localhost", ...options });
  const connection = new TestConnection(nodeTransport(socket, () => raw.resetAndDestroy()));
  const done = new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
    raw.once("error", reject);
    socket.once("close", () => reject(new Error("The connection was closed")));
  });
  try {
    await within(done, "a handshake");
  } catch (error) {
    raw.destroy();
    throw error;
  }
  raw.on("error", () => {});
  return { connection, socket };
}

/** A client without TLS. */
export async function connectTcp(
  port: number,
  from: { readonly localAddress?: string } = {},
): Promise<TestConnection> {
  const socket = await openTcp(port, { allowHalfOpen: true, ...from });
  return new TestConnection(nodeTransport(socket, () => socket.resetAndDestroy()));
}

/** The same as the runtime's own socket. */
export async function openTcp(
  port: number,
  options: { readonly localAddress?: string; readonly allowHalfOpen?: boolean } = {},
): Promise<net.Socket> {
  const socket = net.connect({ host: "127.0.0.1", port, ...options });
  socket.setNoDelay(true);
  await within(
    new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    }),
    "a connection",
  );
  return socket;
}
