import type { Deadline } from "../io/deadlines.ts";
import { asProxyError, type ErrorCode, ProxyError } from "../core/errors.ts";
import type { GatherWriter } from "../io/gather_writer.ts";
import type { BodyPart } from "../http1/body_decoder.ts";
import { encodeBodyPart } from "../http1/body_encoder.ts";
import { hasToken, valuesOf } from "../http/field.ts";
import { responseHeadText } from "../http1/head.ts";
import { endToEndFields } from "../http/hop_fields.ts";
import type { PartReader } from "../http1/part_reader.ts";
import { keepsAlive } from "../http1/persistence.ts";
import type { ForwardedPart, ForwardedRequest } from "../http1/request_stream.ts";
import type { ResponseHeadPart, ResponsePart } from "../http1/response_decoder.ts";
import { upgradeFields } from "../http1/upgrade.ts";
import type { Backend } from "../upstream/backend.ts";
import type { Lease } from "../upstream/lease.ts";
import type { Origin } from "../upstream/proxy_protocol.ts";
import type { Server } from "../upstream/server.ts";
import { Tries } from "../upstream/tries.ts";
import type { BodyClock } from "./body_clock.ts";
import { type FailedTry, mayRetry } from "./retry.ts";

/** The client's side of an exchange. */
export interface ExchangeClient {
  /** The client's connection, for those who go by its addresses. */
  readonly origin: Origin;
  /** Where the request's body comes from. */
  readonly requests: PartReader<ForwardedPart>;
  /** Where the answer goes to. */
  readonly answers: GatherWriter;
  /** Runs while a piece of the request's body is waited for. */
  readonly reading: Pick<BodyClock, "renew" | "start" | "stop">;
  /** Runs while the client is to take something. */
  readonly writing: Clock;
  /** On the server's side; `exchange` says what its end means. */
  readonly serverDeadline: Deadline;
  /** Whether answers carry `Via`. */
  readonly via: boolean;
  /** Whether the client's connection is to go on afterwards, as far as the proxy cares. */
  readonly mayKeepAlive: boolean;
  /** Where an exchange says how far it has come; one for the whole connection. */
  readonly progress: Progress;
  /** Each lease while it is used, so that a client that has gone ends it. */
  lease: Lease | undefined;
  /** Carries opaque bytes both ways once the server has switched protocols, until both have ended. */
  tunnel(lease: Lease): Promise<void>;
}

/** How far a request has come; the times are those of `performance.now()`, 0 for not yet. */
export interface Progress {
  /** When the request began. */
  began: number;
  attempts: number;
  reused: boolean;
  /** When the server's connection was at hand. */
  leased: number;
  /** When the head of the answer had come. */
  answered: number;
}

/** A time limit that can be started and stopped over and over. */
export interface Clock {
  start(): void;
  stop(): void;
}

/** How an exchange went; the answer's head has been sent where there is a status. */
export interface ExchangeResult {
  readonly status: number;
  readonly server: string;
  /** Bytes of the request's body. */
  readonly bodyBytes: number;
  /** Whether the request was read to its end. */
  readonly requestRead: boolean;
  /** Whether the client's connection can take another. */
  readonly keepAlive: boolean;
}

/** An exchange that failed, and how far it had come. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
  readonly error: ProxyError;
  readonly server: string | undefined;
  /** The status that the client has been sent, where it has. */
  readonly status: number | undefined;

  constructor(
    error: ProxyError,
    progress: { server: string | undefined; status: number | undefined },
  ) {
    super(error.message, { cause: error });
    this.error = error;
    this.server = progress.server;
    this.status = progress.status;
  }
}

/**
 * Sends one request to a backend and its answer to the client, both streamed.
 *
 * @throws {ExchangeError}
 */
export function exchange(
  request: ForwardedRequest,
  backend: Backend,
  client: ExchangeClient,
): Promise<ExchangeResult> {
  const first = new Attempt(request, backend, client);
  return first.run(undefined).catch((error) => tryOthers(first, error));
}

