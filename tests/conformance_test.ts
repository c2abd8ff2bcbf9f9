import assert from "node:assert/strict";
import { ACME_PROTOCOL } from "../lib/acme/challenges.ts";
import { loadCertificate } from "../lib/certificates/certificate.ts";
import { createCertificateStore } from "../lib/certificates/certificate_store.ts";
import { writeAll } from "../lib/io/write_all.ts";
import { denoEngine } from "../lib/tls/deno_engine.ts";
import type {
  Capability,
  EngineName,
  HandshakeFailure,
  TlsConnection,
  TlsEngine,
  TlsListenOptions,
} from "../lib/tls/engine.ts";
import { MAX_NAMES } from "../lib/tls/listener_identity.ts";
import { opensslEngine } from "../lib/tls/openssl_engine.ts";
import { startBackend, startEcho, startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { CAPTURED_HELLOS } from "./support/client_hellos.ts";
import { latin1 } from "./support/connection.ts";
import { eventually, within } from "./support/deadline.ts";
import {
  answerToPlainHttp,
  BROKEN_OFF,
  certificatesByKeyType,
  certificatesByName,
  chosenCiphers,
  chosenGroup,
  helloInPieces,
  lastWords,
  loggedName,
  loggedProtocol,
  oldVersion,
  passedOn,
  proxiedPeer,
  resumedByName,
  sClient,
  statusForAnotherHost,
  truncationsSeen,
  truncationsShown,
  unknownName,
  withoutCertificate,
  withoutTickets,
} from "./support/engine_looks.ts";
import { Flood, Sink } from "./support/flood.ts";
import { encodeAnswer, encodeRequest, readAnswer } from "./support/http.ts";
import {
  ENGINE_CAN,
  ENGINES,
  NotStarted,
  startProxy,
  startProxyFor,
} from "./support/start_proxy.ts";
import { connectNodeTls, connectTcp, connectTls, echoed } from "./support/tls_client.ts";
import { run, runOk } from "./support/tools.ts";

/**
 * What a listener does with either TLS engine. Where they differ the tables say how, and each entry
 * is tried on both. Ciphers and old versions are in `walk_through_test.ts`, memory in
 * `memory_test.ts`.
 */

/** What an engine cannot do, and what happens instead. */
interface Difference {
  readonly lacking: readonly EngineName[];
  /** What `look` finds with an engine that can. */
  readonly can: unknown;
  /** What it finds with one that cannot. */
  readonly instead: unknown;
  readonly look: (engine: EngineName) => Promise<unknown>;
}

const DIFFERENCES: Readonly<Record<Capability, Difference>> = {
  protocol_facts: {
    lacking: ["deno"],
    can: "protocol=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 resumed=no",
    instead: "protocol=- cipher=- resumed=-",
    look: loggedProtocol,
  },
  sni_facts: {
    lacking: ["deno"],
    can: "sni=api.example.test",
    instead: "sni=-",
    look: loggedName,
  },
  certificates_by_name: {
    lacking: [],
    can: { "api.example.test": "api", "localhost": "ec", "other.test": "ec", "-": "ec" },
    instead: undefined,
    look: certificatesByName,
  },
  certificates_by_key_type: {
    lacking: ["deno"],
    can: ["rsa", "ec"],
    // every client gets the first
    instead: [undefined, "ec"],
    look: certificatesByKeyType,
  },
  certificate_facts: {
    lacking: ["deno"],
    can: 421,
    // the Host routes
    instead: 200,
    look: statusForAnotherHost,
  },
  resumption_by_name: {
    lacking: ["deno"],
    can: "Reused",
    instead: "New",
    look: resumedByName,
  },
  hello_in_pieces: {
    lacking: ["deno"],
    can: "answered",
    instead: /^Its hello came in several packets, .*; the openssl engine can$/,
    look: helloInPieces,
  },
  min_version: {
    lacking: ["deno"],
    can: "refused",
    instead: /a version is asked for \(min_version\)$/m,
    look: oldVersion,
  },
  strict_sni: {
    lacking: ["deno"],
    can: "alert 112",
    instead: /unknown names are to be refused \(strict_sni\)$/m,
    look: unknownName,
  },
  proxy_header: {
    lacking: ["deno"],
    can: "192.0.2.7:4711",
    instead: /tell their clients' addresses ahead of TLS \(proxy_header\)$/m,
    look: proxiedPeer,
  },
  passthrough: {
    lacking: ["deno"],
    can: "server",
    instead: /TLS of some names is to stay their servers' \(passthrough\)$/m,
    look: passedOn,
  },
  client_certificates: {
    lacking: ["deno"],
    can: "alert 40",
    instead: /clients are asked for certificates \(client_certificates\)$/m,
    look: withoutCertificate,
  },
  authority_answer: {
    lacking: ["deno"],
    can: ACME_PROTOCOL,
    instead: "none",
    look: authorityAnswer,
  },
  cipher_choice: {
    lacking: ["deno"],
    can: ["TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"],
    instead: /cipher suites are chosen \(cipher_choice\)$/m,
    look: chosenCiphers,
  },
  group_choice: {
    lacking: ["deno"],
    can: "ECDH, secp384r1, 384 bits",
    instead: /groups of the key exchange are chosen \(group_choice\)$/m,
    look: chosenGroup,
  },
  ticket_choice: {
    lacking: ["deno"],
    can: { tickets: [false, false], resumed: "Reused" },
    instead: /session tickets are switched off \(ticket_choice\)$/m,
    look: withoutTickets,
  },
  plain_http_answer: {
    lacking: ["deno"],
    can: "HTTP/1.1 400 Bad Request",
    instead: "alert 50",
    look: answerToPlainHttp,
  },
  truncation_seen: {
    lacking: [],
    can: {
      ...{ "close_notify": "done", "FIN": "client_gone" },
      ...{ "FIN amid a record": "client_gone", "RST": "client_gone" },
    },
    // a request's framing shows it in http mode; in tcp mode it counts as an end
    instead: { "close_notify": "done", "FIN": "done", "FIN amid a record": "done", "RST": "done" },
    look: truncationsSeen,
  },
  truncation_shown: {
    lacking: ["deno"],
    can: { "FIN": "end", "RST": "broken off" },
    // an answer's framing shows it in http mode; in tcp mode nothing does
    instead: { "FIN": "end", "RST": "end" },
    look: truncationsShown,
  },
};

/** Which of three handshakes, each offering what the first got, resume a session. */
const RESUMPTION: readonly (
  & { readonly name: string; readonly flags: readonly string[] }
  & Readonly<Record<EngineName, readonly ("New" | "Reused")[]>>
)[] = [
  {
    name: "TLS 1.2",
    flags: ["-tls1_2"],
    openssl: ["New", "Reused", "Reused"],
    deno: ["New", "Reused", "Reused"],
  },
  {
    name: "TLS 1.2 without tickets",
    flags: ["-tls1_2", "-no_ticket"],
    openssl: ["New", "Reused", "Reused"],
    deno: ["New", "Reused", "Reused"],
  },
  {
    name: "TLS 1.3",
    flags: ["-tls1_3"],
    openssl: ["New", "Reused", "Reused"],
    // a ticket names a session that it keeps, and forgets at its first use
    deno: ["New", "Reused", "New"],
  },
];

/** Of the garbage below, what is no more than a probe: where the engine does not say what came. */
const LIKE_PROBES: Readonly<Record<EngineName, readonly string[]>> = {
  openssl: ["nothing"],
  deno: ["nothing", "a byte", "half a ClientHello"],
};

/** What a client may send in place of a ClientHello. */
const GARBAGE: Readonly<Record<string, string>> = {
  "zeros": "\0".repeat(1000),
  "text": "EHLO example.test\r\n",
  "an SSLv2 hello": "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10",
  "a record that is too long": `\x16\x03\x01\xff\xff${"a".repeat(70_000)}`,
  "an empty record": "\x16\x03\x01\0\0",
  "an alert": "\x15\x03\x01\0\x02\x02\x28",
  "application data": "\x17\x03\x03\0\x05hello",
  "another handshake message": "\x16\x03\x01\0\x04\x02\0\0\0",
  "an empty ClientHello": "\x16\x03\x01\0\x04\x01\0\0\0",
  "a byte": "\x16",
  "half a ClientHello": latin1(clientHello().subarray(0, 100)),
  "garbage behind a ClientHello": `${latin1(clientHello())}garbage`,
  "nothing": "",
};

const MiB = 1024 * 1024;
/** What is sent to somebody who does not read. */
const FLOOD_BYTES = 64 * MiB;
/** What the system's buffers may take of it, on both connections together. */
const KERNEL_BYTES = 40 * MiB;
/** Around a record's and a buffer's size, and many of either. */
const BODY_BYTES = [1, 16_383, 16_384, 16_385, 65_537, 300_000, 5_000_000, 0, 20_480];

const ANSWERS = 200;
/** More than one record, so that Nagle's algorithm holds the second back. */
const ANSWER_BYTES = 20 * 1024;
/** Of TLS, at the most. */
const RECORD_BYTES = 16 * 1024;
/** A delayed acknowledgement takes 40 ms. */
const STALL_MS = 35;

/** More than the runtime has the system queue by itself. */
const BURST = 600;

const mode = "tcp";

Deno.test("the table of differences is what the engines say of themselves", () => {
  for (const engine of ENGINES) {
    const able = Object.entries(DIFFERENCES)
      .filter(([, { lacking }]) => !lacking.includes(engine))
      .map(([capability]) => capability);
    assert.deepEqual([...ENGINE_CAN[engine]].sort(), able.sort(), engine);
  }
});

for (const engine of ENGINES) {
  for (const [capability, { lacking, can, instead, look }] of Object.entries(DIFFERENCES)) {
    const does = lacking.includes(engine) ? "does without" : "has";
    Deno.test(`the ${engine} engine ${does} ${capability} as listed`, async () => {
      const found = await look(engine).catch((error) => {
        if (error instanceof NotStarted) return error.says.join("\n");
        throw error;
      });
      const expected = lacking.includes(engine) ? instead : can;
      if (expected instanceof RegExp) assert.match(String(found), expected);
      else assert.deepEqual(found, expected);
    });
  }

  Deno.test(`however many names are asked for, each gets its certificate (${engine})`, async () => {
    await using backend = await startHttp();
    const { ec, api } = await testCertificates();
    await using proxy = await startProxy([
      ...["--listen", "127.0.0.1:0", "--backend", backend.address, "--engine", engine],
      ...["--cert", ec.cert, "--key", ec.key, "--cert", api.cert, "--key", api.key],
      "--no-access-log",
    ]);
    // the deno engine replaces its listener after so many
    const count = engine === "deno" ? 1.5 * MAX_NAMES : 200;
    const names = Array.from({ length: count }, (_, i) => `n${i}.test`);
    const given = new Set<unknown>();
    const askAll = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        const servername = names.length % 100 === 0 ? "api.example.test" : name;
        const options = { servername, checkServerIdentity: () => undefined };
        const { connection, socket } = await connectNodeTls(proxy.port, options);
        const { CN } = socket.getPeerCertificate().subject;
        given.add(`${servername === name ? "any" : servername}: ${CN}`);
        connection.reset();
      }
    };
    await Promise.all(Array.from({ length: 8 }, askAll));
    assert.deepEqual([...given].toSorted(), ["any: ec", "api.example.test: api"]);
  });

  Deno.test(`ALPN picks what both speak, or refuses (${engine})`, async () => {
    await using backend = await startHttp();
    await using http = await startProxyFor({ engine, backend: backend.address });
    await using tcp = await startProxyFor({ engine, mode, backend: backend.address });
    const REFUSED = "alert 120"; // no_application_protocol (RFC 7301, section 3.2)
    for (
      const [{ port }, offered, picked] of [
        [http, "h2,http/1.1", "h2"],
        [http, "http/1.1,h2", "h2"],
        [http, "http/1.1", "http/1.1"],
        [http, "http/1.0,http/1.1", "http/1.1"],
        [http, "http/1.0", "http/1.0"],
        [http, "h2", "h2"],
        [http, "h3", REFUSED],
        [http, "http/1,HTTP/1.1", REFUSED],
        [http, undefined, "none"],
        [tcp, "h2", "none"],
        [tcp, undefined, "none"],
      ] as const
    ) {
      for (const version of ["-tls1_2", "-tls1_3"]) {
        const flags = offered === undefined ? [version] : [version, "-alpn", offered];
        assert.equal(await pickedAlpn(port, flags), picked, `${offered} with ${version}`);
      }
    }
    await http.log.count(/ info handshake /, 14);
    await http.log.count(/ warning handshake failed .*error=handshake_failed /, 4);
  });

  Deno.test(`sessions resume as listed (${engine})`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "tls-proxy-sessions-" });
    try {
      await using backend = await startHttp();
      await using proxy = await startProxyFor({ engine, backend: backend.address });
      const file = `${folder}/session`;
      for (const { name, flags, [engine]: expected } of RESUMPTION) {
        const outcomes: string[] = [];
        for (const session of ["-sess_out", "-sess_in", "-sess_in"]) {
          outcomes.push(await ask(proxy.port, [...flags, session, file]));
        }
        assert.deepEqual(outcomes, expected, name);
      }
      const handshakes = await proxy.log.count(/ info handshake /, 3 * RESUMPTION.length);
      const logged = handshakes.map((line) => / resumed=(\S+)/.exec(line)?.[1]);
      const told = ENGINE_CAN[engine].has("protocol_facts");
      const resumed = RESUMPTION.flatMap(({ [engine]: outcomes }) => outcomes)
        .map((outcome) => !told ? "-" : outcome === "Reused" ? "yes" : "no");
      assert.deepEqual(logged, resumed);

      // one session again and again, on one connection after the other
      const again = await runOk("openssl", sClient(proxy.port, ["-tls1_2", "-reconnect"]));
      assert.deepEqual(again.match(/^(New|Reused)/mg), ["New", ...Array(5).fill("Reused")]);

      // a session of a process that is gone costs a full handshake and nothing else
      await using other = await startProxyFor({ engine, backend: backend.address });
      for (const version of ["-tls1_2", "-tls1_3"]) {
        assert.equal(await ask(proxy.port, [version, "-sess_out", file]), "New");
        assert.equal(await ask(other.port, [version, "-sess_in", file]), "New");
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  Deno.test(`either side may end first and hear the other to its end (${engine})`, async () => {
    const sizes = { heard: 0 };
    await using backend = await startBackend(async (connection) => {
      const ends = await connection.readText(4);
      if (ends === "me. ") await connection.end();
      const sink = new Sink(connection.transport);
      await sink.takeUntil(Infinity);
      sizes.heard = sink.size;
      if (ends === "you.") await new Flood(connection.transport, 3 * MiB).done;
    });
    await using proxy = await startProxyFor({ engine, mode, backend: backend.address });

    using first = await connectTls(proxy.port);
    await first.write("you.");
    await first.end();
    const sink = new Sink(first.transport);
    // the client's TLS would throw at an end without close_notify
    await sink.takeUntil(Infinity);
    assert.deepEqual([sink.size, sizes.heard], [3 * MiB, 0]);

    using second = await connectTls(proxy.port);
    await second.write("me. ");
    assert.equal(await second.readRest(), "");
    await within(new Flood(second.transport, 3 * MiB).done, "the client to have its say");
    await second.end();
    await proxy.log.count(/ info end .*how=done$/, 2);
    await backend.allGone();
    assert.equal(sizes.heard, 3 * MiB);
  });

  Deno.test(`who does not read stops who sends, and loses nothing (${engine})`, async () => {
    const down = Promise.withResolvers<Flood>();
    const up = Promise.withResolvers<Sink>();
    const over = Promise.withResolvers<void>();
    await using backend = await startBackend(async (connection) => {
      if (await connection.readText(1) === "U") {
        up.resolve(new Sink(connection.transport));
        await over.promise;
      } else {
        const flood = new Flood(connection.transport, FLOOD_BYTES);
        down.resolve(flood);
        await flood.done;
      }
    });
    await using proxy = await startProxyFor({ engine, mode, backend: backend.address });
    using sender = await connectTls(proxy.port);
    using reader = await connectTls(proxy.port);
    await sender.write("U");
    await reader.write("D");
    const theirSink = await within(up.promise, "the backend to have heard the sender");
    const theirFlood = await within(down.promise, "the backend to have heard the reader");
    const flows = [
      { flood: new Flood(sender.transport, FLOOD_BYTES), sink: theirSink },
      { flood: theirFlood, sink: new Sink(reader.transport) },
    ];
    assert.deepEqual(await Promise.all(flows.map(({ flood }) => flood.stalls())), [true, true]);
    for (const { flood } of flows) {
      assert.ok(flood.sent < KERNEL_BYTES, `${flood.sent} bytes were taken`);
    }
    // then all of it comes
    for (const { flood, sink } of flows) {
      await sink.takeUntil(FLOOD_BYTES);
      await within(flood.done, "the rest to be sent");
      assert.equal(sink.size, FLOOD_BYTES);
      assert.equal(sink.digest(), flood.digest());
    }
    over.resolve();
  });

  Deno.test(`records that wait to be read come together (${engine})`, async () => {
    const accepted = Promise.withResolvers<TlsConnection>();
    await using port = await listenAlone(engine, { onConnection: accepted.resolve });
    using client = await connectTls(port.number);
    const flood = new Flood(client.transport, FLOOD_BYTES);
    assert.equal(await flood.stalls(), true);
    const connection = await within(accepted.promise, "a connection");
    const sizes: number[] = [];
    for (let i = 0; i < 8; i++) {
      const chunk = await within(connection.read(), "a chunk");
      sizes.push(chunk?.length ?? 0);
    }
    // where this fails the runtime takes longer for a read than it is waited for
    assert.ok(Math.max(...sizes) > 3 * RECORD_BYTES, `chunks of ${sizes}`);
  });

  Deno.test(`bodies of every size come unchanged over one connection (${engine})`, async () => {
    await using backend = await startHttp(({ body }) => encodeAnswer(body));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port, ["http/1.1"]);
    for (const size of BODY_BYTES) {
      const body = countingText(size);
      await client.write(encodeRequest(`/${size}`, { method: "POST", body }));
      const answer = await readAnswer(client);
      assert.equal(answer.status, 200);
      assert.ok(answer.body === body, `${answer.body.length} bytes came back for ${size}`);
    }
    await client.end();
    await proxy.log.first(new RegExp(` info end .* requests=${BODY_BYTES.length} .*how=done$`));
  });

  Deno.test(`no answer waits for an acknowledgement (${engine})`, async () => {
    await using backend = await startHttp(({ target }) =>
      encodeAnswer("x".repeat(Number(target.slice(1))))
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    /** What three of four answers of so many bytes take, at the least: a busy machine is late with some. */
    const usual = async (bytes: number) => {
      const times = await timesOf(ANSWERS, async () => {
        await client.write(encodeRequest(`/${bytes}`));
        assert.equal((await readAnswer(client)).body.length, bytes);
      });
      return times.toSorted((a, b) => a - b)[ANSWERS / 4] ?? Infinity;
    };
    // of a head alone no part is held back, and it takes what answers take on this machine
    const [head, answer] = [await usual(0), await usual(ANSWER_BYTES)];
    assert.ok(answer - head < STALL_MS, `three of four took ${answer} ms, a head ${head} ms`);
  });

  Deno.test(`what is no TLS leaves the listener as it was (${engine})`, async () => {
    await using echo = await startEcho();
    await using proxy = await startProxyFor({ engine, mode, backend: echo.address });
    using early = await connectTls(proxy.port);
    let failed = 0;
    for (const [name, bytes] of Object.entries(GARBAGE)) {
      using client = await connectTcp(proxy.port);
      const said = lastWords(client);
      // it may be refused before it has said all
      await client.write(bytes).then(() => client.end()).catch(() => {});
      const words = await said;
      assert.ok(
        [BROKEN_OFF, ""].includes(words) || isWholeRecords(words),
        `${name} gets ${JSON.stringify(words)}`,
      );
      if (LIKE_PROBES[engine].includes(name)) continue;
      await proxy.log.count(/ warning handshake failed .*error=/, ++failed);
    }
    for (let i = 0; i < 20; i++) {
      const client = await connectTcp(proxy.port);
      // who says nothing is no failure: it is as a probe of the port does
      if (i % 2 === 0) client.close();
      else client.reset();
    }
    for (const client of [early, await connectTls(proxy.port)]) {
      using used = client;
      await used.write("ping");
      assert.equal(await used.readText(4), "ping");
      await used.end();
      assert.equal(await used.readRest(), "");
    }
    await proxy.log.count(/ info end .*how=done$/, 2);
    assert.equal(proxy.log.matching(/ handshake failed /).length, failed);
    assert.equal(echo.connections.length, 2);
  });

  Deno.test(`who leaves amid its handshake is told of in plain words (${engine})`, async () => {
    await using echo = await startEcho();
    await using proxy = await startProxyFor({ engine, mode, backend: echo.address });
    const hello = CAPTURED_HELLOS.find(({ client }) => client.includes("-tls1_3"))?.bytes;
    assert.ok(hello);
    for (let i = 0; i < 20; i++) {
      const client = await connectTcp(proxy.port);
      await client.write(hello);
      if (i % 2 === 0) await client.readBytes(1);
      // there is more to read, so that it ends by a reset
      client.close();
    }
    using client = await connectTls(proxy.port);
    await client.end();
    await proxy.log.first(/ info end .*how=done$/);
    assert.deepEqual(proxy.log.matching(/broken pipe/i), []);
  });

  Deno.test(`who comes while the proxy is busy is connected all the same (${engine})`, async () => {
    await using proxy = await startProxyFor({ engine, backend: "127.0.0.1:9" });
    proxy.signal("SIGSTOP");
    const clients = await Promise.all(
      Array.from({ length: BURST }, () => connectTcp(proxy.port)),
    );
    proxy.signal("SIGCONT");
    for (const client of clients) client.close();
  });

  Deno.test(`listen() ends a handshake that is late (${engine})`, async () => {
    const failures: HandshakeFailure[] = [];
    let failedAt = 0;
    const limit = 600;
    const PREFIXES = [0, 1, 100, clientHello().length - 1];
    await using port = await listenAlone(engine, {
      handshakeTimeout: limit,
      onHandshakeFailure: (failure) => {
        failures.push(failure);
        failedAt = performance.now();
      },
    });
    // where all is slow it may be late itself
    using early = await eventually(() => echoed(port.number), "a handshake in time");
    failures.length = 0;
    const started = performance.now();
    const clients = await Promise.all(PREFIXES.map(async (length) => {
      const client = await connectTcp(port.number);
      if (length > 0) await client.write(clientHello().subarray(0, length));
      return client;
    }));
    const areAllLate = () => failures.length >= PREFIXES.length || undefined;
    await eventually(areAllLate, "the handshakes to fail");
    // timers of two clocks may disagree by a little
    assert.ok(failedAt - started > limit - 50);
    for (const client of clients) {
      using late = client;
      // it ends though the client neither says nor ends anything
      assert.ok(!(await lastWords(late)).startsWith("\x16"));
    }
    assert.deepEqual(
      failures.map(({ error }) => [error.code, error.message]),
      PREFIXES.map(() => ["handshake_timeout", `The handshake was not done within ${limit} ms`]),
    );
    // the limit is for the handshake only
    await early.write("ping");
    assert.equal(await early.readText(4), "ping");
  });
}

Deno.test("an answer of Deno.listenTls() waits for an acknowledgement without the cure", async () => {
  const { ec } = await testCertificates();
  const [cert, key] = await Promise.all([Deno.readTextFile(ec.cert), Deno.readTextFile(ec.key)]);
  using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const serving = answerEach(listener, new Uint8Array(ANSWER_BYTES));
  const times = await (async () => {
    using client = await connectTls((listener.addr as Deno.NetAddr).port);
    const times = await timesOf(20, async () => {
      await client.write("?");
      await client.readBytes(ANSWER_BYTES);
    });
    await client.end();
    return times;
  })();
  await within(serving, "the server to see the end");
  const stalled = times.filter((ms) => ms > STALL_MS).length;
  assert.ok(stalled > times.length / 2, "the trap is gone: Nagle need not be off");
});

/** Whether it is TLS (RFC 8446, section 5.1) from the first byte to the last, or nothing. */
function isWholeRecords(said: string): boolean {
  let at = 0;
  while (at < said.length) {
    const type = said.charCodeAt(at);
    if (type < 20 || type > 23 || said.charCodeAt(at + 1) !== 3) return false;
    at += 5 + said.charCodeAt(at + 3) * 256 + said.charCodeAt(at + 4);
  }
  return at === said.length;
}

/** What a client is given that offers names, or the alert it gets. */
async function pickedAlpn(port: number, flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run("openssl", sClient(port, flags), { input: "" });
  const alert = /SSL alert number (\d+)/.exec(stderr);
  if (alert !== null) {
    assert.notEqual(code, 0);
    return `alert ${alert[1]}`;
  }
  assert.equal(code, 0, stderr);
  return /^ALPN protocol: (.*)$/m.exec(stdout)?.[1] ?? "none";
}

/** Sends a request, reads the answer, and gives whether the session was resumed. */
async function ask(port: number, flags: readonly string[]): Promise<string> {
  const input = encodeRequest("/", { fields: ["Connection: close"] });
  const shown = await runOk("openssl", sClient(port, [...flags, "-ign_eof"]), { input });
  assert.match(shown, /^hello/m);
  return /^(New|Reused), TLS/m.exec(shown)?.[1] ?? shown;
}

function clientHello(): Uint8Array {
  const captured = CAPTURED_HELLOS.find(({ client }) => client.includes("-tls1_3"));
  return captured?.bytes ?? new Uint8Array(0);
}

/** Text of which no two pieces are alike. */
function countingText(length: number): string {
  const numbers = Array.from({ length: Math.ceil(length / 8) }, (_, i) => String(i).padStart(8));
  return numbers.join("").slice(0, length);
}

/** How many milliseconds each of so many runs took, one after the other. */
async function timesOf(count: number, task: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  while (times.length < count) {
    const started = performance.now();
    await task();
    times.push(performance.now() - started);
  }
  return times;
}

/** Answers whatever comes on one connection with the same bytes. */
async function answerEach(listener: Deno.TlsListener, answer: Uint8Array): Promise<void> {
  using conn = await listener.accept();
  const buffer = new Uint8Array(1024);
  while (await conn.read(buffer) !== null) await writeAll(conn, answer);
}

/** What a CA is answered by ALPN that looks whose a name is. */
async function authorityAnswer(engine: EngineName): Promise<string> {
  const { api } = await testCertificates();
  const certificate = await loadCertificate(api);
  const challenge = { protocol: ACME_PROTOCOL, certificateFor: () => certificate };
  await using port = await listenAlone(engine, { challenge });
  const flags = ["-servername", "api.example.test", "-alpn", ACME_PROTOCOL];
  return await pickedAlpn(port.number, flags);
}

Deno.test("listen() serves nobody whose handshake is done as its time is over (deno)", async () => {
  const failures = Promise.withResolvers<string>();
  let served = 0;
  using _ = toldOfTimersFirst();
  await using port = await listenAlone("deno", {
    handshakeTimeout: 500,
    onHandshakeFailure: ({ error }) => failures.resolve(error.code),
    onConnection: () => void served++,
  });
  using _client = await connectTls(port.number).catch(() => undefined);
  assert.equal(await within(failures.promise, "the end of its time"), "handshake_timeout");
  assert.equal(served, 0);
});

/** Has servers be told that a handshake is done behind the close, as a busy runtime may. */
function toldOfTimersFirst(): Disposable {
  const { listenTls } = Deno;
  const listen = (...options: Parameters<typeof listenTls>) => {
    const listener = listenTls(...options);
    const accept = listener.accept.bind(listener);
    return Object.assign(listener, {
      accept: async () => {
        const socket = await accept();
        const closed = Promise.withResolvers<void>();
        const [handshake, close] = [socket.handshake.bind(socket), socket.close.bind(socket)];
        return Object.assign(socket, {
          handshake: async () => {
            const done = await handshake();
            await closed.promise;
            return done;
          },
          close: () => {
            closed.resolve();
            close();
          },
        });
      },
    });
  };
  Object.assign(Deno, { listenTls: listen });
  return { [Symbol.dispose]: () => void Object.assign(Deno, { listenTls }) };
}

interface LonePort extends AsyncDisposable {
  readonly number: number;
}

/** An engine without the proxy around it, for what no flag sets; it echoes unless told otherwise. */
async function listenAlone(
  engine: EngineName,
  {
    handshakeTimeout = 10_000,
    challenge = { protocol: ACME_PROTOCOL, certificateFor: () => undefined },
    onHandshakeFailure = ({ error }) => assert.fail(error),
    onConnection = ({ readable, writable }) => void readable.pipeTo(writable).catch(() => {}),
  }: Partial<
    Pick<
      TlsListenOptions,
      "handshakeTimeout" | "challenge" | "onHandshakeFailure" | "onConnection"
    >
  >,
): Promise<LonePort> {
  const { ec } = await testCertificates();
  const connections: TlsConnection[] = [];
  const troubles: string[] = [];
  const engines: Readonly<Record<EngineName, TlsEngine>> = {
    openssl: opensslEngine,
    deno: denoEngine,
  };
  const listener = await engines[engine].listen({
    address: { host: "127.0.0.1", port: 0 },
    certificates: createCertificateStore([{ certificate: await loadCertificate(ec) }]),
    alpn: [],
    challenge,
    handshakeTimeout,
    onConnection: (connection, place) => {
      connections.push(connection);
      onConnection(connection, place);
    },
    onHandshakeFailure,
    onTrouble: (reason) => void troubles.push(reason),
  });
  return {
    number: listener.address.port,
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close();
      await listener.close();
      listener.cutArriving();
      assert.deepEqual(troubles, []);
    },
  };
}
