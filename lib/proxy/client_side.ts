import type { Connection } from "../io/connection.ts";
import type { TlsFacts } from "../core/tls_facts.ts";
import type { Deadline, Deadlines } from "../io/deadlines.ts";
import { type ErrorCode, ProxyError } from "../core/errors.ts";
import { GatherWriter } from "../io/gather_writer.ts";
import type { Live } from "../core/live.ts";
import { type PartDecoder, PartReader } from "../http1/part_reader.ts";
import type { ForwardedPart } from "../http1/request_stream.ts";
import type { Certificate } from "../certificates/certificate.ts";
import type { Lease } from "../upstream/lease.ts";
import { BodyClock } from "./body_clock.ts";
import type { BodyRate } from "./body_credit.ts";
import type { Clock, ExchangeClient, Progress } from "./exchange.ts";
import type { Policy } from "./policy.ts";
import { tunnel } from "./relay.ts";

/** A connection that speaks HTTP/1.1, over TLS or, where it only redirects, without. */
export interface HttpConnection extends Connection {
  readonly tls?: TlsFacts;
  /** The certificate the client was given. */
  readonly certificate?: Certificate | undefined;
  /** What the client was asked to prove (`ClientAuth.id`); undefined where it was nothing. */
  readonly clientAuth?: string | undefined;
  /** What it has proved to be: certificates as DER, its own first. */
  readonly clientCertificates?: readonly Uint8Array[];
}

/**
 * The client's side of all exchanges of a connection: one object for all of them, as they come in
 * turn. A class, as an object with getters of its own costs an idle connection a kilobyte.
 */
export class ClientSide implements ExchangeClient {
  readonly origin: HttpConnection;
  readonly requests: PartReader<ForwardedPart>;
  readonly answers: GatherWriter;
  readonly readDeadline: Deadline;
  readonly serverDeadline: Deadline;
  readonly writing: WriteClock;
  /** Of the request that is being served. */
  readonly progress: Progress = { began: 0, attempts: 0, reused: false, leased: 0, answered: 0 };
  lease: Lease | undefined;
  mayKeepAlive = true;
  /** Bytes that went to the server behind a switch of protocols. */
  tunnelled = 0;
  #reading: BodyClock | undefined;
  readonly #bodyRate: BodyRate;
  readonly #policy: Live<Policy>;
  readonly #deadlines: Deadlines;

  constructor(
    origin: HttpConnection,
    decoder: PartDecoder<ForwardedPart>,
    { policy, deadlines }: { policy: Live<Policy>; deadlines: Deadlines },
  ) {
    this.origin = origin;
    this.#policy = policy;
    this.#deadlines = deadlines;
    this.requests = new PartReader<ForwardedPart>(origin, decoder);
    this.answers = new GatherWriter(origin);
    this.readDeadline = deadlines.watch();
    this.serverDeadline = deadlines.watch();
    const { limits: { bodyRate }, timeouts: { bodyIdle } } = policy.current;
    this.#bodyRate = { idle: bodyIdle, rate: bodyRate };
    this.writing = new WriteClock(origin, deadlines.watch(), bodyIdle);
  }

  /** Made for the first body: most connections never see one. */
  get reading(): BodyClock {
    return this.#reading ??= this.#makeBodyClock();
  }

  #makeBodyClock(): BodyClock {
    const { idle, rate } = this.#bodyRate;
    const onLate = () => this.origin.failReads(bodyTimeout(idle, rate));
    return new BodyClock({ deadline: this.readDeadline, idle, rate, onLate });
  }

  get via(): boolean {
    return this.#policy.current.forwarded.via;
  }

  /** A stop does not cut it: it has no point where it could be cut, as in tcp mode. */
  async tunnel(lease: Lease): Promise<void> {
    const { responses, requests, bytes } = lease.connection;
    await tunnel(
      {
        input: this.requests,
        output: this.answers,
        bytes: this.origin.bytes,
        reset: (reason) => this.origin.reset(reason),
      },
      { input: responses, output: requests, bytes, reset: (reason) => lease.abort(reason) },
      {
        deadlines: this.#deadlines,
        idleTimeout: this.#policy.current.timeouts.tunnelIdle,
        onSent: (count) => void (this.tunnelled += count),
      },
    );
  }

  [Symbol.dispose](): void {
    this.readDeadline[Symbol.dispose]();
    this.serverDeadline[Symbol.dispose]();
    this.writing[Symbol.dispose]();
  }
}

/** The clock on a client that is to take something; once that is up the connection is closed. */
class WriteClock implements Clock, Disposable {
  readonly #deadline: Deadline;
  readonly #idle: number;
  readonly #onLate: () => void;

  constructor(client: Connection, deadline: Deadline, idle: number) {
    this.#deadline = deadline;
    this.#idle = idle;
    this.#onLate = () => client.close(timeout("idle_timeout", idle));
  }

  start(): void {
    this.#deadline.arm(this.#idle, this.#onLate);
  }

  stop(): void {
    this.#deadline.disarm();
  }

  [Symbol.dispose](): void {
    this.#deadline[Symbol.dispose]();
  }
}

function bodyTimeout(idle: number, rate: number): ProxyError {
  const slow = rate === 0 ? "" : `, or less than ${rate} bytes a second`;
  return new ProxyError("body_timeout", `Nothing of the body came for ${idle / 1000} s${slow}`);
}

export function timeout(code: ErrorCode, ms: number): ProxyError {
  return new ProxyError(code, `Nothing useful came for ${ms / 1000} s`);
}