/**
 * Goes on behind a try that failed, with others where that may be.
 *
 * @throws {ExchangeError}
 */
async function tryOthers(first: Attempt, failure: unknown): Promise<ExchangeResult> {
  const { request, backend, client } = first;
  const tries = new Tries();
  let last: ExchangeError | undefined;
  for (let attempt = first, error = failure;;) {
    const failed = asProxyError(error, "internal");
    // an answer that breaks before any of it was sent can still be replaced by an error
    if (attempt.status === undefined) client.answers.drop();
    const { server, status } = attempt;
    // no other server was left: what was tried says more than that
    if (server === undefined && last !== undefined) throw last;
    const retry = mayRetry(attempt.failedTry(failed.code));
    // a server may well close an idle connection, also in the wrong moment
    const harmless = retry && attempt.reused;
    // behind a switch of protocols nobody can tell whether a server's end is a failure
    const tells = failed.source === "upstream" && status !== 101 && !harmless;
    if (server !== undefined && tells) {
      backend.report(server, failed, { begun: status !== undefined });
    }
    const told = backend.unreachable(failed);
    last = new ExchangeError(told, { server: server?.name, status });
    if (server === undefined || !retry || tries.count >= backend.retries) throw last;
    tries.add(server, { again: harmless });
    attempt = new Attempt(request, backend, client);
    try {
      return await attempt.run(tries);
    } catch (next) {
      error = next;
    }
  }
}

/** One try at one server. */
class Attempt {
  readonly request: ForwardedRequest;
  readonly backend: Backend;
  readonly client: ExchangeClient;
  server: Server | undefined;
  /** Of the answer, once some of it was sent. */
  status: number | undefined;
  reused = false;
  /** Whether the server has sent anything of an answer. */
  answered = false;

  constructor(request: ForwardedRequest, backend: Backend, client: ExchangeClient) {
    this.request = request;
    this.backend = backend;
    this.client = client;
  }

  /** One function from lease to answer, as each that waits costs a small request 1 %. */
  async run(tries: Tries | undefined): Promise<ExchangeResult> {
    const { request, client } = this;
    const { answers, writing, serverDeadline, progress } = client;
    const leased = this.#lease(tries);
    const lease = leased instanceof Promise ? await leased : leased;
    // one that was at hand took no time: to ask the clock for it costs more
    progress.leased = lease === leased ? progress.began : performance.now();
    const upload = new Upload(request, lease, client);
    try {
      this.#send(lease, upload);
      const { responses } = lease.connection;
      let head = this.#answerHead(await responses.next());
      while (isInterim(head)) {
        await this.#interim(head, upload);
        head = this.#answerHead(responses.take() ?? await responses.next());
      }
      upload.answered();
      progress.answered = performance.now();
      const { status } = head.head;
      if (status === 101) {
        await this.#switch(head, lease);
        return succeeded(status, { lease, upload, keepAlive: false });
      }
      const { text, framing, keepAlive, reusable } = lease.connection.clientHeads.write(head, {
        method: request.head.method,
        minor: request.head.minor,
        keepAlive: upload.done && client.mayKeepAlive && goesOn(request),
        via: client.via,
      });
      answers.push(text);
      for (let ended = head.framing.kind === "none"; !ended;) {
        let part = responses.take();
        if (part === undefined) {
          this.status = status;
          await this.#flush();
          const { answerIdle, name } = this.backend;
          serverDeadline.arm(answerIdle, () => lease.abort(serverSilent(answerIdle, name)));
          part = await responses.next();
          serverDeadline.disarm();
        }
        if (part === undefined || part.kind === "head") throw serverGone();
        if (part.kind === "failure") throw part.error;
        encodeBodyPart(part, framing, (bytes, room) => answers.push(bytes, room));
        ended = part.kind === "end";
      }
      this.status = status;
      // `#flush`, which every request would pay for
      writing.start();
      await answers.flush();
      writing.stop();
      if (upload.done && reusable) lease.reuse();
      return succeeded(status, { lease, upload, keepAlive });
    } finally {
      upload.stop();
      client.lease = undefined;
      // `using` costs twice as much as all of this block
      lease[Symbol.dispose]();
    }
  }

