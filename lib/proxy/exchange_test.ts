import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Action,
  scriptedAnswer,
  ScriptedClient,
  ScriptedDeadlines,
  scriptedRequest,
  ScriptedServer,
  ScriptedTransformer,
} from "../../tests/support/scripted_exchange.ts";
import { ProxyError } from "../core/errors.ts";
import { NO_BODY, type RequestFacts, UNKNOWN_LENGTH } from "../http/message.ts";
import { statusOf } from "../http/error_answer.ts";
import type { Backend } from "../upstream/backend.ts";
import type { Server } from "../upstream/server.ts";
import { Exchange } from "./exchange.ts";
import type { ExchangeOrder } from "./exchange_order.ts";
import type { Runner, RunQueue } from "./run_queue.ts";

/** One exchange, its client, and the servers that it finds. */
class Play {
  readonly deadlines = new ScriptedDeadlines();
  readonly client: ScriptedClient;
  readonly exchange: Exchange;
  /** Streams that were given, in order. */
  readonly streams: ScriptedServer[] = [];
  readonly reported: string[] = [];
  /** How it ended; undefined while it has not. */
  outcome: { readonly error: ProxyError | undefined } | undefined;
  /** Places that are taken. */
  places = 0;
  /** What the queue takes to run, and lets run whether anybody waits for it or not. */
  running = 0;
  #queued: Runner | undefined;
  readonly transformer: ScriptedTransformer | undefined;
  readonly #lease: Lease;
  #pending: Action[] = [];

  constructor(
    request: RequestFacts,
    lease: Lease,
    { chunks = true, transforms = false } = {},
  ) {
    this.transformer = transforms ? new ScriptedTransformer() : undefined;
    this.#lease = lease;
    this.client = new ScriptedClient(request, { chunks });
    this.exchange = new Exchange(this.client, {
      answerFor: (error) => {
        const status = statusOf(error);
        return status === undefined ? undefined : { status, fields: [], body: new Uint8Array(0) };
      },
      exchangeOver: (error) => {
        assert.equal(this.outcome, undefined, "it ends once");
        this.outcome = { error };
      },
    }, { deadlines: this.deadlines.deadlines, queue: this.#queue() });
    this.client.reader = this.exchange;
    const server = this.#server();
    const backend = {
      name: "b",
      retries: 2,
      responseTimeout: 1,
      answerIdle: 1,
      claim: () => {
        const enter = () => (this.places++, server);
        if (lease.claim === "later") return this.#later("a place is free", enter);
        if (lease.claim === "never") throw new ProxyError("no_server", "There is none");
        return enter();
      },
      open: () => {
        const { reused: _, ...options } = this.#options;
        return this.#later("a connection is made", () => this.#stream(options));
      },
      reached: () => {},
      report: (_: Server, { code }: ProxyError) => void this.reported.push(code),
      unreachable: (error: ProxyError) => error,
    } as unknown as Backend;
    const { transformer } = this;
    this.exchange.start({ backend, transformer, tunnelIdle: 1 } as unknown as ExchangeOrder, 0);
  }

  actions(): Action[] {
    return [
      ...this.client.actions(),
      ...this.streams.flatMap((stream) => stream.actions()),
      ...this.deadlines.actions(),
      ...this.transformer?.actions() ?? [],
      ...this.#queued === undefined
        ? []
        : [{ name: "the queue lets it run", play: () => this.#letRun() }],
      ...this.#pending,
    ];
  }

  /** Plays what is chosen of what may happen, and then what it takes to come to an end. */
  async run(choices: readonly number[]): Promise<void> {
    await settle();
    for (const choice of choices) {
      const actions = this.actions();
      if (actions.length === 0) break;
      actions[choice % actions.length]?.play();
      await settle();
    }
    // an exchange that nobody disturbs any more comes to its end
    for (let turn = 0; turn < 200 && (this.outcome === undefined || this.places > 0); turn++) {
      const names = [
        "the queue",
        "a place",
        "a connection",
        "server takes",
        "client takes",
        "client ends",
      ];
      const good = [
        ...names,
        "transform works",
        "server answers with all",
        "server ends",
        "server answers",
      ];
      const actions = this.actions();
      const next = good.map((name) => actions.find((action) => action.name.startsWith(name)))
        .find((action) => action !== undefined);
      if (next === undefined) break;
      next.play();
      await settle();
    }
    this.#letRun();
    await settle();
  }

  check(): void {
    const { client, streams, outcome } = this;
    assert.ok(outcome !== undefined, "it comes to an end");
    // what a rule's breach, or a bug, has been made of
    assert.equal(outcome.error?.cause, undefined);
    assert.ok(client.over !== undefined, "and its client hears of it");
    assert.equal(this.places, 0, "every place is given back");
    assert.equal(this.running, 0, "the queue hears of every end");
    assert.ok(this.exchange.isOver);
    assert.ok(!this.deadlines.isArmed, "nothing is waited for");
    assert.equal(this.transformer?.over, this.transformer?.begun, "every transform is over");
    for (const stream of streams) assert.ok(stream.over !== undefined, "no connection is lost");
    const last = streams.findLast(({ asked }) => asked);
    const told = client.told.filter((line) => /^body \d/.test(line) && !line.startsWith("body 0-0"))
      .map((line) => /^body (\d+)/.exec(line)?.[1]);
    if (told.length > 0) {
      assert.deepEqual(told, last?.gave.slice(0, told.length), "the answer is the server's");
    }
    const own = client.told.some((line) => line.startsWith("respond"));
    if (outcome.error === undefined) {
      assert.equal(client.over, "done");
      assert.deepEqual(told, last?.gave, "a good answer is whole");
      assert.ok(!own);
    } else {
      assert.equal(client.over, own && this.exchange.status !== 0 ? client.over : "reset");
    }
    // only one that cannot have done anything is followed by another
    const asked = streams.filter((stream) => stream.asked);
    for (const stream of asked.slice(0, -1)) assert.deepEqual(stream.got, []);
    assert.ok(this.exchange.lease.attempts <= 3);
  }

  get #options() {
    return { ...this.#lease, chunks: this.#lease.chunks ?? true };
  }

  #queue(): RunQueue {
    return {
      round: 1,
      enter: (runner: Runner) => {
        if (this.#lease.queue === "later") this.#queued = runner;
        else this.running++;
        return this.#queued === undefined;
      },
      leave: (round: number) => void (this.running -= round),
    } as unknown as RunQueue;
  }

  #letRun(): void {
    const runner = this.#queued;
    this.#queued = undefined;
    if (runner?.run(0) === true) this.running++;
  }

  #server(): Server {
    return {
      name: "s",
      streamsFor: () => ({
        take: () => {
          if (this.#lease.idle === "none") return undefined;
          const take = () => this.#stream({ ...this.#options, reused: true });
          return this.#lease.idle === "later" ? this.#later("a connection is fine", take) : take();
        },
      }),
      enter: () => (this.places++, true),
      leave: () => void this.places--,
      succeed: () => {},
    } as unknown as Server;
  }

  #stream(options: { reused?: boolean; chunks?: boolean }): ScriptedServer {
    const stream = new ScriptedServer(options);
    this.streams.push(stream);
    return stream;
  }

  /** Happens, or fails, when it is chosen. */
  #later<T>(name: string, make: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (play: () => void) => () => {
        this.#pending = this.#pending.filter((action) => !mine.includes(action));
        play();
      };
      const failed = new ProxyError("connect_failed", "It cannot be reached");
      const mine: Action[] = [
        { name, play: end(() => resolve(make())) },
        { name: `not so: ${name}`, play: end(() => reject(failed)) },
      ];
      this.#pending.push(...mine);
    });
  }
}

