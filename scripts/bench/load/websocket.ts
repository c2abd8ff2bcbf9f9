import { Buffer } from "node:buffer";
import * as tls from "node:tls";
import { type Progress, tenthsOf } from "./progress.ts";
import type { Target } from "./target.ts";

/** Milliseconds in which something has to come. */
const SILENCE_MS = 10_000;

export interface EchoLoad {
  readonly connections: number;
  /** On each connection, one after another. */
  readonly messages: number;
}

/**
 * Sends small messages over WebSockets, each when the one before has come back.
 *
 * @throws {Error} where one does not come back as it was
 */
export async function echoes(
  target: Target,
  { connections, messages }: EchoLoad,
  progress?: Progress,
): Promise<void> {
  const cameBack = tenthsOf(connections * messages, progress);
  await Promise.all(
    Array.from({ length: connections }, () => echo(target, messages, cameBack)),
  );
}

const PAYLOAD = Buffer.from("the same, please, as it was sent");

/** A text frame of less than 126 bytes (RFC 6455, section 5.2); a client's has a mask. */
export function frame(payload: Uint8Array, { mask }: { mask: boolean }): Buffer {
  const TEXT = 0x81;
  if (!mask) return Buffer.concat([Buffer.from([TEXT, payload.length]), payload]);
  // a mask of zeros changes nothing and is allowed
  return Buffer.concat([Buffer.from([TEXT, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

function echo({ port, ca }: Target, messages: number, cameBack: () => void): Promise<void> {
  const sent = frame(PAYLOAD, { mask: true });
  const expected = frame(PAYLOAD, { mask: false });
  return new Promise((resolve, reject) => {
    const host = "127.0.0.1";
    let left = messages;
    let open = false;
    let read = Buffer.alloc(0);
    const socket = tls.connect({ host, port, ca, ALPNProtocols: ["http/1.1"] }, () => {
      socket.setNoDelay(true);
      socket.write(
        `GET /echo HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\n` +
          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
    });
    socket.setTimeout(SILENCE_MS, () => fail("nothing came back"));
    socket.on("error", (error: Error) => fail(error.message));
    socket.on("end", () => fail("it was closed"));
    socket.on("data", (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      if (!open && !readHead()) return;
      if (read.length < expected.length) return;
      if (!read.equals(expected)) return fail("what came back is not what was sent");
      next();
    });

    /** @returns whether frames may come now */
    function readHead(): boolean {
      const end = read.indexOf("\r\n\r\n");
      if (end < 0) return false;
      if (!read.toString("latin1").startsWith("HTTP/1.1 101 ")) {
        fail("the upgrade was refused");
        return false;
      }
      open = true;
      read = read.subarray(end + 4);
      socket.write(sent);
      return true;
    }

    function next(): void {
      read = Buffer.alloc(0);
      cameBack();
      if (--left > 0) return void socket.write(sent);
      socket.destroy();
      resolve();
    }

    function fail(reason: string): void {
      socket.destroy();
      reject(new Error(`A WebSocket failed: ${reason}`));
    }
  });
}