  /** This try, after it has failed. */
  failedTry(code: ErrorCode): FailedTry {
    const { head, framing, upgrade } = this.request;
    const { reused, answered } = this;
    // behind a request for an upgrade may come what is gone once it is sent
    const hasBody = framing.kind !== "none" || upgrade !== undefined;
    return { code, method: head.method, hasBody, reused, answered };
  }

  /** A place at a server and a connection to it: at once, where both are at hand. */
  #lease(tries: Tries | undefined): Lease | Promise<Lease> {
    const { backend, client: { origin, progress } } = this;
    const claimed = backend.claim(origin.peer.host, tries);
    const lease = (server: Server) => {
      progress.attempts++;
      this.server = server;
      return backend.lease(server, origin, { fresh: tries !== undefined });
    };
    return claimed instanceof Promise ? claimed.then(lease) : lease(claimed);
  }

  /** Sends the request's head, and begins to send its body. */
  #send(lease: Lease, upload: Upload): void {
    const { head: { method }, upgrade, forwarded: head } = this.request;
    this.reused = lease.reused;
    this.client.progress.reused = lease.reused;
    this.client.lease = lease;
    lease.connection.begin({ method, upgrade, head });
    upload.start(this.backend.responseTimeout);
  }

  #answerHead(part: ResponsePart | undefined): ResponseHeadPart {
    if (part?.kind !== "head") throw serverGone();
    this.answered = true;
    return part;
  }

  /** Passes an interim answer on to a client that knows of such (RFC 9110, section 15.2). */
  async #interim({ head }: ResponseHeadPart, upload: Upload): Promise<void> {
    if (head.status === 100) upload.continued();
    if (this.request.head.minor === 0) return;
    const fields = endToEndFields(head.fields);
    this.client.answers.push(responseHeadText(head, fields));
    await this.#flush();
  }

  /** Passes a 101 on, which was asked for, and all that follows it. */
  async #switch({ head }: ResponseHeadPart, lease: Lease): Promise<void> {
    const fields = [
      ...endToEndFields(head.fields),
      ...upgradeFields(valuesOf(head.fields, "upgrade")),
    ];
    this.client.answers.push(responseHeadText(head, fields));
    this.status = 101;
    await this.client.tunnel(lease);
  }

  async #flush(): Promise<void> {
    const { answers, writing } = this.client;
    writing.start();
    await answers.flush();
    writing.stop();
  }
}

function succeeded(
  status: number,
  { lease: { server }, upload, keepAlive }: { lease: Lease; upload: Upload; keepAlive: boolean },
): ExchangeResult {
  server.succeed();
  const { done: requestRead, bytes: bodyBytes } = upload;
  return { status, server: server.name, bodyBytes, requestRead, keepAlive };
}

/** Whether the answer proper is still to come. */
function isInterim({ head: { status } }: ResponseHeadPart): boolean {
  return status < 200 && status !== 101;
}

/** Whether another request can come behind this one, as far as its client says. */
export function goesOn({ head, upgrade }: ForwardedRequest): boolean {
  // what follows a request for an upgrade has not been read as HTTP
  return upgrade === undefined && keepsAlive(head);
}

/** The request on its way to the server, beside the answer on its way back. */
class Upload {
  /**
   * Whether the whole request has been read from the client and taken by the runtime. Before that
   * neither connection may go on: what is still to be written lies in a buffer that the client's
   * next bytes would be read into.
   */
  done: boolean;
  /** Bytes of the body so far. */
  bytes = 0;
  readonly #request: ForwardedRequest;
  readonly #lease: Lease;
  readonly #client: ExchangeClient;
  /** Whether the client may wait for a 100 Continue before it sends anything of its body. */
  #expecting: boolean;
  /** Whether the answer has begun. */
  #answered = false;
  #stopped = false;
  #responseTimeout = 0;

