import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ClientEnd,
  type Seen,
  ServerEnd,
  settle,
  sourceOf,
} from "../../tests/support/http2_end.ts";
import {
  data,
  frame,
  headers,
  joined,
  type RawField,
  resetFrame,
  settings,
  uint32,
} from "../../tests/support/http2_frames.ts";
import type { SentRequest } from "./dialed_connection.ts";
import type { Stream } from "./stream.ts";
import { ERROR, FLAG, FRAME, SETTING } from "./wire.ts";

const GET: SentRequest = {
  method: "GET",
  scheme: "https",
  authority: "example.com",
  path: "/",
  fields: sourceOf([]),
};

/** Behind the server's settings, with one request sent. */
function asked(request: Partial<SentRequest> = {}): ClientEnd {
  const end = new ClientEnd();
  end.connection.feed(settings());
  end.connection.open({ body: "" }, { ...GET, ...request }, true);
  end.output();
  return end;
}

function answer(fields: readonly RawField[], ended = true): Uint8Array {
  return headers(1, fields, { ended });
}

Deno.test("an answer is told with what comes before and behind it", () => {
  const end = asked();
  end.connection.feed(joined([
    answer([[":status", "103"], ["link", "</a>"]], false),
    answer([[":status", "200"], ["content-length", "3"], ["x-a", "b"]], false),
    data(1, "abc"),
    answer([["grpc-status", "0"]]),
  ]));
  assert.deepEqual(end.facts, [
    "settled",
    "response 1 103 link=</a>",
    "response 1 200 length=3 x-a=b",
    "data 1 abc",
    "trailers 1 grpc-status=0",
  ]);
  assert.equal(end.connection.streams.size, 0);
});

Deno.test("an answer may say its length twice, as in HTTP/1.1", () => {
  const end = asked();
  const length = ["content-length", "1"] as const;
  end.connection.feed(answer([[":status", "200"], length, ["a", "b"], length], false));
  end.connection.feed(data(1, "a", true));
  assert.deepEqual(end.facts, ["settled", "response 1 200 length=1 a=b", "data 1 a|"]);
});

const MALFORMED: readonly [why: string, bytes: Uint8Array][] = [
  ["no :status", answer([["x-a", "b"]])],
  ["an empty head", answer([])],
  [":status of two digits", answer([[":status", "99"]])],
  [":status of four digits", answer([[":status", "2000"]])],
  [":status of letters", answer([[":status", "2xx"]])],
  [":status with a zero in front", answer([[":status", "099"]])],
  [":status 101", answer([[":status", "101"]], false)],
  ["two :status", answer([[":status", "200"], [":status", "200"]])],
  [":status behind a field", answer([["a", "b"], [":status", "200"]])],
  ["a pseudo-field of requests", answer([[":status", "200"], [":path", "/"]])],
  ["a line end in a value", answer([[":status", "200"], ["a", "b\r\nc: d"]])],
  ["upper case", answer([[":status", "200"], ["A", "b"]])],
  ["connection", answer([[":status", "200"], ["connection", "close"]])],
  ["transfer-encoding", answer([[":status", "200"], ["transfer-encoding", "chunked"]])],
  [
    "two lengths",
    answer([
      [":status", "200"],
      ["content-length", "0"],
      ["content-length", "00"],
    ]),
  ],
  ["a body that is missing", answer([[":status", "200"], ["content-length", "1"]])],
  ["a 1xx answer that ends", answer([[":status", "100"]])],
  ["DATA before the head", data(1, "a")],
  ["a body for 204", joined([answer([[":status", "204"]], false), data(1, "a")])],
  [
    "a body that is too long",
    joined([
      answer([[":status", "200"], ["content-length", "1"]], false),
      data(1, "ab"),
    ]),
  ],
  [
    "a body that is too short",
    joined([
      answer([[":status", "200"], ["content-length", "2"]], false),
      data(1, "a", true),
    ]),
  ],
  [
    "a second head",
    joined([
      answer([[":status", "200"]], false),
      answer([[":status", "200"]], false),
    ]),
  ],
];

Deno.test("an answer that is malformed resets its stream", () => {
  for (const [why, bytes] of MALFORMED) {
    const end = asked();
    end.connection.feed(bytes);
    assert.equal(end.facts.at(-1), "reset 1 PROTOCOL_ERROR by us", why);
    assert.deepEqual(end.frames(), ["rstStream 1 1"], why);
    assert.equal(end.connection.hasFailed, false, why);
  }
});

