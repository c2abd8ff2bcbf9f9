import assert from "node:assert/strict";
import fc from "fast-check";
import { createTestAuthority } from "../../../tests/support/authority.ts";
import { type CertificateFiles, testCertificates } from "../../../tests/support/certificates.ts";
import { type ClientAuth, DEFAULT_POLICY, type TlsPolicy } from "../policy.ts";
import { STORE_FLAG } from "./binding.ts";
import { type ClientContextOptions, TlsContext } from "./context.ts";
import { openSsl } from "./library.ts";
import { readCrls } from "./pem_objects.ts";
import type { Resumption } from "./resumption.ts";
import { READ, sealedBytes, type SessionRole, TlsSession } from "./session.ts";
import { newTicketKeys, TicketKeys, turnTicketKeys } from "./ticket_keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const { ec, rsa, api, caPem } = await testCertificates();
const tickets = new TicketKeys();

interface PairOptions {
  readonly certificate?: CertificateFiles;
  readonly keys?: TicketKeys;
  readonly policy?: TlsPolicy;
  readonly server?: TlsContext;
  readonly role?: Partial<SessionRole & { side: "client" }>;
  readonly alpn?: readonly string[];
  readonly protocol?: string;
  readonly ca?: string;
  readonly clientAuth?: ClientAuth;
  /** What the client shows, and whether the server is told that it offers TLS 1.3. */
  readonly shown?: ClientContextOptions["shown"];
  readonly isModern?: boolean;
}

/** Both ends of a handshake in memory. */
class Pair implements Disposable {
  readonly server: TlsSession;
  readonly client: TlsSession;

  constructor(options: PairOptions = {}) {
    const { role, alpn, protocol, ca, shown, isModern = false } = options;
    this.client = new TlsSession(
      TlsContext.forClient({
        ...{ ca, shown, verify: ca !== undefined },
        alpn: alpn ?? [],
      }),
      {
        ...{ side: "client", serverName: "localhost", verifyName: undefined },
        ...role,
      },
    );
    this.client.handshake(undefined);
    const hello = this.client.takeUnsent();
    assert.ok(hello);
    this.server = new TlsSession(options.server ?? contextOf(options), {
      side: "server",
      protocol,
      ticket: ticketOf(hello),
      isModern,
    });
    this.failures = this.#shake(hello);
  }

  readonly failures: readonly (string | undefined)[];

  /** What the client has sent until it was done: two flights, or three where it was asked again. */
  turns = 0;

  #shake(hello: Bytes): readonly (string | undefined)[] {
    let input: Bytes | undefined = hello;
    while (this.turns < 4) {
      this.turns++;
      this.server.handshake(input);
      if (this.server.failure !== undefined) break;
      const answer = this.server.takeUnsent();
      if (answer === undefined) break;
      this.client.handshake(answer);
      input = this.client.takeUnsent();
      if (input === undefined) break;
    }
    return [this.server.failure, this.client.failure];
  }

  [Symbol.dispose](): void {
    this.server.close();
    this.client.close();
  }
}

function contextOf(
  { certificate = ec, keys = tickets, policy = DEFAULT_POLICY, clientAuth }: PairOptions,
) {
  const [certPem, keyPem] = [certificate.cert, certificate.key].map((path) =>
    Deno.readTextFileSync(path)
  );
  assert.ok(certPem && keyPem);
  return TlsContext.forServer({ certPem, keyPem, policy, clientAuth, tickets: keys });
}

/** The client's first ticket, from behind its extension; good enough for what OpenSSL sends. */
function ticketOf(hello: Bytes): Bytes | undefined {
  for (const keys of KNOWN) {
    const at = indexOf(hello, keys.subarray(0, 16));
    if (at >= 0) return hello.subarray(at);
  }
  return undefined;
}

/** The sets of keys that tests have made. */
const KNOWN: Bytes[] = [tickets.newest];

function indexOf(bytes: Bytes, part: Bytes): number {
  return bytes.findIndex((_, at) => part.every((byte, i) => bytes[at + i] === byte));
}

/** What one end makes of bytes, decrypted by the other. */
function pass(from: TlsSession, to: TlsSession, bytes: Bytes): Bytes {
  const out = new Uint8Array(sealedBytes(bytes.length));
  const size = from.write(bytes, out);
  const into = new Uint8Array(bytes.length + 1);
  const count = to.read(out.subarray(0, size), into);
  return into.subarray(0, Math.max(count, 0));
}

