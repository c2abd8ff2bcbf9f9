import assert from "node:assert/strict";
import type { ProxyError } from "../core/errors.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import type { Connection, Receiver } from "../io/connection.ts";
import type { Deadline } from "../io/deadlines.ts";
import { type BodyPolicy, RequestBody } from "./request_body.ts";
import { RequestInput } from "./request_input.ts";

const IDLE_MS = 1_000;

/** A client that sends what the test says, and a reader of its bodies. */
class Play {
  readonly told: string[] = [];
  /** How long the client is waited for; undefined while it is not. */
  waits: number | undefined;
  readonly input: RequestInput;
  readonly body: RequestBody;
  readonly #policy: BodyPolicy;
  #into: Uint8Array | undefined;
  #receiver: Receiver | undefined;

  constructor({ rate = 0, maxBody = 0 } = {}) {
    const connection: Pick<Connection, "receive" | "reading"> = {
      reading: false,
      receive: (into, receiver) => {
        this.#into = into;
        this.#receiver = receiver;
      },
    };
    this.input = new RequestInput(connection as Connection, {
      inputCame: () => {
        if (this.body.isWanted) this.body.giveMore();
      },
      inputEnded: () => {
        if (this.body.isWanted) this.body.endEarly();
      },
      inputFailed: (error) => assert.fail(error),
    });
    const deadline: Pick<Deadline, "arm" | "disarm"> = {
      arm: (ms) => void (this.waits = ms),
      disarm: () => void (this.waits = undefined),
    };
    this.body = new RequestBody(this.input, {
      deadline: deadline as Deadline,
      reader: {
        requestBody: (bytes, from, to, ended) => {
          const text = new TextDecoder().decode(bytes.subarray(from, to));
          this.told.push(ended ? `${text} end` : text);
        },
        requestTrailers: (fields) => void this.told.push(`${fields.length} trailers`),
        clientFailed: ({ code }: ProxyError) => void this.told.push(code),
        taken: () => assert.fail(),
      },
      onLate: (error) => this.body.fail(error),
    });
    this.#policy = {
      limits: { ...LIMITS, bodyRate: rate, ...(maxBody === 0 ? {} : { body: maxBody }) },
      timeouts: { header: 1, bodyIdle: IDLE_MS, keepAlive: 1, tunnelIdle: 1 },
    };
  }

  /** A request comes, with as much of its body as comes with the head. */
  begin(text: string, { chunks = false, isRead = true } = {}): void {
    this.input.begin(LIMITS);
    this.input.receive();
    this.come(text);
    assert.ok(this.input.readHead());
    this.input.isLent = true;
    this.body.begin(this.input.request, this.#policy);
    if (isRead) this.body.read(chunks);
  }

  come(text: string): void {
    const into = this.#into;
    const receiver = this.#receiver;
    assert.ok(into !== undefined && receiver !== undefined, "it is read from");
    this.#into = this.#receiver = undefined;
    into.set(encodeLatin1(text));
    receiver.received(text.length);
  }

  /** The client half-closes. */
  end(): void {
    const receiver = this.#receiver;
    this.#into = this.#receiver = undefined;
    receiver?.received(0);
  }

  /** The reader is done with what it was given, and wants more. */
  take(): void {
    this.body.resume();
  }

  get isReading(): boolean {
    return this.#into !== undefined;
  }
}

const LIMITS = {
  headerBytes: 1024,
  headers: 10,
  connections: 0,
  connectionsPerIp: 0,
  streams: 1,
};

const POST = "POST / HTTP/1.1\r\nHost: a\r\n";
const THREE = `${POST}Content-Length: 3\r\n\r\n`;
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;

Deno.test("RequestBody gives a range at a time, and reads nothing while the reader has one", () => {
  const play = new Play();
  play.begin(`${THREE}a`);
  assert.ok(!play.isReading);
  play.take();
  assert.ok(play.isReading);
  play.come("b");
  assert.ok(!play.isReading);
  play.take();
  play.come("c");
  assert.deepEqual(play.told, ["a", "b", "c end"]);
  assert.ok(play.body.isOver);
});

Deno.test("RequestBody waits for more where only framing has come", () => {
  const play = new Play();
  play.begin(CHUNKED);
  play.take();
  play.come("3\r\n");
  play.come("abc");
  play.take();
  play.come("\r\n0\r\n\r\n");
  assert.deepEqual(play.told, ["", "abc", " end"]);
});

