import assert from "node:assert/strict";
import { Authority, type CertificateOrder } from "../lib/acme/authority.ts";
import { ChallengeBoard } from "../lib/acme/challenges.ts";
import { testCertificates } from "./support/certificates.ts";
import { pause, within } from "./support/deadline.ts";

/** What a CA answers to a new order, by what it was asked for. */
type NewOrder = (asked: Readonly<Record<string, unknown>>, self: string) => Response;

/** A CA that has made up its mind on each order, and on all else at once; by TLS where it has a key. */
function startCa(newOrder: NewOrder, tls: Partial<Deno.TlsCertifiedKeyPem> = {}) {
  const orders: Record<string, unknown>[] = [];
  const asked = { total: 0, now: 0, most: 0 };
  const listen = { hostname: "localhost", port: 0, onListen() {}, ...tls };
  const server = Deno.serve(listen, async (request) => {
    const { origin, pathname } = new URL(request.url);
    const answer = await respond(request, { origin, pathname });
    answer.headers.set("replay-nonce", "nonce");
    return answer;
  });

  async function respond(request: Request, { origin, pathname }: Pick<URL, "origin" | "pathname">) {
    switch (pathname) {
      case "/directory":
        return Response.json({
          newNonce: `${origin}/nonce`,
          newAccount: `${origin}/account`,
          newOrder: `${origin}/orders`,
        });
      case "/account":
        return Response.json({}, { status: 201, headers: { location: `${origin}/accounts/1` } });
      case "/orders": {
        const { payload } = await request.json();
        const asked = JSON.parse(new TextDecoder().decode(
          Uint8Array.fromBase64(payload, { alphabet: "base64url" }),
        ));
        orders.push(asked);
        return newOrder(asked, origin);
      }
      case "/finalize":
        return given(origin, 200);
      case "/certificate":
        return new Response(CHAIN);
      default:
        return pathname.startsWith("/authorizations/") ? await proved() : new Response(null);
    }
  }

  /** An authorization that is valid already; it takes its time. */
  async function proved(): Promise<Response> {
    asked.total++;
    asked.most = Math.max(asked.most, ++asked.now);
    await pause(20);
    asked.now--;
    return Response.json({ status: "valid", challenges: [] });
  }

  return {
    directory: `${"key" in tls ? "https" : "http"}://localhost:${server.addr.port}/directory`,
    /** What was asked for. */
    orders,
    /** How many authorizations were asked for, and at a time. */
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const CHAIN = "the chain";

function given(origin: string, status = 201): Response {
  const order = { status: "valid", authorizations: [], certificate: `${origin}/certificate` };
  return Response.json(order, { status, headers: { location: `${origin}/orders/1` } });
}

function refused(status: number, detail: string, headers: Record<string, string> = {}): Response {
  return Response.json({ detail }, { status, headers });
}

/** Asks a CA for a certificate. */
async function order(
  directory: string,
  { ca, ...of }: Partial<CertificateOrder> & { readonly ca?: string } = {},
) {
  const options = { directory, email: undefined, ca, binding: undefined };
  const authority = await Authority.open({ ...options, keyType: "ecdsa" }, undefined);
  await authority.register();
  return await authority.order(
    { names: ["www.example.test"], challenges: ["http-01"], replaces: undefined, ...of },
    {
      board: new ChallengeBoard(() => Promise.resolve()),
      memory: { open: undefined, placed: () => Promise.resolve() },
    },
  );
}

Deno.test("a certificate that the CA will not have replaced is ordered as a new one", async () => {
  const detail = "requester account did not request the certificate being replaced by this order";
  await using ca = startCa(({ replaces }, origin) =>
    replaces === undefined ? given(origin) : refused(403, detail)
  );
  const { chain } = await order(ca.directory, { replaces: "key.serial" });
  assert.equal(chain, CHAIN);
  assert.deepEqual(ca.orders.map(({ replaces }) => replaces), ["key.serial", undefined]);
});

Deno.test("a CA that has one wait is not waited for amid an order", async () => {
  const detail = "too many certificates already issued for example.test";
  await using ca = startCa(() => refused(429, detail, { "retry-after": "3600" }));
  const told = assert.rejects(order(ca.directory), { message: detail });
  await within(told, () => "the CA's words");
});

Deno.test("a CA of which nothing but its directory answers cannot be reached, in so many words", async () => {
  const directory = { newNonce: "http://127.0.0.1:1/nonce", newAccount: "http://127.0.0.1:1/" };
  const listen = { hostname: "localhost", port: 0, onListen() {} };
  await using server = Deno.serve(listen, () => Response.json(directory));
  await assert.rejects(order(`http://localhost:${server.addr.port}/directory`), {
    message: /^the CA cannot be reached: .*refused/i,
    unreachable: true,
  });
});

Deno.test("what a CA wants proved is asked for one by one, however much it is", async () => {
  await using ca = startCa((_, origin) => {
    const authorizations = Array.from({ length: 20 }, (_, i) => `${origin}/authorizations/${i}`);
    const order = { status: "pending", authorizations, finalize: `${origin}/finalize` };
    return Response.json(order, { status: 201, headers: { location: `${origin}/orders/1` } });
  });
  assert.equal((await order(ca.directory)).chain, CHAIN);
  assert.equal(ca.asked.total, 20);
  assert.equal(ca.asked.most, 1);
});

Deno.test("a CA that stumbles once is asked once more", async () => {
  let asked = 0;
  await using ca = startCa((_, origin) => asked++ === 0 ? refused(503, "busy") : given(origin));
  assert.equal((await order(ca.directory)).chain, CHAIN);
  assert.equal(asked, 2);
});

Deno.test("an answer without end is no CA's", async () => {
  const bytes = new Uint8Array(64 * 1024);
  const listen = { hostname: "localhost", port: 0, onListen() {} };
  await using server = Deno.serve(
    listen,
    () => new Response(new ReadableStream({ pull: (to) => to.enqueue(bytes) })),
  );
  const told = assert.rejects(
    order(`http://localhost:${server.addr.port}/directory`),
    { message: /maxContentLength size of \d+ exceeded/ },
  );
  await within(told, () => "the end of it");
});

Deno.test("a CA's own roots are forgotten with the configuration that named them", async () => {
  const { caPem, ec } = await testCertificates();
  const tls = { cert: await Deno.readTextFile(ec.cert), key: await Deno.readTextFile(ec.key) };
  await using theirs = startCa((_, origin) => given(origin), tls);
  await order(theirs.directory, { ca: caPem });
  await assert.rejects(order(theirs.directory), { message: /cannot be reached: .*certificate/ });
});