Deno.test("a body where none may be is told as one, whatever the length says", () => {
  const cases: readonly [method: string, head: readonly RawField[], reason: RegExp][] = [
    ["HEAD", [[":status", "200"], ["content-length", "5"]], /^There is a body where none may be/],
    ["GET", [[":status", "204"]], /^There is a body where none may be/],
    ["GET", [[":status", "304"], ["content-length", "5"]], /^There is a body where none may be/],
    ["GET", [[":status", "200"], ["content-length", "4"]], /^The body is longer than/],
  ];
  for (const [method, head, reason] of cases) {
    const end = asked({ method });
    end.connection.feed(joined([answer(head, false), data(1, "12345", true)]));
    assert.match(end.reasons.join(), reason);
  }
});

Deno.test("an answer over a limit, as HTTP/1.1 would write it, resets its stream and says which", () => {
  const limits = { headerBytes: 100, headers: 4 };
  // "HTTP/1.1 200 " with its line end, "a: " with its, the value and the empty line
  const fits = "v".repeat(100 - 15 - 5 - 2);
  const four = ["b", "c", "d", "e"].map((name) => [name, "1"] as const);
  const cases: readonly [why: string, fields: readonly RawField[], fact: string, code?: string][] =
    [
      ["bytes that fit", [["a", fits]], `response 1 end 200 a=${fits}`],
      ["a byte too many", [["a", fits + "v"]], "reset 1 CANCEL by us", "answer_too_large"],
      ["many too many", [["a", fits.repeat(9)]], "reset 1 CANCEL by us", "answer_too_large"],
      ["lines that fit", four, "response 1 end 200 b=1 c=1 d=1 e=1"],
      [
        "a line too many",
        [...four, ["f", "1"]],
        "reset 1 CANCEL by us",
        "answer_has_too_many_fields",
      ],
      [
        "a length too many",
        [...four, ["content-length", "0"]],
        "reset 1 CANCEL by us",
        "answer_has_too_many_fields",
      ],
    ];
  for (const [why, fields, fact, code] of cases) {
    const end = new ClientEnd({ limits });
    end.connection.feed(settings());
    end.connection.open({ body: "" }, GET, true);
    end.connection.feed(answer([[":status", "200"], ...fields]));
    assert.equal(end.facts.at(-1), fact, why);
    assert.equal(end.errors.at(-1), code, why);
    assert.equal(end.connection.hasFailed, false, why);
  }
  const end = new ClientEnd({ limits });
  end.connection.feed(settings());
  end.connection.open({ body: "" }, GET, true);
  end.connection.feed(answer([[":status", "200"]], false));
  end.connection.feed(answer([["a", "v".repeat(500)]]));
  assert.equal(end.errors.at(-1), "answer_too_large");
});

Deno.test("answers without a body may say how long it would be", () => {
  for (const [method, status] of [["HEAD", "200"], ["GET", "304"]] as const) {
    const end = asked({ method });
    end.connection.feed(answer([[":status", status], ["content-length", "5"]]));
    assert.equal(end.facts.at(-1), `response 1 end ${status} length=5`);
  }
});

Deno.test("a tunnel is as long as it is, whatever its answer says, and no other answer", () => {
  const after = (status: string, length: string) => {
    const end = asked({ method: "CONNECT", protocol: "websocket" });
    end.connection.feed(answer([[":status", status], ["content-length", length]], false));
    end.connection.feed(data(1, "abc"));
    return end.facts.at(-1);
  };
  assert.equal(after("200", "0"), "data 1 abc");
  assert.equal(after("200", "100"), "data 1 abc");
  assert.equal(after("204", "0"), "data 1 abc");
  assert.equal(after("403", "0"), "reset 1 PROTOCOL_ERROR by us");
});

Deno.test("what the server says of a stream decides whether it may be sent again", () => {
  const open = () => {
    const end = asked();
    end.connection.open({ body: "" }, GET, true);
    end.output();
    return end;
  };
  const refused = open();
  refused.connection.feed(resetFrame(3, ERROR.refusedStream));
  assert.equal(refused.facts.at(-1), "reset 3 REFUSED_STREAM by peer, untouched");
  const away = open();
  away.connection.feed(frame(FRAME.goaway, { payload: [...uint32(1), ...uint32(0)] }));
  assert.deepEqual(away.facts.slice(1), [
    "reset 3 REFUSED_STREAM by peer, untouched",
    "going away NO_ERROR",
  ]);
  assert.equal(away.connection.available, 0);
  away.connection.feed(answer([[":status", "200"]]));
  assert.equal(away.facts.at(-1), "response 1 end 200");
  const lost = open();
  lost.connection.lost("The connection has ended");
  assert.deepEqual(lost.facts.slice(1), ["reset 1 CANCEL by peer", "reset 3 CANCEL by peer"]);
});

