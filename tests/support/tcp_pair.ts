import net from "node:net";
import { POOLED_BYTES } from "../../lib/io/buffer_pool.ts";
import { SocketConnection } from "../../lib/io/socket_connection.ts";
import { nodeTransport, TestConnection } from "./connection.ts";

/** A connection of the proxy over TCP, and the test on its other end. */
export interface TcpPair extends AsyncDisposable {
  readonly connection: SocketConnection;
  readonly far: TestConnection;
}

/** Opens one on the loopback interface; disposing closes both ends. */
export async function tcpPair(
  { idleBufferBytes = POOLED_BYTES }: { idleBufferBytes?: number } = {},
): Promise<TcpPair> {
  const accepted = Promise.withResolvers<net.Socket>();
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, accepted.resolve);
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const { port } = server.address() as net.AddressInfo;
  const near = await Deno.connect({ hostname: "127.0.0.1", port });
  const farSocket = await accepted.promise;
  server.close();
  const gone = new Promise<void>((resolve) => farSocket.once("close", () => resolve()));
  const connection = new SocketConnection(near, {
    peer: { host: "127.0.0.1", port },
    local: { host: near.localAddr.hostname, port: near.localAddr.port },
    goneCode: "client_gone",
    idleBufferBytes,
  });
  const far = new TestConnection(nodeTransport(farSocket, () => farSocket.resetAndDestroy()));
  return {
    connection,
    far,
    async [Symbol.asyncDispose]() {
      connection.close();
      far.close();
      await gone;
    },
  };
}
