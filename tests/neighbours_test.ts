import assert from "node:assert/strict";
import { startBackend, startHttp } from "./support/backends.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { eventually, pause, within } from "./support/deadline.ts";
import {
  encodeAnswer,
  encodeRequest,
  readAnswer,
  readRequest,
  readRequestHead,
  valuesOf,
} from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import type { RawField } from "./support/http2_frames.ts";
import { startNodeHttp2 } from "./support/node_http2_server.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectNodeTls, connectTls } from "./support/tls_client.ts";

/**
 * What one client or server does that must not be another's trouble: logins tied to a connection,
 * answers before the request was read, clients that leave, connections that are just being closed.
 */

/** A server that knows who somebody is by the connection, once that has told it. */
function startKnowing(scheme: string) {
  return startBackend(async (connection) => {
    let known = "nobody";
    while (await connection.hasMore()) {
      const { target, fields } = await readRequestHead(connection);
      const [login] = fields.filter(([name]) => name.toLowerCase() === "authorization");
      if (login !== undefined) known = target.slice(1);
      const asks = known === "nobody" && target !== "/plain" ? [`WWW-Authenticate: ${scheme}`] : [];
      const status = asks.length > 0 ? 401 : 200;
      await connection.write(encodeAnswer(`you are ${known}`, { status, fields: asks }));
    }
  }, { brokenOff: true });
}