Deno.test("answers to any number of requests that are given up at once are ignored", () => {
  const end = new ClientEnd();
  end.connection.feed(settings());
  const streams = Array.from(
    { length: 1000 },
    () => end.connection.open({ body: "" }, GET, true),
  );
  for (const stream of streams) end.connection.reset(stream, ERROR.cancel);
  for (const { id } of streams) end.connection.feed(data(id, "on its way"));
  assert.equal(end.connection.hasFailed, false);
});

Deno.test("what a server says behind the end of a stream leaves all others alone", () => {
  const end = asked();
  end.connection.open({ body: "" }, GET, true);
  const ok: RawField[] = [[":status", "200"]];
  end.connection.feed(joined([
    answer(ok, false),
    answer([["grpc-status", "4"]]),
    resetFrame(1, ERROR.noError),
    answer([["grpc-status", "4"], ["x-more", "1"]]),
    data(1, "late"),
    headers(3, ok, { ended: true }),
  ]));
  assert.deepEqual(end.facts, [
    "settled",
    "response 1 200",
    "trailers 1 grpc-status=4",
    "response 3 end 200",
  ]);
  assert.equal(end.connection.hasFailed, false);
});

Deno.test("as many streams are available as the server allows", () => {
  const end = new ClientEnd();
  assert.equal(end.connection.available, 100);
  end.connection.feed(settings([[SETTING.maxConcurrentStreams, 2]]));
  assert.equal(end.connection.available, 2);
  const stream = end.connection.open({ body: "" }, GET, true);
  assert.equal(end.connection.available, 1);
  end.connection.reset(stream, ERROR.cancel);
  assert.equal(end.connection.available, 2);
});

/** Behind so many requests, answers to all of which have begun. */
function answering(count: number): ClientEnd {
  const end = new ClientEnd();
  end.connection.feed(settings([[SETTING.maxConcurrentStreams, count]]));
  for (let i = 0; i < count; i++) {
    end.connection.open({ body: "" }, GET, true);
    end.connection.feed(headers(1 + 2 * i, [[":status", "200"]], { ended: false }));
  }
  end.output();
  return end;
}

/** What the windows have grown by in what was said: of the connection, and of all streams. */
function grants(end: ClientEnd): { all: number; streams: number } {
  const sum = { all: 0, streams: 0 };
  for (const line of end.frames()) {
    const [type, id, increment] = line.split(" ");
    if (type !== "windowUpdate") continue;
    if (id === "0") sum.all += Number(increment);
    else sum.streams += Number(increment);
  }
  return sum;
}

const FIRST_WINDOW = "a".repeat(65_535);

Deno.test("however many answers nobody takes, they stop no other", () => {
  const count = 60;
  const end = answering(count);
  end.onData = () => {};
  let window = 2 ** 20;
  for (let i = 0; i < count; i++) {
    for (let at = 0; at < FIRST_WINDOW.length; at += 16_384) {
      const piece = FIRST_WINDOW.slice(at, at + 16_384);
      end.connection.feed(data(1 + 2 * i, piece));
      window += grants(end).all - piece.length;
    }
  }
  assert.equal(end.connection.hasFailed, false);
  assert.ok(window >= 2 ** 19, `${window} bytes may come`);
});

Deno.test("the windows of answers grow by equal shares, which are larger where there are fewer", () => {
  const count = 5;
  const end = answering(count);
  const given = new Array<number>(count).fill(FIRST_WINDOW.length);
  // all of it, which is taken at once
  const comeFor = (i: number, ended: boolean) => {
    const id = 1 + 2 * i;
    for (let left = given[i] as number; left > 0; left -= 16_384) {
      end.connection.feed(data(id, "a".repeat(Math.min(left, 16_384)), ended && left <= 16_384));
    }
    given[i] = grants(end).streams;
  };
  const most = FIRST_WINDOW.length + 2 * 2 ** 20 / count;
  for (let round = 0; round < 6; round++) for (let i = 0; i < count; i++) comeFor(i, false);
  for (const bytes of given) {
    assert.ok(bytes > most / 2 && bytes <= most, `the window is of ${bytes} bytes`);
  }
  for (let i = 1; i < count; i++) comeFor(i, true);
  for (let round = 0; round < 6; round++) comeFor(0, false);
  assert.ok((given[0] as number) > most, "nobody else has a share");
  assert.equal(end.connection.hasFailed, false);
});

