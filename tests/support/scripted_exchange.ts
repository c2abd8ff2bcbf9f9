import assert from "node:assert/strict";
import { ProxyError } from "../../lib/core/errors.ts";
import type { Deadline, Deadlines } from "../../lib/io/deadlines.ts";
import type { Field } from "../../lib/http/field.ts";
import {
  type AnswerFacts,
  NO_BODY,
  type RequestFacts,
  UNKNOWN_LENGTH,
} from "../../lib/http/message.ts";
import type { OwnAnswer } from "../../lib/http/own_answer.ts";
import type {
  AnswerTransform,
  AnswerTransformer,
  TransformPlace,
} from "../../lib/proxy/answer_transform.ts";
import type { RequestReader } from "../../lib/proxy/streams.ts";
import type { ClientStream } from "../../lib/proxy/streams.ts";
import { Pins } from "../../lib/upstream/pins.ts";
import type {
  AnswerReader,
  OpaqueEnd,
  Seen,
  Sending,
  ServerStream,
} from "../../lib/upstream/server_stream.ts";

/** Something that may happen next. */
export interface Action {
  readonly name: string;
  readonly play: () => void;
}

const BYTES = new Uint8Array(64).map((_, index) => index);

/** A request in no framing. */
export function scriptedRequest(options: Partial<RequestFacts> = {}): RequestFacts {
  return {
    method: "GET",
    path: "/",
    authority: "a",
    target: "/",
    version: "HTTP/1.1",
    body: NO_BODY,
    expectsContinue: false,
    upgrade: undefined,
    id: "1",
    has: () => false,
    values: () => [],
    toHttp1: () => ({ bytes: BYTES, from: 0, to: 0 }),
    each: () => {},
    ...options,
  };
}

/** An answer in no framing. */
export function scriptedAnswer(status: number, options: Partial<AnswerFacts> = {}): AnswerFacts {
  return {
    status,
    version: "1.1",
    body: status < 200 ? NO_BODY : UNKNOWN_LENGTH,
    has: () => false,
    values: () => [],
    toHttp1: () => ({ bytes: BYTES, from: 0, to: 0 }),
    each: () => {},
    ...options,
  };
}

/** A client that does what the test says, and holds the exchange to the rules of `ClientStream`. */
export class ScriptedClient implements ClientStream {
  readonly client = { peer: { host: "192.0.2.1", port: 1 }, local: { host: "192.0.2.2", port: 2 } };
  readonly request: RequestFacts;
  readonly pins = new Pins();
  bodyBytes = 0;
  readonly bytesIn = 0;
  readonly bytesOut = 0;
  readonly takesChunks: boolean;
  readonly isForTunnel = false;
  readonly givesChunks: boolean;
  reader!: RequestReader;
  /** What it was told, in order. */
  readonly told: string[] = [];
  /** Whether it has been told to be done, or was broken off. */
  over: "done" | "reset" | undefined;
  #body: "unread" | "wanted" | "given" | "last" | "over" = "unread";
  #pieces = 0;
  #sending = false;
  #begun = false;

  constructor(request: RequestFacts, { chunks = true } = {}) {
    this.request = request;
    this.takesChunks = this.givesChunks = chunks;
  }

