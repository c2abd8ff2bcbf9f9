import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
// @ts-types="@types/ws"
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { testCertificates } from "./support/certificates.ts";
import { within } from "./support/deadline.ts";
import { ENGINES, type ProxyProcess, startProxyFor } from "./support/start_proxy.ts";

/** More than any buffer on the way holds. */
const LARGE = 3_000_001;

for (const engine of ENGINES) {
  Deno.test(`a WebSocket carries frames of any size both ways (${engine})`, async () => {
    await using server = await startServer();
    await using proxy = await startProxyFor({ engine, backend: server.address });
    await using client = await connect(proxy, { protocol: "chat" });
    const far = await server.accepted();
    assert.equal(client.socket.protocol, "chat");
    assert.equal(far.socket.protocol, "chat");
    // the compression is theirs, negotiated end to end
    assert.match(client.socket.extensions, /permessage-deflate/);

    for (const [from, to] of [[client, far], [far, client]] as const) {
      const large = randomBytes(LARGE);
      from.socket.send(large);
      from.socket.send("a text behind it");
      assert.equal(hashOf(await to.message()), hashOf(large));
      assert.equal(String(await to.message()), "a text behind it");

      const small = Array.from({ length: 500 }, (_, index) => `${index}`.repeat(index % 7 + 1));
      for (const text of small) from.socket.send(text);
      for (const text of small) assert.equal(String(await to.message()), text);

      const pong = new Promise<string>((resolve) =>
        from.socket.once("pong", (data: Uint8Array) => resolve(String(data)))
      );
      from.socket.ping("are you there?");
      assert.equal(await within(pong, "a pong"), "are you there?");
    }

    // both at once
    const both = [randomBytes(LARGE), randomBytes(LARGE)] as const;
    client.socket.send(both[0]);
    far.socket.send(both[1]);
    assert.equal(hashOf(await far.message()), hashOf(both[0]));
    assert.equal(hashOf(await client.message()), hashOf(both[1]));
  });

  Deno.test(`a WebSocket's close code and reason reach the other side (${engine})`, async () => {
    await using server = await startServer();
    await using proxy = await startProxyFor({ engine, backend: server.address });
    for (const side of ["client", "server"] as const) {
      await using client = await connect(proxy, {});
      const far = await server.accepted();
      const [from, to] = side === "client" ? [client, far] : [far, client];
      from.socket.close(4001, `closed by the ${side}`);
      const closed = `4001 closed by the ${side}`;
      assert.deepEqual([await to.closed, await from.closed], [closed, closed]);
    }
    // one that vanishes is seen to have gone
    const gone = await connect(proxy, {});
    const far = await server.accepted();
    gone.socket.terminate();
    assert.equal(await far.closed, "1006 ");
    await proxy.log.count(/ request .*method=GET target=\/chat\?x=y status=101 /, 3);
    await proxy.log.count(/ end .*requests=/, 3);
  });

  Deno.test(`a server may refuse a WebSocket (${engine})`, async () => {
    await using server = await startServer();
    await using proxy = await startProxyFor({ engine, backend: server.address });
    const { caPem } = await testCertificates();
    const socket = new WebSocket(`wss://localhost:${proxy.port}/refused`, { ca: caPem });
    const failed = new Promise<string>((resolve) =>
      socket.once("error", (error: Error) => resolve(error.message))
    );
    assert.match(await within(failed, "a refusal"), /401/);
    await proxy.log.first(/ info request .*target=\/refused status=401 .*error=-/);
  });
}

/** One end, whose messages can be waited for. */
class End implements AsyncDisposable {
  readonly socket: WebSocket;
  /** Code and reason, once it is closed. */
  readonly closed: Promise<string>;
  readonly #messages: Uint8Array[] = [];
  #wake = () => {};

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: RawData) => {
      assert.ok(data instanceof Uint8Array);
      this.#messages.push(data);
      this.#wake();
    });
    const closed = new Promise<string>((resolve) =>
      socket.once("close", (code: number, reason: Uint8Array) => resolve(`${code} ${reason}`))
    );
    this.closed = within(closed, "the end of a WebSocket");
    this.closed.catch(() => {});
    socket.on("error", () => {});
  }

  async message(): Promise<Uint8Array> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      await within(new Promise<void>((resolve) => this.#wake = resolve), "a message");
    }
  }

  async [Symbol.asyncDispose]() {
    this.socket.terminate();
    await this.closed;
  }
}

async function connect(proxy: ProxyProcess, { protocol }: { protocol?: string }): Promise<End> {
  const { caPem } = await testCertificates();
  const url = `wss://localhost:${proxy.port}/chat?x=y`;
  const options = { ca: caPem, perMessageDeflate: true };
  const socket = protocol === undefined
    ? new WebSocket(url, options)
    : new WebSocket(url, protocol, options);
  const open = new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  const end = new End(socket);
  await within(open, "a WebSocket");
  return end;
}

/** A WebSocket server that leaves what is said to the test. */
async function startServer() {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    perMessageDeflate: true,
    verifyClient: ({ req }, done) => done(req.url !== "/refused", 401),
  });
  const ends: End[] = [];
  let wake = () => {};
  server.on("connection", (socket: WebSocket) => {
    ends.push(new End(socket));
    wake();
  });
  await new Promise<void>((resolve) => server.once("listening", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** The next that comes. */
    async accepted(): Promise<End> {
      for (;;) {
        const end = ends.shift();
        if (end !== undefined) return end;
        await within(new Promise<void>((resolve) => wake = resolve), "a WebSocket at the server");
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of server.clients) socket.terminate();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
