import assert from "node:assert/strict";
import { startAnnounced } from "./support/announced_server.ts";
import { askOnce } from "./support/ask.ts";
import { createTestAuthority } from "./support/authority.ts";
import { FAST_CHECKS, startConfigured } from "./support/configured_proxy.ts";
import { encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import { httpInFolder, startHaproxy, startNginx } from "./support/real_peers.ts";
import { connectTls } from "./support/tls_client.ts";

/** Servers over TLS that choose the version of HTTP by ALPN. */

const authority = await createTestAuthority();
const { cert, key } = await authority.issue({ subject: "/CN=server", names: ["127.0.0.1"] });

/** A server that answers with the version that it was asked by. */
interface VersionServer extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
}

/** What servers offer, best first. */
type Offer = readonly ("h2" | "http/1.1")[];

function node(offer: Offer): Promise<VersionServer> {
  return startAnnounced("node", ["-e", NODE, cert, key, ...offer]);
}

/** `node:http2` overrides what is to be offered, so what offers HTTP/1.1 alone is `node:https`. */
const NODE = `
const { readFileSync } = require("node:fs");
const [cert, key, ...offer] = process.argv.slice(1);
const options = { cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: offer };
const answer = (request, response) => {
  request.resume();
  response.end("HTTP/" + request.httpVersion);
};
const server = offer.includes("h2")
  ? require("node:http2").createSecureServer({ ...options, allowHTTP1: true }, answer)
  : require("node:https").createServer(options, answer);
server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
`;

async function nginx(offer: Offer): Promise<VersionServer> {
  const server = await startNginx(({ port, folder }) => `
http { ${httpInFolder(folder)} server {
  listen 127.0.0.1:${port} ssl ${offer.includes("h2") ? "http2" : ""};
  ssl_certificate ${cert};
  ssl_certificate_key ${key};
  location / { return 200 $server_protocol; }
} }`);
  return { ...server, address: `127.0.0.1:${server.port}` };
}

async function haproxy(offer: Offer): Promise<VersionServer> {
  const server = await startHaproxy(({ port, folder }) => {
    Deno.writeTextFileSync(
      `${folder}/both.pem`,
      Deno.readTextFileSync(cert) + Deno.readTextFileSync(key),
    );
    return `
frontend f
  mode http
  bind 127.0.0.1:${port} ssl crt ${folder}/both.pem alpn ${offer.join(",")}
  http-request return status 200 content-type text/plain lf-string HTTP/%[req.ver]
`;
  });
  return { ...server, address: `127.0.0.1:${server.port}` };
}

const SERVERS = { node, nginx, haproxy };

const VERSION = { h2: /^HTTP\/2/, "http/1.1": /^HTTP\/1\.1/ } as const;

for (const [name, serve] of Object.entries(SERVERS)) {
  for (const offer of [["h2", "http/1.1"], ["http/1.1"]] as const) {
    Deno.test(`protocol: auto takes what ${name} offers: ${offer.join(" and ")}`, async () => {
      await using server = await serve(offer);
      await using proxy = await startConfigured({
        backends: {
          api: { servers: [server.address], protocol: "auto", tls: { ca: authority.ca } },
        },
      });
      const [taken = "http/1.1"] = offer;
      using client = await Http2Client.connect(proxy.port);
      using old = await connectTls(proxy.port, ["http/1.1"]);
      // at once, while nobody knows what it will choose, and later
      for (const id of [1, 3, 5, 7]) await client.ask(id, "/");
      const answers = await Promise.all([1, 3, 5, 7].map((id) => client.answer(id)));
      for (let i = 0; i < 2; i++) {
        await old.write(encodeRequest("/"));
        const { status, body } = await readAnswer(old);
        answers.push({ ...answers[0], status, body } as (typeof answers)[number]);
      }
      for (const { status, body } of answers) {
        assert.equal(status, 200, body);
        assert.match(body, VERSION[taken]);
      }
      assert.deepEqual(proxy.log.matching(/ server failed /), []);
    });
  }

  for (const offer of [["h2", "http/1.1"], ["http/1.1"]] as const) {
    Deno.test(`health checks speak to ${name} what requests do: ${offer.join(" and ")}`, async () => {
      await using server = await serve(offer);
      const [taken = "http/1.1"] = offer;
      // an answer in the version that is not expected tells that it came in the other
      const body = taken === "h2" ? "HTTP/1" : "HTTP/2";
      const api = { servers: [server.address], tls: { ca: authority.ca } };
      const health = { type: "http", path: "/", body, fall: 1, ...FAST_CHECKS };
      await using proxy = await startConfigured({
        backends: { api: { ...api, protocol: "auto", health } },
      });
      await proxy.log.first(/ server down .*status 200, but not the body expected/);
    });
  }

  Deno.test(`protocol: h2 is not spoken to ${name} that offers HTTP/1.1 alone`, async () => {
    await using server = await serve(["http/1.1"]);
    await using proxy = await startConfigured({
      backends: {
        api: { servers: [server.address], protocol: "h2", tls: { ca: authority.ca }, retries: 0 },
      },
    });
    const answer = await askOnce(proxy.port, "/");
    assert.equal(answer.status, 502);
    assert.deepEqual(valuesOf(answer, "Connection"), []);
    const [line] = await proxy.log.first(/ request .*status=502 .*error=connect_failed .*/);
    assert.match(
      line,
      /does not choose HTTP\/2 by ALPN|no_application_protocol; h2 was offered by ALPN/,
    );
    await proxy.log.first(/ server failed .* by ALPN/);
  });
}