  constructor(request: ForwardedRequest, lease: Lease, client: ExchangeClient) {
    this.#request = request;
    this.#lease = lease;
    this.#client = client;
    this.done = request.framing.kind === "none";
    this.#expecting = !this.done && expectsContinue(request);
  }

  /** Sends in the background; whenever it waits for the server, the server has so many ms. */
  start(responseTimeout: number): void {
    this.#responseTimeout = responseTimeout;
    this.#waitForServer();
    const sent = this.done ? this.#lease.connection.requests.flush() : this.#send();
    sent.catch((error) => {
      const failed = asProxyError(error, "internal");
      // a server that no longer listens may still have answered: its answer is read to the end
      if (failed.source !== "upstream") this.#lease.abort(failed);
    });
  }

  /** The server has sent 100 Continue, so it is the client's turn. */
  continued(): void {
    if (!this.#expecting) return;
    this.#expecting = false;
    this.#waitForClient();
  }

  /** The answer has begun: how long it may take is not for the request to say any more. */
  answered(): void {
    this.#answered = true;
    this.#client.serverDeadline.disarm();
    if (!this.done) this.#client.reading.stop(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#client.serverDeadline.disarm();
    if (!this.done) this.#client.reading.stop(0);
  }

  /** The head, and the body as it comes. */
  async #send(): Promise<void> {
    const { requests } = this.#lease.connection;
    this.#client.reading.renew();
    for (let ended = false; !ended;) {
      // what is at hand goes out before more is waited for: a client may wait for 100 Continue
      if (!this.#client.requests.buffered) {
        await requests.flush();
        this.#waitForClient();
      }
      if (this.#stopped) return;
      const part = await this.#nextPart();
      if (this.#stopped) return;
      this.#waitForServer();
      encodeBodyPart(part, this.#request.framing, (bytes, room) => requests.push(bytes, room));
      ended = part.kind === "end";
    }
    await requests.flush();
    this.done = true;
  }

  async #nextPart(): Promise<BodyPart> {
    const { requests } = this.#client;
    const part = requests.take() ?? await requests.next();
    if (part === undefined || part.kind === "head" || part.kind === "failure") {
      throw new ProxyError("truncated_request", "The request ended too early");
    }
    if (part.kind === "data") this.bytes += part.bytes.length;
    // the clock of an upload that nobody waits for any more is somebody else's by now
    if (this.#stopped) return part;
    this.#expecting = false;
    this.#client.reading.stop(part.kind === "data" ? part.bytes.length : 0);
    return part;
  }

  #waitForServer(): void {
    if (this.#stopped || this.#answered) return;
    const late = () => this.#lease.abort(noAnswer(this.#responseTimeout));
    this.#client.serverDeadline.arm(this.#responseTimeout, late);
  }

  /** A client that may wait for 100 Continue waits for the server, so both do. */
  #waitForClient(): void {
    if (this.#stopped || this.#answered || this.#expecting) return;
    this.#client.serverDeadline.disarm();
    this.#client.reading.start();
  }
}

/** RFC 9110, section 10.1.1; from HTTP/1.0 it means nothing. */
function expectsContinue({ head: { minor, fields } }: ForwardedRequest): boolean {
  return minor === 1 && hasToken(fields, "expect", "100-continue");
}

function serverGone(): ProxyError {
  return new ProxyError("upstream_gone", "The server closed the connection without an answer");
}

function serverSilent(ms: number, backend: string): ProxyError {
  const key = `backends.${backend}.timeouts.idle`;
  const message = `The server's answer stood still for ${ms / 1000} s; ${key} sets how long may be`;
  return new ProxyError("truncated_response", message);
}

function noAnswer(ms: number): ProxyError {
  return new ProxyError("response_timeout", `The server did not answer within ${ms / 1000} s`);
}
