import { asProxyError, type ProxyError } from "../core/errors.ts";
import type { Backend, Claim } from "../upstream/backend.ts";
import type { Pin } from "../upstream/pins.ts";
import type { Server } from "../upstream/server.ts";
import type { Seen, ServerStream } from "../upstream/server_stream.ts";
import { Tries } from "../upstream/tries.ts";
import { type ExchangeOrder, NO_ORDER } from "./exchange_order.ts";
import { type FailedTry, isHarmless, isRepeatable, mayRetry } from "./retry.ts";
import type { ClientStream } from "./streams.ts";

/** Who has places and connections leased. */
export interface LeaseUser {
  /**
   * Both are at hand, maybe before the call that asked for them returns.
   *
   * @param now `performance.now()`
   */
  leased(stream: ServerStream, now: number): void;
  /** There is no place. @param error what the client is to be told */
  noServer(error: ProxyError): void;
  /** There is a place, at `ServerLease.server`, which is given back, and no connection. */
  noConnection(error: ProxyError): void;
  /** What goes wrong here. */
  readonly onBug: (reason: unknown) => void;
}

/** A try that has failed. */
export interface FailedAttempt {
  readonly error: ProxyError;
  /** Whether the server has seen the request. */
  readonly seen: Seen;
  /** What the client is to be told of it where no other server is left. */
  readonly told: ProxyError;
}

/** What is known of them, during a request and behind it. */
export interface LeaseFacts {
  /** The server that was asked last. */
  readonly server: Server | undefined;
  /** How many servers were asked, or tried to be. */
  readonly attempts: number;
  /** Whether the last connection had served before. */
  readonly reused: boolean;
  /** When it was at hand, as `performance.now()` has it; 0 for not yet. */
  readonly leasedAt: number;
}

/** What a place is chosen by. */
type LeaseOrder = Pick<ExchangeOrder, "backend" | "client" | "kept">;

/**
 * A request's place at a server and its connection to it: how they are come by, and what becomes of
 * them. One object serves all requests of a client stream, in turn.
 */
export class ServerLease implements LeaseFacts {
  server: Server | undefined;
  attempts = 0;
  reused = false;
  leasedAt = 0;
  /** The connection to the server; undefined where there is none, or none any more. */
  stream: ServerStream | undefined;
  readonly #client: ClientStream;
  readonly #user: LeaseUser;
  #order: LeaseOrder = NO_ORDER;
  /** Counts claims, so that what was waited for finds out that it comes too late. */
  #claims = 0;
  #tries: Tries | undefined;
  /** Why the last try failed. */
  #lastError: ProxyError | undefined;
  /** Where the request has a place that it has to give back. */
  #place: Server | undefined;
  /** Whether the connection knows who the client is. */
  #isTied = false;
  /** Ends the wait for a place; undefined where none was waited for. */
  #giveUp: (() => void) | undefined;

  constructor(client: ClientStream, user: LeaseUser) {
    this.#client = client;
    this.#user = user;
  }

  /** A request has come. */
  begin(): void {
    this.#claims++;
    this.server = undefined;
    this.attempts = 0;
    this.reused = false;
    this.leasedAt = 0;
    this.#tries = undefined;
    this.#lastError = undefined;
    this.#isTied = false;
    this.#giveUp = undefined;
  }

