import assert from "node:assert/strict";
import type { TlsClient } from "../tls/tls_client.ts";
import { type DialOptions, openSocket } from "./dial.ts";

const ENDPOINT = { kind: "tcp", host: "192.0.2.1", port: 1 } as const;
const ADDRESS = { transport: "tcp", hostname: "192.0.2.1", port: 1 } as const;

/** What is still to be done with a connection that was made. */
const REST: readonly [name: string, rest: (closed: Promise<void>) => Partial<DialOptions>][] = [
  ["the PROXY header is taken", () => ({ preamble: new Uint8Array(1) })],
  ["its handshake is done", (closed) => ({
    tls: {
      secure: async () => {
        await closed;
        return { alpn: undefined, close: () => {} };
      },
    } as unknown as TlsClient,
  })],
];

for (const [what, rest] of REST) {
  Deno.test(`openSocket() gives no connection that it has closed as ${what}`, async () => {
    const { connect } = Deno;
    const closed = Promise.withResolvers<void>();
    const socket = {
      ...{ remoteAddr: ADDRESS, localAddr: ADDRESS, setNoDelay: () => {} },
      // a busy runtime tells of both at once, and of the timer first
      write: async ({ length }: Uint8Array) => {
        await closed.promise;
        return length;
      },
      close: () => closed.resolve(),
    };
    Object.assign(Deno, { connect: () => Promise.resolve(socket) });
    try {
      const opened = openSocket(ENDPOINT, { timeout: 50, ...rest(closed.promise) });
      await assert.rejects(opened, { code: "connect_timeout" });
    } finally {
      Object.assign(Deno, { connect });
    }
  });
}