Deno.test("RequestBody passes chunks whole, wherever they are cut", () => {
  const text = "3\r\nabc\r\na\r\n0\r\n\r\nGET /\r\n0\r\n\r\n";
  for (const size of [1, 2, 3, 4, 5, 7, text.length]) {
    const play = new Play();
    play.begin(CHUNKED, { chunks: true });
    for (let at = 0; at < text.length; at += size) {
      if (!play.isReading) play.take();
      play.come(text.slice(at, at + size));
    }
    assert.equal(play.told.join(""), `${text} end`, `${size} at a time`);
    assert.ok(play.body.isOver);
  }
});

Deno.test("RequestBody keeps what comes while it is held", () => {
  const play = new Play();
  play.begin(THREE);
  play.take();
  assert.equal(play.waits, IDLE_MS);
  play.body.hold();
  assert.equal(play.waits, undefined);
  play.come("ab");
  assert.deepEqual(play.told, [""]);
  play.body.read(false);
  play.take();
  play.come("c");
  assert.deepEqual(play.told, ["", "ab", "c end"]);
});

Deno.test("RequestBody skips what has come whole, and was given to nobody", () => {
  const chunked = "3\r\nabc\r\nA;x\r\n0\r\n\r\nGET /\r\n0\r\nX-A: 1\r\n\r\n";
  const next = "GET /next HTTP/1.1\r\n";
  for (const body of [`${THREE}abc`, CHUNKED + chunked]) {
    const play = new Play();
    play.begin(body + next, { isRead: false });
    assert.ok(play.body.skip());
    assert.equal(new TextDecoder().decode(play.input.takeRest()), next);
    const cut = new Play();
    cut.begin(body.slice(0, -1), { isRead: false });
    assert.ok(!cut.body.skip());
    const given = new Play();
    given.begin(body);
    assert.ok(!given.body.skip());
  }
  const malformed = new Play();
  malformed.begin(`${CHUNKED}x\r\n`, { isRead: false });
  assert.ok(!malformed.body.skip());
});

Deno.test("RequestBody stays plain where it has begun so", () => {
  const play = new Play();
  play.begin(CHUNKED, { chunks: false });
  play.take();
  // its frame is taken off by now
  play.come("3\r\n");
  play.body.hold();
  assert.equal(play.body.givesChunks, false);
  play.body.read(play.body.givesChunks);
  play.take();
  play.come("abc\r\n0\r\n\r\n");
  assert.deepEqual(play.told, ["", "", "abc end"]);
});

Deno.test("RequestBody gives trailers behind the last range", () => {
  const play = new Play();
  play.begin(`${CHUNKED}3\r\nabc\r\n0\r\nA: b\r\n\r\n`);
  assert.ok(!play.body.isOver);
  play.take();
  assert.deepEqual(play.told, ["abc", "1 trailers"]);
  assert.ok(play.body.isOver);
});

Deno.test("RequestBody fails where the body is too large or ends too early", () => {
  const large = new Play({ maxBody: 2 });
  large.begin(`${CHUNKED}3\r\nabc`);
  assert.deepEqual(large.told, ["body_too_large"]);
  const short = new Play();
  short.begin(THREE);
  short.take();
  short.end();
  assert.deepEqual(short.told, ["", "truncated_request"]);
});

Deno.test("RequestBody holds a client to a time only while it is the client's turn", () => {
  const play = new Play();
  play.begin(`${THREE}a`);
  assert.equal(play.waits, undefined);
  play.take();
  assert.equal(play.waits, IDLE_MS);
  play.come("b");
  assert.equal(play.waits, undefined);
  play.body.answered();
  play.take();
  assert.equal(play.waits, undefined, "the answer has begun");
});

Deno.test("RequestBody holds a client to no time that may wait for 100 Continue", () => {
  const play = new Play();
  play.begin(`${POST}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n`);
  play.take();
  assert.equal(play.waits, undefined);
  play.body.continued();
  assert.equal(play.waits, IDLE_MS);
});

Deno.test("RequestBody gives each body all of its time, whatever the one before has used up", () => {
  const real = performance.now;
  let now = 0;
  performance.now = () => now;
  try {
    const play = new Play({ rate: 1_000 });
    play.begin(THREE);
    play.take();
    assert.equal(play.waits, IDLE_MS);
    now += 900;
    play.come("abc");
    play.input.isLent = false;
    play.input.rest();
    play.begin(THREE);
    play.take();
    assert.equal(play.waits, IDLE_MS);
  } finally {
    performance.now = real;
  }
});