  /** What it may do now; each piece of the body is the number of its place. */
  actions(): Action[] {
    if (this.over !== undefined) return [];
    const actions: Action[] = [
      { name: "client resets", play: () => this.#fail("client_gone") },
      { name: "client breaks its body", play: () => this.#fail("bad_chunk") },
    ];
    if (this.#body === "wanted") {
      actions.push({ name: "client gives", play: () => this.#give(false) });
      actions.push({ name: "client ends", play: () => this.#give(true) });
      actions.push({ name: "client ends with trailers", play: () => this.#trail() });
    }
    if (this.#sending) actions.push({ name: "client takes", play: () => this.#take() });
    return actions;
  }

  readBody(): void {
    assert.ok(this.#body === "unread" || this.bodyBytes === 0, "nothing of it is gone");
    this.#body = "given";
    this.reader.requestBody(BYTES, 0, 0, false);
  }

  holdBody(): void {
    this.#open();
    assert.equal(this.bodyBytes, 0, "nothing of it is gone");
    this.#body = "unread";
  }

  resume(): void {
    this.#open();
    if (this.#body === "given") this.#body = "wanted";
    else if (this.#body === "last") this.#body = "over";
  }

  isProven(): boolean {
    return true;
  }

  inform({ status }: AnswerFacts): void {
    this.#send(`inform ${status}`);
    assert.ok(!this.#begun, "no interim answer behind the answer");
  }

  begin({ status }: AnswerFacts): void {
    this.#open();
    assert.ok(!this.#begun && !this.#sending, "one answer");
    this.#begun = true;
    this.told.push(`begin ${status}`);
  }

  body(_: Uint8Array, from: number, to: number, ended: boolean): void {
    assert.ok(this.#begun, "a body has a head");
    this.#send(`body ${from}-${to}${ended ? " end" : ""}`);
  }

  trailers(fields: readonly Field[]): void {
    assert.ok(this.#begun, "trailers have a head");
    this.#send(`trailers ${fields.length}`);
  }

  respond({ status }: OwnAnswer): void {
    this.#open();
    assert.ok(!this.#begun, "one answer");
    this.#begun = true;
    // an interim answer may be on its way
    this.#sending = true;
    this.told.push(`respond ${status}`);
  }

  tunnel({ status }: AnswerFacts): Promise<OpaqueEnd> {
    this.#open();
    this.told.push(`tunnel ${status}`);
    return Promise.resolve(ENDED);
  }

  done(): void {
    this.#open();
    this.over = "done";
  }

  reset(): void {
    this.#open();
    this.over = "reset";
  }

  #open(): void {
    assert.equal(this.over, undefined, "nothing comes behind the end");
  }

  #send(what: string): void {
    this.#open();
    assert.ok(!this.#sending, "one range at a time");
    this.#sending = true;
    this.told.push(what);
  }

  #take(): void {
    this.#sending = false;
    this.reader.taken();
  }

  #give(ended: boolean): void {
    this.#body = ended ? "last" : "given";
    this.bodyBytes++;
    const at = this.#pieces++ % BYTES.length;
    this.reader.requestBody(BYTES, at, at + 1, ended);
  }

  #trail(): void {
    this.#body = "last";
    this.reader.requestTrailers([]);
  }

  #fail(code: "client_gone" | "bad_chunk"): void {
    this.#body = "over";
    this.reader.clientFailed(new ProxyError(code, "The client has failed"));
  }
}

/** A server that does what the test says, and holds the exchange to the rules of `ServerStream`. */
export class ScriptedServer implements ServerStream {
  readonly reused: boolean;
  readonly takesWebSockets = true;
  readonly takesChunks: boolean;
  readonly givesChunks: boolean;
  /** How it ended; undefined while it has not. */
  over: "released" | "retained" | "aborted" | "failed" | undefined;
  /** Pieces of the body that it was sent, and of its answer that it has given. */
  readonly got: string[] = [];
  readonly gave: string[] = [];
  asked = false;
  #reader: AnswerReader | undefined;
  #headAlone = false;
  #sending = false;
  #requestEnded = false;
  #answer: "none" | "interim" | "waiting" | "given" | "ended" | "tunnel" = "none";
  #mayEnd = 20;

  constructor({ reused = false, chunks = true } = {}) {
    this.reused = reused;
    this.takesChunks = this.givesChunks = chunks;
  }

  actions(): Action[] {
    const reader = this.#reader;
    if (this.over !== undefined || reader === undefined || this.#headAlone) return [];
    const actions: Action[] = [];
    const add = (name: string, play: () => void) => actions.push({ name: `server ${name}`, play });
    if (this.#sending) add("takes", () => (this.#sending = false, reader.sent()));
    if (this.#answer === "none" && this.#mayEnd-- > 0) {
      add("answers 100", () => this.#interim(reader, 100));
      add("answers 103", () => this.#interim(reader, 103));
    }
    if (this.#answer === "none") {
      for (const first of ["nothing", "some", "all"] as const) {
        add(`answers with ${first}`, () => this.#begin(reader, first));
      }
      add("is stale", () => this.#fail(reader, "upstream_gone", "perhaps"));
      add("has not seen it", () => this.#fail(reader, "upstream_gone", "no"));
    }
    if (this.#answer === "waiting") {
      add("gives", () => this.#give(reader, false));
      add("ends", () => this.#give(reader, true));
      add("ends with trailers", () => (this.#answer = "ended", reader.answerTrailers([])));
    }
    if (this.#answer !== "tunnel") add("fails", () => this.#fail(reader, "bad_response", "yes"));
    return actions;
  }

  send(_: RequestFacts, __: Sending, reader: AnswerReader): void {
    this.#open();
    assert.ok(!this.asked, "one request");
    this.asked = true;
    this.#reader = reader;
    this.#headAlone = true;
  }

  body(_: Uint8Array, from: number, to: number, ended: boolean): void {
    this.#take();
    if (to > from) this.got.push(`${from}`);
    this.#requestEnded = ended;
  }

  trailers(): void {
    this.#take();
    this.#requestEnded = true;
  }

  resume(): void {
    this.#open();
    if (this.#answer === "interim") this.#answer = "none";
    else if (this.#answer === "given") this.#answer = "waiting";
    else assert.fail(`nothing was given that could be done with (${this.#answer})`);
  }

  tunnel(): OpaqueEnd {
    this.#open();
    this.#answer = "tunnel";
    return ENDED;
  }

  release(): void {
    this.#open();
    if (this.asked) assert.equal(this.#answer, "ended", "only what has ended is released");
    this.over = "released";
  }

  retain(): boolean {
    this.#open();
    assert.equal(this.#answer, "ended");
    this.over = "retained";
    return true;
  }

  abort(): void {
    this.#open();
    this.over = "aborted";
  }

  #open(): void {
    assert.equal(this.over, undefined, "nothing comes behind the end");
  }

  #take(): void {
    this.#open();
    assert.ok(this.asked && !this.#sending && !this.#requestEnded, "one range at a time");
    this.#headAlone = false;
    this.#sending = true;
  }

  #interim(reader: AnswerReader, status: number): void {
    this.#answer = "interim";
    reader.answer(scriptedAnswer(status));
  }

  #begin(reader: AnswerReader, first: "nothing" | "some" | "all"): void {
    this.#answer = "given";
    reader.answer(scriptedAnswer(200));
    if (this.over !== undefined) return;
    if (first === "nothing") reader.answerBody(BYTES, 0, 0, false);
    else this.#give(reader, first === "all");
  }

  #give(reader: AnswerReader, ended: boolean): void {
    this.#answer = ended ? "ended" : "given";
    const at = this.gave.length % BYTES.length;
    this.gave.push(`${at}`);
    reader.answerBody(BYTES, at, at + 1, ended);
  }

  #fail(reader: AnswerReader, code: "upstream_gone" | "bad_response", seen: Seen): void {
    this.over = "failed";
    reader.serverFailed(new ProxyError(code, "The server has failed"), seen);
  }
}

/**
 * Sends each range on when the test says so, or fails then, and holds the exchange to the rules of
 * `AnswerTransform`.
 */
export class ScriptedTransformer implements AnswerTransformer {
  /** How many answers were begun, and how many of these are over. */
  begun = 0;
  over = 0;
  #held: (() => void) | undefined;
  #fail = () => {};

  actions(): Action[] {
    const held = this.#held;
    if (held === undefined) return [];
    const action = (name: string, play: () => void): Action => ({
      name,
      play: () => {
        this.#held = undefined;
        play();
      },
    });
    return [action("transform works", held), action("transform fails", this.#fail)];
  }

  begin(answer: AnswerFacts, { client, changes, user }: TransformPlace): AnswerTransform {
    this.begun++;
    let [isOver, isBegun] = [false, false];
    const hold = (play: () => void) => {
      assert.ok(
        !isOver && this.#held === undefined,
        "one range at a time, and none behind the end",
      );
      this.#held = play;
    };
    this.#fail = () => user.transformFailed(new ProxyError("internal", "It has failed"));
    return {
      coded: undefined,
      body: (bytes, from, to, ended) =>
        hold(() => {
          if (!isBegun) client.begin(answer, changes, false);
          isBegun = true;
          client.body(bytes, from, to, ended);
        }),
      trailers: (fields) => hold(() => client.trailers(fields)),
      taken: () => {
        assert.ok(!isOver, "nothing is told behind the end");
        user.passed();
      },
      [Symbol.dispose]: () => {
        assert.ok(!isOver, "it ends once");
        isOver = true;
        this.over++;
        this.#held = undefined;
      },
    };
  }
}

/** One end of a tunnel through which nothing comes. */
const ENDED: OpaqueEnd = {
  bytes: { read: 0, written: 0 },
  read: () => Promise.resolve(undefined),
  write: () => Promise.resolve(),
  endWrites: () => Promise.resolve(),
  reset: () => {},
};

/** Deadlines that are up when the test says so. */
export class ScriptedDeadlines {
  readonly #armed = new Map<object, () => void>();
  /** How often one has begun. */
  begun = 0;

  get deadlines(): Deadlines {
    return this as unknown as Deadlines;
  }

  actions(): Action[] {
    return [...this.#armed].map(([deadline, onExpire]) => ({
      name: "time is up",
      play: () => {
        this.#armed.delete(deadline);
        onExpire();
      },
    }));
  }

  get isArmed(): boolean {
    return this.#armed.size > 0;
  }

  watch(): Deadline {
    const deadline = {
      arm: (_: number, onExpire: () => void) => {
        this.begun++;
        this.#armed.set(deadline, onExpire);
      },
      disarm: () => void this.#armed.delete(deadline),
      [Symbol.dispose]: () => void this.#armed.delete(deadline),
    };
    return deadline as unknown as Deadline;
  }
}