/** How a server and a connection to it are come by. */
interface Lease {
  readonly queue?: "now" | "later";
  readonly claim: "now" | "later" | "never";
  readonly idle: "now" | "later" | "none";
  readonly reused?: boolean;
  readonly chunks?: boolean;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await Promise.resolve();
}

const REQUESTS = fc.record(
  {
    method: fc.constantFrom("GET", "POST"),
    body: fc.constantFrom(NO_BODY, UNKNOWN_LENGTH, 3),
    expectsContinue: fc.boolean(),
    version: fc.constantFrom("HTTP/1.0", "HTTP/1.1", "HTTP/2"),
  } as const,
);

const LEASES = fc.record(
  {
    queue: fc.constantFrom("now", "later"),
    claim: fc.constantFrom("now", "later", "never"),
    idle: fc.constantFrom("now", "later", "none"),
    chunks: fc.boolean(),
  } as const,
);

Deno.test("Exchange keeps every rule of its streams, in whatever order things happen", async () => {
  const choices = fc.array(fc.nat(1000), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      REQUESTS,
      LEASES,
      fc.boolean(),
      fc.boolean(),
      choices,
      async (facts, lease, chunks, transforms, order) => {
        const play = new Play(scriptedRequest(facts), lease, { chunks, transforms });
        await play.run(order);
        play.check();
      },
    ),
    { numRuns: 3_000 },
  );
});

const NOW: Lease = { claim: "now", idle: "now" };
const NEW: Lease = { claim: "now", idle: "none" };

