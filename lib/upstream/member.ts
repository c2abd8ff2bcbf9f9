import type { Candidate } from "./balancer/balancer.ts";
import type { Server } from "./server.ts";

/** What a backend asks of one of its servers. */
export interface MemberOptions {
  /** Its share of the work beside the others'. */
  readonly weight: number;
  /** Whether it has work only while all others are out. */
  readonly backup: boolean;
  /** Whether it is to have no new work. */
  readonly draining: boolean;
}

/** A server in its place among those of a backend. */
export class Member implements Candidate {
  readonly server: Server;
  readonly options: MemberOptions;
  readonly id: string;
  readonly weight: number;
  credit = 0;

  constructor(server: Server, options: MemberOptions) {
    this.server = server;
    this.options = options;
    this.id = server.name;
    this.weight = options.weight;
  }

  get open(): boolean {
    return this.server.usable && this.hasRoom;
  }

  /** Whether it is to have no new work, by its configuration or because somebody asked for it. */
  get draining(): boolean {
    return this.options.draining || this.server.drained;
  }

  /** Whether there is a place, be the server well or not. */
  get hasRoom(): boolean {
    const { maxConnections } = this.server;
    return !this.draining && (maxConnections === 0 || this.server.load < maxConnections);
  }

  get currentWeight(): number {
    return this.weight * this.server.share;
  }

  get load(): number {
    return this.server.load;
  }
}