/** Lets a client have what a server sends behind the handshake, such as tickets. */
function resumptionOf({ client, server }: Pair): Resumption {
  pass(server, client, Uint8Array.of(1));
  const resumption = client.resumption();
  assert.ok(resumption);
  return resumption;
}

Deno.test("TlsSession has a key at once for servers that know no hybrids", () => {
  // with OpenSSL 3.5 alone there is a hybrid in front
  for (const group of ["x25519", undefined]) {
    const groups = group === undefined ? undefined : [group];
    using pair = new Pair({ policy: { ...DEFAULT_POLICY, groups } });
    assert.deepEqual(pair.failures, [undefined, undefined]);
    assert.equal(pair.turns, 2, "the server asks for no other key");
    if (group !== undefined) assert.equal(pair.client.facts().group, group);
  }
});

Deno.test("TlsSession carries bytes of any size both ways", () => {
  using pair = new Pair();
  assert.deepEqual(pair.failures, [undefined, undefined]);
  const size = fc.oneof(fc.nat(100), fc.nat(70_000).map((n) => Math.min(n, 64 * 1024)));
  fc.assert(
    fc.property(size, fc.boolean(), (length, up) => {
      const bytes = crypto.getRandomValues(new Uint8Array(Math.min(length, 60_000)));
      if (length === 0) return;
      const [from, to] = up ? [pair.client, pair.server] : [pair.server, pair.client];
      assert.deepEqual(pass(from, to, bytes), bytes);
    }),
    { numRuns: 50 },
  );
});

Deno.test("TlsSession takes records in pieces, and gives what fits", () => {
  using pair = new Pair();
  const bytes = crypto.getRandomValues(new Uint8Array(40_000));
  const sealed = new Uint8Array(sealedBytes(bytes.length));
  const size = pair.client.write(bytes, sealed);
  const got: number[] = [];
  const into = new Uint8Array(1000);
  for (let at = 0; at < size; at += 777) {
    let input: Bytes | undefined = sealed.slice(at, Math.min(size, at + 777));
    do {
      const count = pair.server.read(input, into);
      if (count > 0) got.push(...into.subarray(0, count));
      input = undefined;
    } while (pair.server.hasMore);
  }
  assert.deepEqual(new Uint8Array(got), bytes);
});