/** Plays actions by the beginnings of their names. */
async function playAll(play: Play, names: readonly string[]): Promise<void> {
  await settle();
  for (const name of names) {
    const actions = play.actions();
    const action = actions.find((each) => each.name.startsWith(name));
    const known = actions.map((each) => each.name).join(", ");
    assert.ok(action !== undefined, `${name} is none of: ${known}`);
    action.play();
    await settle();
  }
}

interface Case {
  readonly name: string;
  readonly request?: Partial<RequestFacts>;
  readonly lease: Lease;
  readonly happens: readonly string[];
  readonly told: readonly string[];
  readonly servers: readonly (ScriptedServer["over"])[];
  readonly code?: string;
  readonly reported?: readonly string[];
}

const POST = { method: "POST", body: 3 };

const CASES: readonly Case[] = [
  {
    name: "sends a request and gives its answer, piece by piece",
    lease: NOW,
    happens: [
      "server takes",
      "server answers with some",
      "client takes",
      "server ends",
      "client takes",
    ],
    told: ["begin 200", "body 0-1", "body 1-2 end"],
    servers: ["released"],
  },
  {
    name: "passes interim answers and waits for the body until the server asks for it",
    request: { ...POST, expectsContinue: true },
    lease: NOW,
    happens: [
      ...["server takes", "server answers 100", "client takes", "client gives", "server takes"],
      ...["client ends", "server takes", "server answers with all", "client takes"],
    ],
    told: ["inform 100", "begin 200", "body 0-1 end"],
    servers: ["released"],
  },
  {
    name: "asks another when one that was idle has closed",
    lease: NOW,
    happens: [
      ...["server is stale", "a connection is made", "server takes", "server answers with all"],
      "client takes",
    ],
    told: ["begin 200", "body 0-1 end"],
    servers: ["failed", "released"],
  },
  {
    name: "does not ask twice for what may be done once, and blames nobody",
    request: { method: "POST" },
    lease: NOW,
    happens: ["server is stale", "client takes"],
    told: ["respond 502"],
    servers: ["failed"],
    code: "upstream_gone",
  },
  {
    name: "asks again whatever the method where the server says that it has not seen it",
    request: { method: "POST" },
    lease: NEW,
    happens: [
      ...["a connection is made", "server has not seen it", "a connection is made"],
      ...["server takes", "server answers with all", "client takes"],
    ],
    told: ["begin 200", "body 0-1 end"],
    servers: ["failed", "released"],
  },
  {
    name: "does not ask again once some of the body is gone",
    request: POST,
    lease: NOW,
    happens: [
      ...["server takes", "client gives", "server has not seen it", "client takes"],
    ],
    told: ["respond 502"],
    servers: ["failed"],
    code: "upstream_gone",
  },
  {
    name: "gives an early answer, and does not blame the server for what breaks behind it",
    request: POST,
    lease: NOW,
    happens: ["server takes", "server answers with some", "client takes", "server fails"],
    told: ["begin 200", "body 0-1"],
    servers: ["failed"],
    code: "bad_response",
    reported: [],
  },
  {
    name: "answers itself where a server fails, behind an interim answer that is on its way",
    lease: NOW,
    happens: ["server takes", "server answers 103", "server fails", "client takes"],
    told: ["inform 103", "respond 502"],
    servers: ["failed"],
    code: "bad_response",
    reported: ["bad_response"],
  },
  {
    name: "ends the server's work when the client has gone",
    lease: NOW,
    happens: ["server takes", "client resets"],
    told: [],
    servers: ["aborted"],
    code: "client_gone",
  },
  {
    name: "gives a place back that comes when the client has gone",
    lease: { claim: "later", idle: "now" },
    happens: ["client resets", "a place is free"],
    told: [],
    servers: [],
    code: "client_gone",
  },
  {
    name: "leaves a connection to others that is made when the client has gone",
    lease: NEW,
    happens: ["client resets", "a connection is made"],
    told: [],
    servers: ["released"],
    code: "client_gone",
  },
  {
    name: "tells the client what is wrong with its body",
    request: POST,
    lease: NOW,
    happens: ["server takes", "client breaks its body", "client takes"],
    told: ["respond 400"],
    servers: ["aborted"],
    code: "bad_chunk",
  },
  {
    name: "gives a server up that does not answer in time",
    lease: NOW,
    happens: ["server takes", "time is up", "client takes"],
    told: ["respond 504"],
    servers: ["aborted"],
    code: "response_timeout",
    reported: ["response_timeout"],
  },
  {
    name: "breaks an answer off that stands still",
    lease: NOW,
    happens: ["server takes", "server answers with some", "client takes", "time is up"],
    told: ["begin 200", "body 0-1"],
    servers: ["aborted"],
    code: "truncated_response",
    reported: ["truncated_response"],
  },
];