  /** Takes a place at a server and a connection to it: at once, where both are at hand. */
  claim(order: LeaseOrder, now: number): void {
    this.#order = order;
    this.#claims++;
    const { client } = this.#client;
    const { backend } = order;
    const pin = this.#pinOf(backend);
    if (pin !== undefined) {
      this.#isTied = true;
      // its client is known there: no other place would do
      pin.server.enterAnyway();
      this.#asks(pin.server);
      return this.#leased(pin.server, pin.stream, now);
    }
    let claimed: Server | Promise<Server>;
    try {
      claimed = backend.claim(order.client ?? client.peer.host, this.#claimed, this.#onWait);
    } catch (error) {
      return this.#noServer(error);
    }
    if (claimed instanceof Promise) return this.#wait(claimed);
    const idle = this.#takeIdle(claimed);
    if (idle === undefined || idle instanceof Promise) return this.#wait(claimed, idle);
    this.#asks(claimed);
    this.#leased(claimed, idle, now);
  }

  /** Whether another try may follow one that has failed so, before any answer had begun. */
  mayTryNext({ code }: ProxyError, sent: Pick<FailedTry, "seen" | "bodyGone">): boolean {
    const tried = this.#tries?.count ?? 0;
    if (this.server === undefined || tried >= this.#order.backend.retries) return false;
    const repeatable = isRepeatable(this.#client.request);
    return mayRetry({ code, repeatable, ...sent });
  }

  /** Claims another, as the last was asked in vain. */
  claimNext({ error, seen, told }: FailedAttempt): void {
    this.#tries ??= new Tries();
    if (this.server !== undefined) {
      this.#tries.add(this.server, { again: isHarmless(error, seen) });
    }
    this.#lastError = told;
    // of the try that has failed
    this.reused = false;
    this.leasedAt = 0;
    this.claim(this.#order, performance.now());
  }

  /** The connection knows who the client is: it is nobody else's any more. */
  tie(): void {
    this.#isTied = true;
  }

  /** The server has done what it was asked for. */
  succeed(): void {
    this.#place?.succeed();
  }

  /** Gives both back: the connection has served to the end. */
  release(): void {
    const server = this.#place;
    const { stream } = this;
    this.stream = undefined;
    if (stream !== undefined && server !== undefined) {
      if (this.#isTied) this.#client.pins.keep(this.#order.backend.name, { server, stream });
      else stream.release();
    }
    this.#leavePlace();
  }

  /** The connection has ended by itself. */
  lost(): void {
    this.stream = undefined;
    this.#leavePlace();
  }

  /** Breaks the connection off; what is waited for comes too late. */
  abort(error?: ProxyError): void {
    this.#claims++;
    // one that waits in vain takes room from those who wait
    this.#giveUp?.();
    this.#giveUp = undefined;
    const { stream } = this;
    this.stream = undefined;
    stream?.abort(error);
    this.#leavePlace();
  }

  /** A connection that knows its client; one to a server that a reload has taken away is closed. */
  #pinOf(backend: Backend): Pin | undefined {
    const { pins } = this.#client;
    let pin = pins.take(backend.name);
    for (; pin !== undefined && !backend.has(pin.server); pin = pins.take(backend.name)) {
      pin.stream.abort();
    }
    return pin;
  }

  readonly #onWait = (giveUp: () => void): void => void (this.#giveUp = giveUp);

  /** What a place depends on besides the client; undefined where on nothing. */
  get #claimed(): Claim | undefined {
    const kept = this.#order.kept?.member;
    const tries = this.#tries;
    return kept === undefined && tries === undefined ? undefined : { kept, tries };
  }

  /** One that has served before, unless it is the very thing that has just failed. */
  #takeIdle(server: Server): ServerStream | undefined | Promise<ServerStream | undefined> {
    if (this.#tries !== undefined) return undefined;
    const { request } = this.#client;
    return server.streamsFor(request).take(!isRepeatable(request));
  }

  async #open(server: Server): Promise<ServerStream> {
    const { client, request } = this.#client;
    const { backend } = this.#order;
    const stream = await backend.open(server.streamsFor(request), client);
    backend.reached(server);
    return stream;
  }

  #wait(claimed: Server | Promise<Server>, idle?: Promise<ServerStream | undefined>): void {
    this.#leaseLater(claimed, idle).catch(this.#user.onBug);
  }

  /** Waits for what is not at hand. */
  async #leaseLater(
    claimed: Server | Promise<Server>,
    idle?: Promise<ServerStream | undefined>,
  ): Promise<void> {
    const claim = this.#claims;
    const isLate = () => this.#claims !== claim;
    let server: Server;
    try {
      server = await claimed;
    } catch (error) {
      return isLate() ? undefined : this.#noServer(error);
    }
    let stream: ServerStream | undefined;
    let failure: unknown;
    try {
      if (!isLate()) this.#asks(server);
      // one that is looked at already is given back below where it comes too late
      stream = await (idle ?? (isLate() ? undefined : this.#takeIdle(server))) ??
        (isLate() ? undefined : await this.#open(server));
    } catch (error) {
      failure = error;
    }
    if (isLate() || stream === undefined) {
      stream?.release();
      server.leave();
      if (isLate()) return;
      return this.#user.noConnection(asProxyError(failure, "internal"));
    }
    this.#leased(server, stream, performance.now());
  }

  /** A server is asked, or tried to be, which counts whatever comes of it. */
  #asks(server: Server): void {
    this.server = server;
    this.attempts++;
  }

  #leased(server: Server, stream: ServerStream, now: number): void {
    this.leasedAt = now;
    this.reused = stream.reused;
    this.stream = stream;
    this.#place = server;
    this.#user.leased(stream, now);
  }

  /** No server is left: what was tried says more than that. */
  #noServer(reason: unknown): void {
    const error = asProxyError(reason, "internal");
    this.#user.noServer(this.#lastError ?? this.#order.backend.unreachable(error));
  }

  #leavePlace(): void {
    const place = this.#place;
    this.#place = undefined;
    place?.leave();
  }
}