Deno.test("TlsSession tells what was agreed on", () => {
  using modern = new Pair({
    ...{ alpn: ["h2", "http/1.1"], protocol: "http/1.1" },
    policy: { ...DEFAULT_POLICY, groups: ["x25519"] },
  });
  const facts = {
    protocol: "TLSv1.3",
    cipher: "TLS_AES_256_GCM_SHA384",
    group: "x25519",
    alpn: "http/1.1",
    resumed: false,
  };
  assert.deepEqual(modern.server.facts(), facts);
  assert.deepEqual(modern.client.facts(), facts);
  using old = new Pair({
    policy: { ...DEFAULT_POLICY, ciphers: ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"] },
  });
  assert.equal(old.server.facts().protocol, "TLSv1.2");
  assert.equal(old.server.facts().cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
});

Deno.test("TlsSession of a client believes a server by its authority and name alone", () => {
  const verified = (verifyName: string, ca = caPem) => {
    using pair = new Pair({ ca, role: { verifyName } });
    return pair.client.failure;
  };
  assert.equal(verified("localhost"), undefined);
  assert.match(verified("other.test") ?? "", /^certificate verify failed: .*hostname mismatch/i);
  const stranger = Deno.readTextFileSync(api.cert);
  assert.match(verified("localhost", stranger) ?? "", /^certificate verify failed: /);
});

Deno.test("TlsSession resumes with tickets of the newest keys and of those before, no older ones", () => {
  const POLICIES: readonly Partial<TlsPolicy>[] = [
    {},
    { ciphers: ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"] },
    // the client is asked for another key, and says hello again
    { groups: ["secp384r1"] },
  ];
  for (const choice of POLICIES) {
    const policy = { ...DEFAULT_POLICY, ...choice };
    const keys = new TicketKeys();
    KNOWN.push(keys.newest);
    const resumes = (resume: Resumption, role: PairOptions = {}) => {
      using pair = new Pair({ keys, policy, ...role, role: { resume } });
      assert.deepEqual(pair.failures, [undefined, undefined]);
      return pair.server.facts().resumed;
    };
    using first = new Pair({ keys, policy });
    const old = resumptionOf(first);
    assert.ok(resumes(old), "the newest");
    // another thread with the same keys
    const sets = [keys.newest] as const;
    assert.ok(resumes(old, { keys: new TicketKeys(sets) }), "of another worker");
    assert.ok(!resumes(old, { keys: new TicketKeys() }), "of nobody");
    const next = turnTicketKeys(sets);
    keys.replace(next);
    KNOWN.push(keys.newest);
    assert.ok(resumes(old), "the ones before");
    keys.replace(turnTicketKeys(next));
    KNOWN.push(keys.newest);
    assert.ok(!resumes(old), "older ones");
  }
});

Deno.test("TlsSession seals with the newest keys, also for one who has come with older ones", () => {
  const keys = new TicketKeys();
  const [before, after] = [keys.newest, newTicketKeys()];
  KNOWN.push(before, after);
  using first = new Pair({ keys });
  const old = resumptionOf(first);
  keys.replace([after, before]);
  const server = contextOf({ keys });
  using second = new Pair({ server, role: { resume: old } });
  assert.ok(second.server.facts().resumed);
  const renewed = resumptionOf(second);
  // without the older ones, the new ticket is still good
  using third = new Pair({ keys: new TicketKeys([after]), role: { resume: renewed } });
  assert.ok(third.server.facts().resumed);
});

Deno.test("TlsSession resumes no session of another certificate or policy", () => {
  using first = new Pair();
  const resume = resumptionOf(first);
  const OTHERS: readonly PairOptions[] = [
    { certificate: api },
    { certificate: rsa },
    { policy: { ...DEFAULT_POLICY, minVersion: "TLSv1.3" } },
  ];
  for (const other of OTHERS) {
    using pair = new Pair({ ...other, role: { resume } });
    assert.deepEqual(pair.failures, [undefined, undefined]);
    assert.ok(!pair.server.facts().resumed);
  }
});

Deno.test("TlsSession tells close_notify from what is no TLS, and says what it was", () => {
  using ended = new Pair();
  ended.client.endWrites();
  const into = new Uint8Array(100);
  assert.equal(ended.server.read(ended.client.takeUnsent(), into), READ.ended);
  assert.equal(ended.server.read(undefined, into), READ.ended);
  // half-closed: the other direction goes on
  assert.deepEqual(pass(ended.server, ended.client, Uint8Array.of(1, 2)), Uint8Array.of(1, 2));

  const CASES: readonly (readonly [bytes: readonly number[], failure: RegExp, alert: RegExp])[] = [
    [[23, 3, 3, 0, 32, ...Array(32).fill(7)], /^bad record MAC$/, / alert bad_record_mac$/],
    [[23, 3, 3, 255, 255], /^(packet|encrypted) length too long$/, / alert record_overflow$/],
    [[99, 3, 3, 0, 1, 1], /^bad record type$/, / alert unexpected_message$/],
    [
      [23, 1, 1, 0, 1, 1],
      /^a record of an unknown protocol version$/,
      / alert (protocol_version|decode_error)$/,
    ],
  ];
  for (const [bytes, failure, alert] of CASES) {
    using pair = new Pair();
    assert.equal(pair.server.read(new Uint8Array(bytes), into), READ.failed);
    assert.match(pair.server.failure ?? "", failure);
    const words = pair.server.takeUnsent();
    assert.ok(words, "an alert");
    assert.equal(pair.client.read(words, into), READ.failed);
    assert.match(pair.client.failure ?? "", alert);
    assert.equal(pair.server.read(undefined, into), READ.failed);
    assert.equal(pair.server.write(Uint8Array.of(1), new Uint8Array(200)), -1);
    // what was wrong is told to the end
    assert.match(pair.server.failure ?? "", failure);
  }
});

Deno.test("TlsSession says so where its peer leaves amid the handshake", () => {
  for (const policy of [DEFAULT_POLICY, { ...DEFAULT_POLICY, ciphers: [SUITE_OF_TLS12] }]) {
    for (const level of [1, 2]) {
      const client = new TlsSession(TlsContext.forTrial(), {
        ...{ side: "client", serverName: undefined, verifyName: undefined },
      });
      client.handshake(undefined);
      const server = new TlsSession(contextOf({ policy }), {
        ...{ side: "server", protocol: undefined, ticket: undefined },
      });
      assert.equal(server.handshake(client.takeUnsent()), "goes_on");
      assert.equal(server.handshake(Uint8Array.of(21, 3, 3, 0, 2, level, 0)), "failed");
      assert.equal(server.failure, "the peer sent the alert close_notify");
      client.close();
      server.close();
    }
  }
});

const SUITE_OF_TLS12 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";

Deno.test("TlsSession cannot be called once it was closed", () => {
  const pair = new Pair();
  const { server } = pair;
  pair[Symbol.dispose]();
  pair[Symbol.dispose]();
  const into = new Uint8Array(100);
  for (
    const call of [
      () => server.handshake(undefined),
      () => server.read(undefined, into),
      () => server.write(into, new Uint8Array(300)),
      () => server.endWrites(),
      () => server.facts(),
      () => server.peerCertificates(),
      () => server.verification(),
      () => server.resumption(),
    ]
  ) {
    assert.throws(call, { message: "The TLS session was freed" });
  }
  assert.equal(server.hasMore, false);
  assert.equal(server.takeUnsent(), undefined);
});

Deno.test("TlsSession leaves nothing to another session, whatever it is given", () => {
  using witness = new Pair();
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      fc.constantFrom("handshake", "read") as fc.Arbitrary<"handshake" | "read">,
      (garbage, how) => {
        using pair = new Pair();
        const bytes = new Uint8Array(garbage);
        if (how === "handshake") {
          const session = new TlsSession(contextOf({}), {
            side: "server",
            protocol: undefined,
            ticket: undefined,
          });
          session.handshake(bytes);
          session.close();
        } else pair.server.read(bytes, new Uint8Array(64));
        const said = Uint8Array.of(1, 2, 3);
        assert.deepEqual(pass(witness.client, witness.server, said), said);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("TlsSession verifies the certificate of a resumed session as it does at first", async () => {
  const authority = await createTestAuthority("/CN=Clients CA");
  const own = await authority.issue({ subject: "/CN=bob" });
  const list = await Deno.readTextFile(await authority.revoke(own));
  const [certPem, keyPem, ca] = [own.cert, own.key, authority.ca].map((path) =>
    Deno.readTextFileSync(path)
  ) as [string, string, string];
  const server = contextOf({ clientAuth: { id: "a", mode: "require", ca, crl: undefined } });
  const first = new Pair({ server, shown: { certPem, keyPem }, isModern: true });
  assert.deepEqual(first.failures, [undefined, undefined]);
  const resume = resumptionOf(first);
  {
    using second = new Pair({ server, role: { resume }, isModern: true });
    assert.deepEqual(second.failures, [undefined, undefined]);
    assert.equal(second.server.facts().resumed, true);
    assert.equal(second.server.peerSubject(), "CN=bob");
  }
  const { ssl, crypto } = openSsl();
  const store = ssl.SSL_CTX_get_cert_store(server.pointer);
  for (const crl of readCrls(openSsl(), list)) {
    crypto.X509_STORE_add_crl(store, crl);
    crypto.X509_CRL_free(crl);
  }
  crypto.X509_STORE_set_flags(store, STORE_FLAG.crl_check);
  using third = new Pair({ server, role: { resume }, isModern: true });
  assert.equal(
    third.failures[0],
    "the certificate of a resumed session is refused: certificate revoked",
  );
});

Deno.test("TlsSession seals no certificate that is too long for a ticket", async () => {
  const authority = await createTestAuthority("/CN=Clients CA");
  const names = Array.from({ length: 3300 }, (_, i) => `${10_000 + i}.name.example`);
  const own = await authority.issue({ subject: "/CN=bob", names });
  const [certPem, keyPem, ca] = [own.cert, own.key, authority.ca].map((path) =>
    Deno.readTextFileSync(path)
  ) as [string, string, string];
  const server = contextOf({ clientAuth: { id: "a", mode: "require", ca, crl: undefined } });
  using pair = new Pair({ server, shown: { certPem, keyPem }, isModern: true });
  assert.deepEqual(pair.failures, [undefined, undefined]);
  assert.ok((pair.server.peerCertificates()[0]?.length ?? 0) > 64 * 1024);
  assert.equal(openSsl().crypto.ERR_get_error(), 0);
  const said = Uint8Array.of(1, 2, 3);
  assert.deepEqual(pass(pair.server, pair.client, said), said);
  assert.deepEqual(pass(pair.client, pair.server, said), said);
});
