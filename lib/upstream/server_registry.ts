import { type Address, formatAddress } from "../core/address.ts";
import { Pool, type PoolOptions } from "./pool.ts";

/** A server of a backend, with what is known of it. */
export interface Server {
  readonly address: Address;
  /** `host:port`, for people. */
  readonly name: string;
  readonly pool: Pool;
}

/** Which server, of which backend. */
export interface ServerKey {
  readonly backend: string;
  readonly address: Address;
  readonly pool: PoolOptions;
}

/**
 * The state of servers, kept by backend and address, so that it survives a reload that leaves them
 * as they are.
 */
export class ServerRegistry {
  #servers = new Map<string, Server>();

  /**
   * The servers for a new configuration: known ones with their state, others fresh. What the old
   * configuration had goes on until `commit`.
   */
  stage(): StagedServers {
    const before = this.#servers;
    const staged = new Map<string, Server>();
    return {
      server: (key) => {
        const id = idOf(key);
        const server = staged.get(id) ?? before.get(id) ?? newServer(key);
        staged.set(id, server);
        return server;
      },
      commit: () => {
        this.#servers = staged;
        for (const [id, { pool }] of before) if (!staged.has(id)) pool.close();
      },
    };
  }

  /** Closes what is idle, and what comes back later. */
  close(): void {
    for (const { pool } of this.#servers.values()) pool.close();
  }
}

export interface StagedServers {
  server(key: ServerKey): Server;
  /** Makes the staged servers the current ones, and closes the pools of those that have gone. */
  commit(): void;
}

function idOf({ backend, address, pool }: ServerKey): string {
  return JSON.stringify([backend, formatAddress(address), pool.maxIdle, pool.idleTimeout]);
}

function newServer({ address, pool }: ServerKey): Server {
  return { address, name: formatAddress(address), pool: new Pool(pool) };
}