for (const engine of ENGINES) {
  for (const scheme of ["NTLM", "Negotiate"]) {
    Deno.test(`nobody gets a connection that knows its client by ${scheme} (${engine})`, async () => {
      await using backend = await startKnowing(scheme);
      await using proxy = await startProxyFor({ engine, backend: backend.address });
      const ask = async (client: TestConnection, target: string, ...fields: string[]) => {
        await client.write(encodeRequest(target, { fields }));
        return (await readAnswer(client)).body;
      };
      using ann = await connectTls(proxy.port);
      using bob = await connectTls(proxy.port);
      // what was used before anybody logs in is for all
      assert.equal(await ask(bob, "/plain"), "you are nobody");
      assert.equal(await ask(ann, "/plain"), "you are nobody");
      assert.equal(backend.connections.length, 1);
      assert.equal(await ask(ann, "/ann"), "you are nobody");
      assert.equal(await ask(ann, "/ann", `Authorization: ${scheme} TlRMTVNTUAAB`), "you are ann");
      for (let i = 0; i < 3; i++) {
        assert.equal(await ask(bob, "/plain"), "you are nobody");
        // each has the connection that it is known on
        assert.equal(await ask(ann, "/other"), "you are ann");
      }
      assert.equal(backend.connections.length, 2);
      assert.equal(await ask(bob, "/bob", `Authorization: ${scheme} TlRMTVNTUAAB`), "you are bob");
      ann.close();
      // nobody inherits it
      using eve = await connectTls(proxy.port);
      for (let i = 0; i < 3; i++) assert.equal(await ask(eve, "/plain"), "you are nobody");
    });
  }

  Deno.test(`a server may answer uploads that it does not read (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      const { target } = await readRequestHead(connection);
      if (target === "/ok") return await connection.write(encodeAnswer("ok"));
      await connection.write(encodeAnswer("too large", {
        status: 413,
        fields: ["Connection: close"],
      }));
      // what it has not read makes a reset of its end
      connection.close();
    }, { brokenOff: true });
    const api = { servers: [backend.address], ejection: { failures: 3 } };
    await using proxy = await startConfigured({ engine, backends: { api } });
    // more than the system's buffers take by themselves
    const body = new Uint8Array(12_000_000);
    const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`;
    for (let i = 0; i < 10; i++) {
      using client = await connectTls(proxy.port);
      await client.write(head);
      const sending = client.transport.write(body).catch(() => {});
      const answer = await readAnswer(client);
      assert.deepEqual([answer.status, answer.body], [413, "too large"], `the upload ${i}`);
      assert.deepEqual(valuesOf(answer, "Connection"), ["close"]);
      await client.untilGone();
      await sending;
    }
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/ok"));
    assert.equal((await readAnswer(client)).body, "ok");
    assert.deepEqual(proxy.log.matching(/ server (failed|ejected|down) /), []);
  });

  Deno.test(`tcp mode carries the last words of a server that reads no more (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await connection.readText(5);
      await connection.write("last words");
      connection.close();
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, mode: "tcp", backend: backend.address });
    for (let i = 0; i < 10; i++) {
      using client = await connectTls(proxy.port);
      const sending = client.transport.write(new Uint8Array(12_000_000)).catch(() => {});
      assert.equal(await client.readText(10), "last words", `connection ${i}`);
      await client.untilGone();
      await sending;
    }
  });

  Deno.test(`a server hears of clients that leave before their answer (${engine})`, async () => {
    const asked: string[] = [];
    let gone = 0;
    await using backend = await startBackend(async (connection) => {
      while (await connection.hasMore()) {
        const { target } = await readRequestHead(connection);
        if (target === "/ok") await connection.write(encodeAnswer("ok"));
        else {
          asked.push(target);
          await connection.untilGone();
          gone++;
        }
      }
    }, { brokenOff: true });
    const api = { servers: [{ address: backend.address, max_connections: 1 }] };
    await using proxy = await startConfigured({ engine, backends: { api } });
    for (const leave of ["reset", "close", "end"] as const) {
      const before = asked.length;
      using client = (await connectNodeTls(proxy.port)).connection;
      await client.write(encodeRequest("/slow"));
      await eventually(() => asked.length > before || undefined, "it to be asked");
      if (leave === "end") await client.end();
      else client[leave]();
      // its place is free for the next
      using next = await connectTls(proxy.port);
      await next.write(encodeRequest("/ok"));
      assert.equal((await readAnswer(next)).body, "ok", leave);
      assert.equal(gone, before + 1, leave);
    }
    await proxy.log.count(/ request .*target=\/slow status=0 .*error=client_gone/, 3);
  });

  Deno.test(`HTTP/1.0 clients may half-close and wait (${engine})`, async () => {
    await using backend = await startHttp(async () => {
      await pause(3_000);
      return encodeAnswer("at last");
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    await client.end();
    assert.match(await client.readRest(), /\r\n\r\nat last$/);
  });
}

for (const scheme of ["NTLM", "Negotiate"]) {
  Deno.test(`a login by ${scheme} is one client's alone by HTTP/2, too`, async () => {
    await using backend = await startKnowing(scheme);
    await using proxy = await startProxyFor({ engine: "deno", backend: backend.address });
    const login: RawField[] = [["authorization", `${scheme} TlRMTVNTUAAB`]];
    using ann = await Http2Client.connect(proxy.port);
    using bob = await Http2Client.connect(proxy.port);
    let id = 1;
    const ask = async (client: Http2Client, path: string, fields: readonly RawField[] = []) => {
      id += 2;
      await client.ask(id, path, { fields });
      return (await client.answer(id)).body;
    };
    assert.equal(await ask(bob, "/plain"), "you are nobody");
    assert.equal(await ask(ann, "/plain"), "you are nobody");
    assert.equal(backend.connections.length, 1);
    assert.equal(await ask(ann, "/ann"), "you are nobody");
    assert.equal(await ask(ann, "/ann", login), "you are ann");
    for (let i = 0; i < 3; i++) {
      assert.equal(await ask(bob, "/plain"), "you are nobody");
      assert.equal(await ask(ann, "/other"), "you are ann");
    }
    assert.equal(backend.connections.length, 2);
    // what she asks for beside is not to wait, and is hers or nobody's
    const beside = [id + 2, id + 4, id + 6, id + 8];
    id += 8;
    for (const one of beside) await ann.ask(one, "/plain");
    const said = await Promise.all(beside.map(async (one) => (await ann.answer(one)).body));
    assert.ok(said.includes("you are ann"), String(said));
    assert.equal(await ask(bob, "/bob", login), "you are bob");
    ann.connection.close();
    using eve = await Http2Client.connect(proxy.port);
    using old = await connectTls(proxy.port, ["http/1.1"]);
    for (let i = 0; i < 3; i++) {
      assert.equal(await ask(eve, "/plain"), "you are nobody");
      await old.write(encodeRequest("/plain"));
      assert.equal((await readAnswer(old)).body, "you are nobody");
    }
    assert.equal(await ask(bob, "/other"), "you are bob");
  });

  Deno.test(`nobody gets a connection by HTTP/2 that somebody has logged in on by ${scheme}`, async () => {
    await using server = await startNodeHttp2(`
      if (head.authorization !== undefined) stream.session.known = head[":path"].slice(1);
      stream.respond({ ":status": 200 });
      stream.end("you are " + (stream.session.known ?? "nobody"));
    `);
    await using proxy = await startConfigured({
      engine: "deno",
      backends: { api: { servers: [server.address], protocol: "h2" } },
    });
    using ann = await Http2Client.connect(proxy.port);
    using old = await connectTls(proxy.port, ["http/1.1"]);
    assert.equal((await ann.get(1, "/")).body, "you are nobody");
    await ann.ask(3, "/ann", { fields: [["authorization", `${scheme} TlRMTVNTUAAB`]] });
    // at once, while she is being known
    await old.write(encodeRequest("/plain"));
    assert.equal((await ann.answer(3)).body, "you are ann");
    assert.equal((await readAnswer(old)).body, "you are nobody");
    assert.equal((await ann.get(5, "/")).body, "you are nobody");
    await server.lines.first(/^session over/);
  });
}

