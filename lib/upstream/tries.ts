import type { Server } from "./server.ts";

/** What one request, or one connection, has tried in vain so far. */
export class Tries {
  readonly servers: Server[] = [];
  /** Whether the last was no failure of its server, which may so be tried again. */
  again = false;

  get count(): number {
    return this.servers.length;
  }

  /** The server that was tried last. */
  get last(): Server | undefined {
    return this.servers.at(-1);
  }

  add(server: Server, { again }: { again: boolean }): void {
    this.servers.push(server);
    this.again = again;
  }
}
