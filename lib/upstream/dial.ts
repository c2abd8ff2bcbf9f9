import { lookup } from "node:dns/promises";
import type { Address } from "../core/address.ts";
import { closeQuietly } from "../io/close_quietly.ts";
import type { Connection } from "../io/connection.ts";
import { type Endpoint, formatServerAddress } from "../core/endpoint.ts";
import { messageOf, ProxyError } from "../core/errors.ts";
import { ipVersion } from "../core/ip.ts";
import { isShortage } from "../io/shortage.ts";
import { inTurn } from "../io/turn_taker.ts";
import {
  type ByteSocket,
  SocketConnection,
  type SocketConnectionOptions,
} from "../io/socket_connection.ts";
import { writeAll } from "../io/write_all.ts";
import { portKeeper } from "../ports/port_keeper.ts";
import type { TlsClient } from "../tls/tls_client.ts";
import { interleaveFamilies, race, type ResolvedAddress } from "./happy_eyeballs.ts";
import { mayConnect } from "./may_connect.ts";

export interface DialOptions {
  /** Milliseconds that connecting may take. */
  readonly timeout: number;
  /** Sent before anything else. */
  readonly preamble?: Uint8Array | undefined;
  /** What speaks TLS to the server, behind the preamble; undefined for plain text. */
  readonly tls?: TlsClient | undefined;
  /** The protocols to offer by ALPN, best first. */
  readonly alpn?: readonly string[];
}

/** Bytes that `read` reads into while little comes: as many are silent for long as clients are. */
const IDLE_BUFFER_BYTES = 2 * 1024;

/** @throws {ProxyError} `connect_failed` or `connect_timeout` */
export async function dial(server: Endpoint, options: DialOptions): Promise<DialledConnection> {
  const { socket, peer, local, alpn } = await openSocket(server, options);
  // TLS has its own way to tell what is cut off from what has ended
  const tells = options.tls !== undefined || server.kind === "unix";
  return new ServerConnection(socket, alpn, {
    ...{ peer, local },
    goneCode: "upstream_gone",
    idleBufferBytes: IDLE_BUFFER_BYTES,
    ...(tells ? {} : { sendReset: () => portKeeper().reset({ peer, local }) }),
  });
}

/** A connection to a server. */
export interface DialledConnection extends Connection {
  /** The protocol that the server has chosen of those offered; undefined for none. */
  readonly alpn: string | undefined;
}

class ServerConnection extends SocketConnection implements DialledConnection {
  readonly alpn: string | undefined;

  constructor(socket: ByteSocket, alpn: string | undefined, options: SocketConnectionOptions) {
    super(socket, options);
    this.alpn = alpn;
  }
}

/** A connection to a server before it is read by buffers of ours. */
export interface OpenedSocket {
  readonly socket: ByteSocket;
  readonly peer: Address;
  readonly local: Address;
  readonly alpn: string | undefined;
}

type RawSocket = Deno.TcpConn | Deno.UnixConn;

/**
 * Connects to a server and shakes hands with it, with Nagle's algorithm off: a head and a body that
 * come in two writes must not wait for an acknowledgement in between.
 *
 * @throws {ProxyError} `connect_failed` or `connect_timeout`; `overloaded` where this process lacks
 *   descriptors, which is no fault of the server
 */
