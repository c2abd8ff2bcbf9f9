import net from "node:net";

/** A TCP port that passes a connection on to another port, and can be cut beneath TLS. */
export interface Wire extends AsyncDisposable {
  readonly port: number;
  /** Ends what goes to the other port; no alert of TLS tells of it. */
  end(): void;
  /** Ends it likewise, but amid the next piece. */
  endAmidNext(): void;
  /** Breaks off with a RST. */
  reset(): void;
}

/** Starts a wire for one connection. */
export async function startWire(to: number): Promise<Wire> {
  const sockets = new Set<net.Socket>();
  let far: net.Socket | undefined;
  let amid = false;
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const passing = net.connect({ host: "127.0.0.1", port: to, allowHalfOpen: true });
    far = passing;
    for (const socket of [near, passing]) {
      sockets.add(socket);
      // a wire that is cut breaks at both ends
      socket.on("error", () => {});
    }
    near.on("data", (piece: Uint8Array) => {
      if (amid) passing.end(piece.subarray(0, piece.length - 1));
      else if (!passing.writableEnded) passing.write(piece);
    });
    near.on("end", () => passing.end());
    passing.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    end: () => void far?.end(),
    endAmidNext: () => void (amid = true),
    reset: () => void far?.resetAndDestroy(),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
