import assert from "node:assert/strict";
import { FLAG, FRAME } from "../lib/http2/wire.ts";
import { startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { encodeAnswer } from "./support/http.ts";
import { HTTP2_CASES, type Outcome } from "./support/http2_cases.ts";
import { Http2Client } from "./support/http2_client.ts";
import { opening } from "./support/http2_frames.ts";
import { ENGINES } from "./support/start_proxy.ts";
import { connectTcp } from "./support/tls_client.ts";

/** As plain HTTP, too: there the first bytes tell the version. */
const WAYS = ["plain", ...ENGINES] as const;

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
    const failed: string[] = [];
    for (const [section, what, sent, outcome] of HTTP2_CASES) {
      using client = way === "plain"
        ? new Http2Client(await connectTcp(proxy.port), { grants: false })
        : await Http2Client.connect(proxy.port, { grants: false });
      if (way === "plain") await client.send(opening());
      // the settings that a client begins with are acknowledged, too
      let acknowledged = 1;
      let bodies = 0;
      try {
        await client.until(() => acknowledgements(client) >= 1 || undefined, "the beginning");
        for (const step of sent) {
          if (step === "ended") await client.answer(1);
          else if (step === "acknowledged") {
            acknowledged++;
            await client.until(
              () => acknowledgements(client) >= acknowledged || undefined,
              "an acknowledgement",
            );
          } else if (step === "data") {
            bodies++;
            await client.until(() => bodySizes(client).length >= bodies || undefined, "DATA");
          } else await client.send(step).catch(() => {}); // it may have been left by now
        }
        await expectOutcome(client, outcome, { acknowledged, bodies });
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        failed.push(`${section} ${what}: ${said}`);
      }
    }
    assert.deepEqual(failed, []);
  });
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
