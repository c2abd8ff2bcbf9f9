import { asProxyError, ProxyError } from "../core/errors.ts";
import { bodyTooLarge, isBeyond } from "../http/body_limit.ts";
import type { RequestFacts } from "../http/message.ts";
import type { Deadline } from "../io/deadlines.ts";
import { BodyClock } from "./body_clock.ts";
import type { Policy } from "./policy.ts";
import type { RequestInput } from "./request_input.ts";
import type { RequestReader } from "./streams.ts";

/** What a body may be, and how long it may take. */
export type BodyPolicy = Pick<Policy, "limits" | "timeouts">;

export interface RequestBodyOptions {
  /** On the client while a body is read; others may use it while none is. */
  readonly deadline: Deadline;
  /** Who is given the body. */
  readonly reader: RequestReader;
  /** The client was waited for as long as it may be: `fail` is to follow. */
  readonly onLate: (error: ProxyError) => void;
}

/**
 * The bodies of a client's HTTP/1 requests, as they come in turn: a range is given to the reader at a
 * time, and nothing is read from the client while the reader has one.
 */
export class RequestBody {
  readonly #input: RequestInput;
  readonly #options: RequestBodyOptions;
  #policy: BodyPolicy | undefined;
  /** What the reader is to be given: nothing so far, more, none for now, or no more. */
  #state: "unread" | "wanted" | "given" | "trailers" | "over" = "unread";
  #clock: BodyClock | undefined;
  /** Whether the client may wait for a 100 Continue before it sends anything. */
  #expecting = false;
  #isAnswered = false;
  /** Whether it has begun as plain bytes: so it goes on, whoever gets it then. */
  #isPlain = false;

  constructor(input: RequestInput, options: RequestBodyOptions) {
    this.#input = input;
    this.#options = options;
  }

  /** The head of a request has come. */
  begin({ expectsContinue }: RequestFacts, policy: BodyPolicy): void {
    this.#policy = policy;
    this.#state = "unread";
    this.#expecting = expectsContinue;
    this.#isAnswered = false;
    this.#isPlain = false;
  }

  /** Whether it can be given in chunks. */
  get givesChunks(): boolean {
    return !this.#isPlain;
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#input.walk.bytes;
  }

  /** Whether the reader waits for more of it. */
  get isWanted(): boolean {
    return this.#state === "wanted";
  }

  /** Whether all of it was given. */
  get isOver(): boolean {
    return this.#state === "over";
  }

  /** Gives the first range, see `ClientStream.readBody`. */
  read(chunks: boolean): void {
    this.#isPlain = !chunks;
    this.#input.asChunks(chunks);
    this.#clock?.renew();
    if (this.#take()) this.#give();
  }

  /** Gives nothing more before the first range is asked for again. */
  hold(): void {
    this.#state = "unread";
    this.#clock?.stop(0);
  }

  /**
   * Drops a body of which nobody was given anything, where all of it has come.
   *
   * @returns whether what comes next is another request
   */
  skip(): boolean {
    if (this.#state !== "unread" || this.bytes > 0) return false;
    try {
      this.#input.takeBody();
    } catch {
      return false;
    }
    if (this.#input.walk.ended) this.#state = "over";
    return this.isOver;
  }

  /** The reader is done with what it was given last. */
  resume(): void {
    this.#input.isLent = false;
    if (this.#state === "trailers") return this.#giveTrailers();
    if (this.#state !== "given") return;
    this.#state = "wanted";
    if (this.#input.hasMore) return this.giveMore();
    if (this.#input.hasEnded) return this.endEarly();
    if (!this.#expecting && !this.#isAnswered) this.#startClock();
    this.#input.renew();
    this.#input.receive();
  }

  /** Gives what has come, or waits for more where nothing of that goes on. */
  giveMore(): void {
    const { walk } = this.#input;
    const before = walk.bytes;
    if (!this.#take()) return;
    // in chunks a frame goes on, though it may have come without its data
    if (walk.from === walk.to && !walk.ended) {
      this.#input.renew();
      return this.#input.receive();
    }
    this.#clock?.stop(walk.bytes - before);
    this.#give();
  }

  /** The client has half-closed where more was wanted. */
  endEarly(): void {
    this.fail(new ProxyError(...ENDED_EARLY));
  }

  fail(error: ProxyError): void {
    this.#clock?.stop(0);
    this.#options.reader.clientFailed(error);
  }

  /** The server has asked for the body: from here on it is the client's turn. */
  continued(): void {
    if (!this.#expecting) return;
    this.#expecting = false;
    if (this.#state === "wanted") this.#startClock();
  }

  /** The answer has begun: from here on the client may take any time. */
  answered(): void {
    this.#isAnswered = true;
    this.#clock?.stop(0);
  }

  /** @returns whether it could */
  #take(): boolean {
    try {
      this.#input.takeBody();
      const most = this.#policy?.limits.body ?? 0;
      if (isBeyond(this.bytes, most)) throw bodyTooLarge(most);
      return true;
    } catch (error) {
      this.fail(asProxyError(error, "internal"));
      return false;
    }
  }

  #give(): void {
    const { walk } = this.#input;
    if (walk.bytes > 0 || walk.ended) this.#expecting = false;
    this.#state = !walk.ended ? "given" : this.#input.trailersFollow ? "trailers" : "over";
    this.#input.isLent = true;
    this.#options.reader.requestBody(walk.buffer, walk.from, walk.to, this.isOver);
  }

  #giveTrailers(): void {
    this.#state = "over";
    this.#options.reader.requestTrailers(this.#input.walk.trailers);
  }

  /** The clock is made for the first body: most connections never see one. */
  #startClock(): void {
    if (this.#policy === undefined) return;
    const { limits: { bodyRate: rate }, timeouts: { bodyIdle: idle } } = this.#policy;
    if (this.#clock?.isFor(idle, rate) !== true) {
      const { deadline, onLate } = this.#options;
      this.#clock = new BodyClock({ deadline, idle, rate, onLate });
    }
    this.#clock.start();
  }
}

/** What a request is that ends before it is whole. */
export const ENDED_EARLY = ["truncated_request", "The request ended too early"] as const;