Deno.test("a login leads to no server that a reload has taken away", async () => {
  await using old = await startKnowing("NTLM");
  await using next = await startKnowing("NTLM");
  await using proxy = await startConfigured({ backends: { api: old.address } });
  using ann = await connectTls(proxy.port);
  const ask = async (...fields: string[]) => {
    await ann.write(encodeRequest("/ann", { fields }));
    return (await readAnswer(ann)).body;
  };
  const login = "Authorization: NTLM TlRMTVNTUAAB";
  assert.deepEqual([await ask(login), await ask()], ["you are ann", "you are ann"]);
  await proxy.reload({ backends: { api: old.address, other: next.address } });
  assert.equal(await ask(), "you are ann");
  await proxy.reload({ backends: { api: next.address } });
  assert.equal(await ask(), "you are nobody");
  assert.equal(await ask(login), "you are ann");
  assert.equal(next.connections.length, 1);
  await old.allGone();
});

Deno.test("what a server says of keeping connections is heeded", async () => {
  const served: number[] = [];
  await using backend = await startBackend(async (connection, index) => {
    while (await connection.hasMore()) {
      await readRequest(connection);
      served.push(index);
      const fields = ["Keep-Alive: timeout=2, max=100"];
      await connection.write(encodeAnswer("x", { fields }));
    }
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine: "deno", backend: backend.address });
  using client = await connectTls(proxy.port);
  const ask = async () => {
    await client.write(encodeRequest("/", { method: "POST", fields: ["Content-Length: 0"] }));
    assert.equal((await readAnswer(client)).body, "x");
  };
  await ask();
  await ask();
  assert.deepEqual(served, [0, 0]);
  // a second less than the server says, and what a deadline may be late
  await pause(1_500);
  await ask();
  assert.deepEqual(served, [0, 0, 1]);
});

Deno.test("a request that may be sent but once meets no connection that has been closed", async () => {
  let ended = Promise.withResolvers<void>();
  await using backend = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write(encodeAnswer("x"));
    await pause(1_200);
    await connection.end();
    ended.resolve();
  }, { brokenOff: true });
  const api = { servers: [backend.address], ejection: { failures: 1 } };
  await using proxy = await startConfigured({ engine: "deno", backends: { api } });
  using client = await connectTls(proxy.port);
  for (let i = 0; i < 4; i++) {
    await client.write(encodeRequest("/", { method: "POST", fields: ["Content-Length: 0"] }));
    assert.equal((await readAnswer(client)).status, 200);
    await within(ended.promise, "the server to end its connection");
    ended = Promise.withResolvers();
    await pause(50);
  }
});

Deno.test("a connection that closes as a request is sent on it is no failure of its server", async () => {
  await using backend = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write(encodeAnswer("x"));
    // the next request is read, and its connection ended without a byte
    await connection.hasMore();
  }, { brokenOff: true });
  const api = { servers: [backend.address], ejection: { failures: 1 } };
  await using proxy = await startConfigured({ engine: "deno", backends: { api } });
  using client = await connectTls(proxy.port);
  for (const status of [200, 502, 200, 502]) {
    await client.write(encodeRequest("/", { method: "POST" }));
    assert.equal((await readAnswer(client)).status, status);
  }
  assert.deepEqual(proxy.log.matching(/ server failed /), []);
});

Deno.test("a reload's settings are all in force at the next request of an open connection", async () => {
  await using backend = await startHttp(({ fields }) => {
    const told = fields.map(([name]) => name.toLowerCase());
    const names = ["via", "forwarded"].filter((name) => told.includes(name));
    return encodeAnswer(names.join(" "));
  });
  const config = (on: boolean) => ({
    engine: "deno" as const,
    backends: { api: backend.address },
    settings: { forwarded: { via: on, standard: on }, limits: { headers: on ? 5 : 100 } },
  });
  await using proxy = await startConfigured(config(false));
  using client = await connectTls(proxy.port);
  const ask = async (...fields: string[]) => {
    await client.write(encodeRequest("/", { fields }));
    const answer = await readAnswer(client);
    return `${answer.status} ${answer.body}${valuesOf(answer, "Via").length > 0 ? " + via" : ""}`;
  };
  assert.equal(await ask(), "200 ");
  await proxy.reload(config(true));
  assert.equal(await ask(), "200 via forwarded + via");
  await proxy.reload(config(false));
  assert.equal(await ask("A: 1", "B: 2", "C: 3", "D: 4", "E: 5", "F: 6"), "200 ");
  await proxy.reload(config(true));
  assert.match(await ask("A: 1", "B: 2", "C: 3", "D: 4", "E: 5", "F: 6"), /^431 /);
});
