import net from "node:net";
import { formatAddress } from "../../lib/core/address.ts";
import { nodeTransport, TestConnection } from "./connection.ts";
import { eventually } from "./deadline.ts";
import { encodeAnswer, readRequest, type SeenRequest } from "./http.ts";

/** A server on a free port of the loopback interface. */
export interface TestBackend extends AsyncDisposable {
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** Every connection so far, in order; those that have ended too. */
  readonly connections: readonly TestConnection[];
  /** How many connections are open. */
  readonly open: number;
  /** Waits until so many connections have come. */
  accepted(count: number): Promise<void>;
  /** Waits until all connections are over. */
  allGone(): Promise<void>;
  /** Ends every connection that is open. */
  dropAll(): void;
}

export interface BackendOptions {
  /** Whether the test breaks connections off, so that a script that fails is no failure. */
  readonly brokenOff?: boolean;
  /** Where it listens; by default on a free port of 127.0.0.1. */
  readonly listen?: { readonly host?: string; readonly port?: number } | { readonly path: string };
}

/**
 * Starts a server that plays a script on each connection and closes it at the script's end.
 * What a script throws fails the test when the backend is disposed, unless it was `brokenOff`. It may
 * wait for as long as it likes: a connection of a pool is idle for as long as the test is slow.
 *
 * @param script gets the connection and its number, counted from 0
 */
export async function startBackend(
  script: (connection: TestConnection, index: number) => Promise<void>,
  { brokenOff = false, listen = {} }: BackendOptions = {},
): Promise<TestBackend> {
  const connections: TestConnection[] = [];
  const sockets = new Set<net.Socket>();
  const failures: unknown[] = [];
  let disposed = false;
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, async (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    const transport = nodeTransport(socket, () => socket.resetAndDestroy());
    const connection = new TestConnection(transport, { patient: true });
    connections.push(connection);
    try {
      await script(connection, connections.length - 1);
      await connection.end();
      await connection.untilGone();
    } catch (error) {
      if (!disposed && !brokenOff) failures.push(error);
    } finally {
      connection.close();
    }
  });
  const where = "path" in listen ? listen : { host: "127.0.0.1", port: 0, ...listen };
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, resolve);
  });
  const bound = server.address();
  const port = bound !== null && typeof bound === "object" ? bound.port : 0;
  return {
    port,
    address: "path" in where ? `unix:${where.path}` : formatAddress({ host: where.host, port }),
    connections,
    get open() {
      return sockets.size;
    },
    async accepted(count) {
      await eventually(
        () => connections.length >= count || undefined,
        () => `${count} connections to the backend; there were ${connections.length}`,
      );
    },
    async allGone() {
      await eventually(
        () => sockets.size === 0 || undefined,
        () => `${sockets.size} connections of the backend to end`,
      );
    },
    dropAll() {
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** Starts a server that sends back what it gets, and ends when the client has. */
export function startEcho(options: BackendOptions = {}): Promise<TestBackend> {
  return startBackend(async (connection) => {
    for (let some; (some = await connection.readSome()) !== undefined;) {
      await connection.write(some);
    }
  }, options);
}

/** An HTTP server, and the requests it got. */
export interface HttpBackend extends TestBackend {
  readonly requests: readonly SeenRequest[];
}

/**
 * Starts an HTTP server that keeps connections open.
 *
 * @param answer the raw answer, or only its body
 */
export async function startHttp(
  answer: (request: SeenRequest, connection: TestConnection) =>
    | string
    | Promise<string> = () => encodeAnswer("hello"),
  options: BackendOptions = {},
): Promise<HttpBackend> {
  const requests: SeenRequest[] = [];
  const backend = await startBackend(async (connection) => {
    for (let request; (request = await readRequest(connection)) !== undefined;) {
      requests.push(request);
      await connection.write(await answer(request, connection));
    }
  }, options);
  return Object.assign(backend, { requests });
}

/** An HTTP server that answers every request with its own name. */
export function startNamed(name: string, options?: BackendOptions): Promise<HttpBackend> {
  return startHttp(() => encodeAnswer(name), options);
}

/** An HTTP server whose answers wait. */
export interface HeldBackend extends HttpBackend {
  /** Settles when a request has come whose answer waits. */
  readonly asked: Promise<void>;
  /** Has it answer from here on, what it was asked before too. */
  release(): void;
}

/**
 * Starts an HTTP server that answers once it is told to.
 *
 * @param body of all of its answers
 */
export async function startHeld(
  body: string,
  { holds = () => true, ...options }: BackendOptions & {
    /** Whether the answer to a request waits; by default each does. */
    readonly holds?: (request: SeenRequest) => boolean;
  } = {},
): Promise<HeldBackend> {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const backend = await startHttp(async (request) => {
    if (holds(request)) {
      asked.resolve();
      await released.promise;
    }
    return encodeAnswer(body);
  }, options);
  return Object.assign(backend, { asked: asked.promise, release: released.resolve });
}

/**
 * A port that nothing listens on: it was free a moment ago. It is below those that systems give to
 * clients and to who asks for any, and no other file of tests that runs meanwhile is given it: it may
 * be long before something listens there, or nothing is to at all.
 */
export function unusedPort(): Promise<number> {
  for (;;) {
    const port = OWN_PORTS.first + 1 + OWN_PORTS.given++ % (BLOCK - 1);
    const listener = listenOn(port);
    if (listener === undefined) continue;
    listener.close();
    return Promise.resolve(port);
  }
}

/** Ports from which files of tests take a block each, by listening on its first. */
const [LOWEST, HIGHEST, BLOCK] = [10_000, 32_000, 200];
const OWN_PORTS = ownPorts();

function ownPorts(): { readonly first: number; given: number } {
  const blocks = Math.floor((HIGHEST - LOWEST) / BLOCK);
  const some = Math.floor(Math.random() * blocks);
  for (let i = 0; i < blocks; i++) {
    const first = LOWEST + BLOCK * ((some + i) % blocks);
    // held for as long as the file's tests run
    if (listenOn(first) !== undefined) return { first, given: 0 };
  }
  throw new Error(`Every port from ${LOWEST} up is in use`);
}

function listenOn(port: number): Deno.TcpListener | undefined {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}
