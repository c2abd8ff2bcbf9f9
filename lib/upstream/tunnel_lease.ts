import type { Connection } from "../io/connection.ts";
import type { Server } from "./server.ts";

/** A place at a server and a connection to it, for opaque bytes. */
export class TunnelLease implements Disposable {
  readonly server: Server;
  readonly connection: Connection;

  constructor(server: Server, connection: Connection) {
    this.server = server;
    this.connection = connection;
  }

  [Symbol.dispose](): void {
    this.connection.close();
    this.server.leave();
  }
}
