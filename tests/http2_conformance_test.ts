import assert from "node:assert/strict";
import { messageOf } from "../lib/core/errors.ts";
import { FLAG, FRAME } from "../lib/http2/wire.ts";
import { startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { encodeAnswer } from "./support/http.ts";
import { HTTP2_CASES, type Http2Case, type Outcome } from "./support/http2_cases.ts";
import { Http2Client } from "./support/http2_client.ts";
import { opening } from "./support/http2_frames.ts";
import { ENGINES } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";

/** As plain HTTP, too: there the first bytes tell the version. */
const WAYS = ["plain", ...ENGINES] as const;

const AT_A_TIME = 10;

for (const way of WAYS) {
  Deno.test(`each rule of HTTP/2 is kept, and its breach told by its name (${way})`, async () => {
    await using backend = await startHttp(() => encodeAnswer("an answer"), { brokenOff: true });
    const { ec } = await testCertificates();
    const listener = way === "plain" ? { tls: false } : { engine: way };
    await using proxy = await startConfigured(JSON.stringify({
      listeners: [{ listen: "127.0.0.1:0", ...listener }],
      certificates: way === "plain" ? [] : [ec],
      backends: { a: { servers: [backend.address] } },
      routes: [{ backend: "a" }],
    }));
    const connect = async () =>
      way === "plain" ? await connectTcp(proxy.port) : await connectTls(proxy.port, ["h2"]);
    const failed: string[] = [];
    for (let i = 0; i < HTTP2_CASES.length; i += AT_A_TIME) {
      const some = HTTP2_CASES.slice(i, i + AT_A_TIME);
      await Promise.all(some.map(async (one) => {
        using client = new Http2Client(await connect(), { grants: false });
        const [section, what] = one;
        await play(client, one).catch((error) =>
          failed.push(`${section} ${what}: ${messageOf(error)}`)
        );
      }));
    }
    assert.deepEqual(failed, []);
    using stranger = await connect();
    await stranger.write("INVALID CONNECTION PREFACE\r\n\r\n");
    await stranger.readRest();
  });
}

/** Does what a case says, and sees what comes of it. */
async function play(client: Http2Client, [, , sent, outcome]: Http2Case): Promise<void> {
  await client.send(opening());
  // the settings that a client begins with are acknowledged, too
  let acknowledged = 1;
  let bodies = 0;
  const acknowledgement = () =>
    client.until(
      () => acknowledgements(client) >= acknowledged || undefined,
      "an acknowledgement",
    );
  await acknowledgement();
  for (const step of sent) {
    if (step === "ended") await client.answer(1);
    else if (step === "acknowledged") {
      acknowledged++;
      await acknowledgement();
    } else if (step === "data") {
      bodies++;
      await client.until(() => bodySizes(client).length >= bodies || undefined, "DATA");
    } else await client.send(step).catch(() => {}); // it may have been left by now
  }
  await expectOutcome(client, outcome, { acknowledged, bodies });
  const [first] = client.frames;
  assert.deepEqual([first?.type, first?.flags], [FRAME.settings, 0], "SETTINGS come first");
}

async function expectOutcome(
  client: Http2Client,
  outcome: Outcome,
  { acknowledged, bodies }: { acknowledged: number; bodies: number },
): Promise<void> {
  switch (outcome.is) {
    case "connection error": {
      await client.untilClosed();
      const codes = client.goaways.map(({ code }) => code);
      assert.ok(outcome.codes.includes(codes.at(-1) ?? -1), `GOAWAY ${codes}`);
      return;
    }
    case "stream error": {
      const code = await client.until(
        () =>
          client.frames.filter(({ type }) => type === FRAME.rstStream)
            .map(({ id }) => client.seen(id).reset)[0] ?? client.goaways.at(-1)?.code,
        "a stream error",
      );
      assert.ok(outcome.codes.includes(code), `error ${code}`);
      return;
    }
    case "end":
      await client.untilClosed();
      return;
    case "answer":
      assert.equal((await client.answer(1)).status, 200);
      return;
    case "data": {
      const size = await client.until(() => bodySizes(client)[bodies], "DATA");
      assert.equal(size, outcome.bytes);
      return;
    }
    case "acknowledgement":
      await client.until(
        () => acknowledgements(client) > acknowledged || undefined,
        "an acknowledgement",
      );
      return;
    case "pong": {
      const pongs = () =>
        client.frames.filter(({ type, flags }) => type === FRAME.ping && (flags & FLAG.ack) !== 0);
      await client.until(() => pongs()[0], "an answer to PING");
      assert.notEqual(pongs()[0]?.payload[0], 0x69, "an answer was answered");
      return;
    }
  }
}

function acknowledgements({ frames }: Http2Client): number {
  return frames.filter(({ type, flags }) => type === FRAME.settings && (flags & FLAG.ack) !== 0)
    .length;
}

/** How many bytes each DATA had. */
function bodySizes({ frames }: Http2Client): readonly number[] {
  return frames.filter(({ type }) => type === FRAME.data).map(({ payload }) => payload.length);
}