export async function openSocket(
  server: Endpoint,
  { timeout, preamble, tls, alpn = [] }: DialOptions,
): Promise<OpenedSocket> {
  const abort = new AbortController();
  let raw: RawSocket | undefined;
  const timer = setTimeout(() => {
    abort.abort();
    // what waits for the server's part of a handshake ends by that
    if (raw !== undefined) closeQuietly(raw);
  }, timeout);
  try {
    await new Promise<void>((resolve) => inTurn(resolve));
    raw = await connectWithRoom(server, abort.signal);
    abort.signal.throwIfAborted();
    if (preamble !== undefined) await writeAll(raw, preamble);
    // also what was done by then may be told of behind the timer
    abort.signal.throwIfAborted();
    const ends = { peer: addressOf(raw.remoteAddr), local: addressOf(raw.localAddr) };
    if (tls === undefined) return { socket: raw, ...ends, alpn: undefined };
    const socket = await tls.secure(raw, alpn);
    if (abort.signal.aborted) closeQuietly(socket);
    abort.signal.throwIfAborted();
    return { socket, ...ends, alpn: socket.alpn };
  } catch (error) {
    if (raw !== undefined) closeQuietly(raw);
    if (error instanceof ProxyError && error.code === "overloaded") throw error;
    const name = formatServerAddress(server);
    const what = raw === undefined || tls === undefined ? "accept" : "shake hands";
    throw abort.signal.aborted
      ? new ProxyError("connect_timeout", `${name} did not ${what} within ${timeout} ms`)
      : new ProxyError("connect_failed", `Cannot connect to ${name}: ${messageOf(error)}`, {
        cause: error,
      });
  } finally {
    clearTimeout(timer);
  }
}

/** Milliseconds after which it is tried again where this process had no room for a connection. */
const ROOM_MS = 50;

/** Waits for descriptors where there are none: clients that leave give some back. */
async function connectWithRoom(server: Endpoint, signal: AbortSignal): Promise<RawSocket> {
  for (;;) {
    try {
      return await connect(server, signal);
    } catch (error) {
      if (!isShortage(error)) throw error;
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, ROOM_MS));
      if (!signal.aborted) continue;
      const why = `There is no room for a connection to ${formatServerAddress(server)}`;
      throw new ProxyError("overloaded", `${why}: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** Whether nobody listens there: that leaves no doubt, unlike any other failure. */
export function isRefused({ code, cause }: ProxyError): boolean {
  return code === "connect_failed" &&
    (cause instanceof Deno.errors.ConnectionRefused || cause instanceof Deno.errors.NotFound);
}

async function connect(server: Endpoint, signal: AbortSignal): Promise<RawSocket> {
  if (server.kind === "unix") {
    return await connectUnix(server.path, signal);
  }
  const { host: hostname, port } = server;
  const socket = ipVersion(hostname) === 0
    ? await connectByName({ hostname, port, signal })
    : await Deno.connect({ hostname, port, signal });
  socket.setNoDelay(true);
  return socket;
}

/** The runtime takes no signal here; what comes too late is closed. */
async function connectUnix(path: string, signal: AbortSignal): Promise<Deno.UnixConn> {
  const connecting = Deno.connect({ transport: "unix", path });
  try {
    return await untilAborted(connecting, signal);
  } catch (error) {
    connecting.then((socket) => socket.close(), () => {});
    throw error;
  }
}

/** The promise's outcome, or the signal's reason. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

interface NameOptions {
  readonly hostname: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/**
 * To whichever address of the name answers first. The runtime's own way by name tries one address
 * after the other, each for as long as the system lets it; but it asks for no more than permission
 * for `name:port`, so a process that may not look up or may not reach the addresses goes by that.
 */
async function connectByName(options: NameOptions): Promise<Deno.TcpConn> {
  const { hostname, port, signal } = options;
  // to look a name up takes the permission for all of its ports
  if (!mayConnect(hostname)) return await Deno.connect(options);
  const looking = lookup(hostname, { all: true, order: "verbatim" });
  const addresses = await untilAborted(looking, signal);
  try {
    return await race<ResolvedAddress, Deno.TcpConn>({
      targets: interleaveFamilies(addresses as ResolvedAddress[]),
      connect: ({ address }, signal) => Deno.connect({ hostname: address, port, signal }),
      discard: (socket) => socket.close(),
      signal,
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return await Deno.connect(options);
    throw error;
  }
}

/** A socket in the file system has no port; its path stands for the host. */
function addressOf(address: Deno.NetAddr | Deno.UnixAddr): Address {
  return "hostname" in address
    ? { host: address.hostname, port: address.port }
    : { host: address.path, port: 0 };
}
