import assert from "node:assert/strict";
import { ERROR } from "../lib/http2/wire.ts";
import { startHttp } from "./support/backends.ts";
import type { TestConnection } from "./support/connection.ts";
import { eventually } from "./support/deadline.ts";
import { encodeAnswer, encodeRequest, readAnswer } from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import { headers, joined, requestFields, resetFrame } from "./support/http2_frames.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

/** More requests at once than are worked on at once. */
const MANY = 200;

for (const engine of ENGINES) {
  Deno.test(`servers that are slow hold up no other request, however many there are (${engine})`, async () => {
    const held = Promise.withResolvers<void>();
    await using backend = await startHttp(async ({ target }) => {
      if (target !== "/now") await held.promise;
      return encodeAnswer(target);
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const clients = await Promise.all(Array.from({ length: MANY }, () => connectTls(proxy.port)));
    try {
      await Promise.all(clients.map((client, at) => client.write(encodeRequest(`/${at}`))));
      // all of them are at the server, none is answered, and another one is served
      await eventually(
        () => backend.requests.length === MANY || undefined,
        () => `${MANY} requests at the server, of which there are ${backend.requests.length}`,
      );
      using other = await connectTls(proxy.port);
      await other.write(encodeRequest("/now"));
      assert.equal((await readAnswer(other)).body, "/now");
      held.resolve();
      const answers = await Promise.all(clients.map((client) => readAnswer(client)));
      assert.deepEqual(answers.map(({ body }) => body), clients.map((_, at) => `/${at}`));
    } finally {
      for (const client of clients) client.close();
    }
  });

  Deno.test(`who leaves while many are served is not asked for, and all others are served (${engine})`, async () => {
    await using backend = await startHttp(({ target }) => encodeAnswer(target));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const clients: TestConnection[] = [];
    try {
      for (let i = 0; i < MANY; i++) clients.push(await connectTls(proxy.port));
      for (let round = 0; round < 3; round++) {
        await Promise.all(clients.map((client, at) => client.write(encodeRequest(`/${at}`))));
        // each third leaves without its answer
        clients.filter((_, at) => at % 3 === 2).forEach((client) => client.close());
        const staying = clients.map((client, at) => ({ client, at })).filter(({ at }) =>
          at % 3 !== 2
        );
        for (const { client, at } of staying) {
          assert.equal((await readAnswer(client)).body, `/${at}`);
        }
        await Promise.all(clients.map(async (_, at) => {
          if (at % 3 === 2) clients[at] = await connectTls(proxy.port);
        }));
      }
    } finally {
      for (const client of clients) client.close();
    }
  });

  Deno.test(`many streams of one connection are all answered, but those that are reset (${engine})`, async () => {
    await using backend = await startHttp(({ target }) => encodeAnswer(target));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await Http2Client.connect(proxy.port);
    for (let first = 1; first < 600; first += 200) {
      const ids = Array.from({ length: 90 }, (_, at) => first + 2 * at);
      const isReset = (id: number) => id % 3 === 0;
      const asked = ids.map((id) =>
        headers(id, requestFields({ ":path": `/${id}`, ":authority": "localhost" }))
      );
      const resets = ids.filter(isReset).map((id) => resetFrame(id, ERROR.cancel));
      // all that comes at once is read before any of it is served
      await client.send(joined([...asked, ...resets]));
      for (const id of ids.filter((id) => !isReset(id))) {
        const { status, body } = await client.answer(id);
        assert.deepEqual({ status, body }, { status: 200, body: `/${id}` });
      }
      const answered = ids.filter((id) => isReset(id) && client.seen(id).status !== 0);
      assert.deepEqual(answered, []);
    }
  });
}