Deno.test("a server may not open streams, nor promise any", () => {
  for (
    const bytes of [
      headers(2, [[":status", "200"]]),
      headers(3, [[":status", "200"]]),
      frame(FRAME.pushPromise, { id: 1, flags: FLAG.endHeaders, payload: [0, 0, 0, 2] }),
    ]
  ) {
    const end = asked();
    end.connection.feed(bytes);
    assert.deepEqual(end.frames(), ["goaway 0 1"]);
  }
});

Deno.test("a server may not say what only a client may, nor what nobody may", () => {
  for (
    const bytes of [
      settings([[SETTING.enablePush, 1]]),
      settings([[SETTING.enableConnectProtocol, 2]]),
      settings([[SETTING.noRfc7540Priorities, 2]]),
      frame(FRAME.priorityUpdate, { payload: [0, 0, 0, 1, 0x75, 0x3d, 0x31] }),
    ]
  ) {
    const end = asked();
    end.connection.feed(bytes);
    assert.deepEqual(end.frames(), ["goaway 0 1"]);
  }
});

Deno.test("a server that informs without end is left", () => {
  const end = asked();
  const hint = answer([[":status", "103"]], false);
  for (let i = 0; i < 1100 && !end.connection.hasFailed; i++) end.connection.feed(hint);
  assert.equal(end.facts.at(-1), "failed ENHANCE_YOUR_CALM");
});

Deno.test("a ping is answered", () => {
  const [client, server] = [new ClientEnd(), new ServerEnd()];
  client.connection.ping();
  settle(client, server);
  assert.equal(client.facts.at(-1), "pong");
});

Deno.test("what one end sends the other tells, whatever the windows", () => {
  const exchange = fc.record({
    up: fc.array(fc.nat(40_000), { maxLength: 4 }),
    down: fc.array(fc.nat(40_000), { maxLength: 4 }),
    urgency: fc.nat(7),
    trailers: fc.boolean(),
  });
  const window = fc.constantFrom(1000, 65_535, 100_000);
  fc.assert(
    fc.property(fc.array(exchange, { maxLength: 6 }), window, window, (all, up, down) => {
      const server = new ServerEnd({ streamWindow: up, maxWindow: up * 2 });
      const client = new ClientEnd({ streamWindow: down, maxWindow: down * 2 });
      const expected: string[] = [];
      server.onEnd = (stream) => {
        const { down: sizes, trailers } = all[(stream.id - 1) / 2] as (typeof all)[number];
        server.connection.respond(stream, 200, sourceOf([]), false);
        sendAll(server, stream, { sizes, trailers });
      };
      settle(client, server);
      all.forEach(({ up: sizes, urgency, down: answers, trailers }, i) => {
        const fields = sourceOf([{ key: "priority", value: `u=${urgency}, i` }]);
        const stream = client.connection.open(
          { body: "" },
          { ...GET, method: "POST", fields },
          false,
        );
        sendAll(client, stream, { sizes, trailers });
        expected.push(`${2 * i + 1} ${sum(sizes)} ${sum(answers)}`);
      });
      for (let i = 0; i < 1000 && (client.pending > 0 || server.pending > 0 || i < 2); i++) {
        settle(client, server);
      }
      const got = all.map((_, i) => {
        const id = 2 * i + 1;
        return `${id} ${bodyOf(server.facts, id)} ${bodyOf(client.facts, id)}`;
      });
      assert.deepEqual(got, expected);
      assert.equal(server.connection.streams.size + client.connection.streams.size, 0);
    }),
    { numRuns: 60 },
  );
});

function sum(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a + b, 0);
}

function bodyOf(facts: readonly string[], id: number): number {
  const begun = `data ${id} `;
  return facts.filter((fact) => fact.startsWith(begun))
    .reduce((length, fact) => length + fact.replace(/\|$/, "").length - begun.length, 0);
}

/** Sends pieces of these sizes, each once the one before is taken. */
function sendAll(
  end: ClientEnd | ServerEnd,
  stream: Stream<Seen>,
  { sizes, trailers }: { sizes: readonly number[]; trailers: boolean },
): void {
  let next = 0;
  const go = () => {
    while (next < sizes.length) {
      const bytes = new Uint8Array(sizes[next++] as number).fill(0x61);
      const ended = next === sizes.length && !trailers;
      if (!end.connection.sendData(stream, bytes, 0, bytes.length, ended)) return;
    }
    end.whenTaken(stream, undefined);
    if (trailers) end.connection.sendTrailers(stream, [{ key: "x-t", value: "1" }]);
    else if (sizes.length === 0) end.connection.sendData(stream, new Uint8Array(0), 0, 0, true);
  };
  end.whenTaken(stream, go);
  go();
}
