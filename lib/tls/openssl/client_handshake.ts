import { encodeLatin1 } from "../../core/latin1.ts";
import { messageOf, ProxyError } from "../../core/errors.ts";
import type { ByteSocket } from "../../io/socket_connection.ts";
import { writeAll } from "../../io/write_all.ts";
import { whyNotBelieved } from "../server_trust.ts";
import type { TlsContext } from "./context.ts";
import type { Resumption } from "./resumption.ts";
import { TlsSession } from "./session.ts";

export interface ClientHandshakeOptions {
  readonly context: TlsContext;
  /** The host name to ask for (SNI); undefined for none. */
  readonly serverName: string | undefined;
  /** What the certificate has to be for: a host name or an IP address; undefined for anything. */
  readonly verifyName: string | undefined;
  /** What the context offers by ALPN, best first. */
  readonly offered: readonly string[];
  /** A session to offer. */
  readonly resume: Resumption | undefined;
}

/** Bytes to read into: what servers send at once, more or less. */
const BUFFER_BYTES = 8 * 1024;

/**
 * Shakes hands with a server. Closing the socket is what ends it before its time.
 *
 * @throws {ProxyError} `connect_failed`, saying why the server is not believed or what went wrong
 */
export async function shakeHands(
  socket: ByteSocket,
  { context, offered, ...role }: ClientHandshakeOptions,
): Promise<TlsSession> {
  const session = new TlsSession(context, { side: "client", ...role });
  try {
    const buffer = new Uint8Array(BUFFER_BYTES);
    let step = session.handshake(undefined);
    for (let isFirst = true;; isFirst = false) {
      const unsent = session.takeUnsent();
      if (unsent !== undefined) await sendLast(socket, unsent, step === "failed");
      if (step === "done") return session;
      if (step === "failed") throw failure(session, { name: role.verifyName, offered });
      const count = await socket.read(buffer);
      if (count === null) throw new ProxyError("connect_failed", "it closed amid the handshake");
      const received = buffer.subarray(0, count);
      if (isFirst && beginsAnswer(received)) {
        throw new ProxyError("connect_failed", "it speaks plain HTTP, not TLS");
      }
      step = session.handshake(received);
    }
  } catch (error) {
    session.close();
    throw error;
  }
}

/** Whether a server takes the ClientHello for a request, and answers it. */
function beginsAnswer(bytes: Uint8Array): boolean {
  return HTTP_ANSWER.every((byte, at) => bytes[at] === byte);
}

const HTTP_ANSWER = encodeLatin1("HTTP/1.");

/** An alert that nobody takes must not hide why it was sent. */
async function sendLast(socket: ByteSocket, bytes: Uint8Array, isAlert: boolean): Promise<void> {
  try {
    await writeAll(socket, bytes);
  } catch (error) {
    if (!isAlert) throw new ProxyError("connect_failed", messageOf(error), { cause: error });
  }
}

function failure(
  session: TlsSession,
  { name, offered }: { name: string | undefined; offered: readonly string[] },
): ProxyError {
  const { code, words } = session.verification();
  const alpn = offered.length === 0 ? "" : `; ${offered.join(" and ")} was offered by ALPN`;
  const why = code === 0
    ? `the TLS handshake failed: ${session.failure}${alpn}`
    : whyNotBelieved(code, words, name);
  return new ProxyError("connect_failed", why);
}