for (const { name, request, lease, happens, told, servers, code, reported } of CASES) {
  Deno.test(`Exchange ${name}`, async () => {
    const play = new Play(scriptedRequest(request), lease);
    await playAll(play, happens);
    play.check();
    assert.deepEqual(play.client.told, told);
    assert.deepEqual(play.streams.map(({ over }) => over), servers);
    assert.equal(play.outcome?.error?.code, code);
    if (reported !== undefined) assert.deepEqual(play.reported, reported);
    else assert.deepEqual(play.reported, []);
  });
}

Deno.test("Exchange counts a server that is still being connected to when the client goes", async () => {
  const play = new Play(scriptedRequest(), NEW);
  await playAll(play, ["client resets"]);
  const { server, attempts } = play.exchange.lease;
  assert.deepEqual([server !== undefined, attempts], [true, 1]);
});

Deno.test("Exchange leaves a connection to others that is looked at when its client goes at once", async () => {
  const play = new Play(scriptedRequest(), { claim: "now", idle: "later" });
  // in the turn in which the request has come
  play.client.actions().find(({ name }) => name === "client resets")?.play();
  await playAll(play, ["a connection is fine"]);
  play.check();
  assert.deepEqual(play.streams.map(({ over }) => over), ["released"]);
  assert.equal(play.outcome?.error?.code, "client_gone");
});

Deno.test("Exchange keeps a connection for its client alone that knows who the client is", async () => {
  const values = (name: string) => name === "authorization" ? ["NTLM TlRMTVNTUAAB"] : [];
  const request = scriptedRequest({ has: () => true, values });
  const play = new Play(request, NOW);
  await playAll(play, ["server takes", "server answers with all", "client takes"]);
  assert.deepEqual(play.streams.map(({ over }) => over), ["retained"]);
  assert.notEqual(play.client.pins.take("b"), undefined);
});

Deno.test("Exchange knows of no connection where the last that was tried was not made", async () => {
  for (const [lease, begins] of [[NOW, []], [NEW, ["a connection is made"]]] as const) {
    const play = new Play(scriptedRequest(), lease);
    const fails = lease === NOW ? "server is stale" : "server has not seen it";
    await playAll(play, [...begins, "server takes", fails]);
    await playAll(play, ["not so: a connection is made", "not so: a connection is made"]);
    await playAll(play, ["client takes"]);
    play.check();
    const { attempts, reused, leasedAt } = play.exchange.lease;
    assert.deepEqual({ attempts, reused, leasedAt }, { attempts: 3, reused: false, leasedAt: 0 });
  }
});

Deno.test("Exchange takes nothing of the body while it looks for another server", async () => {
  const play = new Play(scriptedRequest(POST), NEW);
  await playAll(play, ["a connection is made", "server takes", "server has not seen it"]);
  assert.deepEqual(play.client.actions().filter(({ name }) => /gives|ends/.test(name)), []);
  await playAll(play, [
    ...["a connection is made", "server takes", "client ends", "server takes"],
    ...["server answers with all", "client takes"],
  ]);
  play.check();
  assert.deepEqual(play.streams.map(({ got }) => got), [[], ["0"]]);
});

Deno.test("Exchange holds a server to no time while its client gives the body", async () => {
  const play = new Play(scriptedRequest(POST), NOW);
  assert.ok(play.deadlines.isArmed, "until it has taken the head");
  await playAll(play, ["server takes"]);
  assert.ok(!play.deadlines.isArmed);
  await playAll(play, ["client ends"]);
  assert.ok(play.deadlines.isArmed);
  await playAll(play, ["server takes", "server answers with all", "client takes"]);
  play.check();
});

Deno.test("Exchange gives a server its time anew that says that it is at work", async () => {
  const play = new Play(scriptedRequest(), NOW);
  await playAll(play, ["server takes"]);
  const { begun } = play.deadlines;
  await playAll(play, ["server answers 103", "client takes"]);
  assert.equal(play.deadlines.begun, begun + 1);
  await playAll(play, ["time is up", "client takes"]);
  play.check();
  assert.equal(play.outcome?.error?.code, "response_timeout");
});

Deno.test("Exchange holds the next server to its time, too, when one has failed", async () => {
  const play = new Play(scriptedRequest(), NOW);
  await playAll(play, ["server takes", "server is stale", "a connection is made", "server takes"]);
  assert.ok(play.deadlines.isArmed);
  await playAll(play, ["time is up", "client takes"]);
  play.check();
  assert.deepEqual(play.reported, ["response_timeout"]);
});

Deno.test("scriptedAnswer() has a body where answers have one", () => {
  assert.deepEqual([scriptedAnswer(103).body, scriptedAnswer(200).body], [NO_BODY, UNKNOWN_LENGTH]);
});
