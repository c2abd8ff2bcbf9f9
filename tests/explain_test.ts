import assert from "node:assert/strict";
import { explainRequest, type Explanation } from "../lib/control/explain.ts";
import { loadConfigFile } from "../lib/control/load.ts";
import { ask, askOver, connectAs } from "./support/ask.ts";
import { type BackendOptions, startHttp, unusedPort } from "./support/backends.ts";
import {
  type CertificateFiles,
  fingerprintOf,
  issueCertificate,
  testCertificates,
} from "./support/certificates.ts";
import { commandHere } from "./support/command_here.ts";
import { certificateYaml, ConfigFile } from "./support/config_file.ts";
import { encodeAnswer, encodeRequest, valuesOf } from "./support/http.ts";
import { runCommand } from "./support/start_proxy.ts";
import { connectTcp } from "./support/tls_client.ts";

const [{ ec }, api, wild, other] = await Promise.all([
  testCertificates(),
  issueCertificate({ names: ["api.example.test"] }),
  issueCertificate({ names: ["*.example.test"] }),
  issueCertificate({ names: ["other.test", "192.0.2.7"] }),
]);

/** An answer that shows which backend gave it and what fields it got. */
function startEchoing(name: string, options?: BackendOptions) {
  return startHttp(({ fields }) => encodeAnswer(JSON.stringify({ name, fields })), options);
}

/** Two TLS listeners, one of them strict, and one that redirects. */
function yaml(
  ports: { tls: number; strict: number; plain: number },
  backends: Readonly<Record<"api" | "v2" | "rest", string>>,
): string {
  return `
listeners:
  - listen: 127.0.0.1:${ports.tls}
  - { listen: 127.0.0.1:${ports.strict}, tls: { strict_sni: true } }
  - { listen: 127.0.0.1:${ports.plain}, redirect: https }
certificates:
  - ${certificateYaml(ec, "default: true")}
  - ${certificateYaml(wild)}
  - ${certificateYaml(api)}
  - ${certificateYaml(other)}
backends:
  api: { servers: [${backends.api}] }
  v2: { servers: [${backends.v2}] }
  rest: { servers: [${backends.rest}] }
routes:
  - { hosts: [api.example.test], paths: [/v2, /v3/], backend: v2 }
  - { hosts: [api.example.test, other.test], backend: api }
  - { hosts: ["*.example.test", localhost, 127.0.0.1], backend: rest }
  - { paths: [/everywhere], backend: rest }
`;
}

/** Who asks for what; what is expected of it is said twice below, by the proxy and by explain. */
const QUESTIONS: readonly { sni?: string; host: string; path: string }[] = [
  { host: "api.example.test", path: "/" },
  { host: "api.example.test", path: "/v2" },
  { host: "api.example.test", path: "/v2?a=b" },
  { host: "api.example.test", path: "/v2/x?a=b" },
  { host: "api.example.test", path: "/v20" },
  { host: "api.example.test", path: "/v3" },
  { host: "api.example.test", path: "/v3/x" },
  { host: "API.Example.Test.", path: "/v2" },
  { host: "shop.example.test", path: "/" },
  { host: "a.shop.example.test", path: "/" },
  { host: "a.shop.example.test", path: "/everywhere/x" },
  { host: "example.test", path: "/" },
  { host: "other.test", path: "/" },
  { host: "localhost", path: "/" },
  { host: "127.0.0.1", path: "/" },
  { host: "192.0.2.7", path: "/everywhere" },
  { host: "unknown.test", path: "/" },
  { host: "unknown.test", path: "/everywhere" },
  { sni: "unknown.test", host: "localhost", path: "/" },
  { sni: "other.test", host: "api.example.test", path: "/" },
  { sni: "api.example.test", host: "shop.example.test", path: "/" },
  { sni: "shop.example.test", host: "api.example.test", path: "/v2" },
  { sni: "shop.example.test", host: "localhost", path: "/" },
  { sni: "localhost", host: "other.test", path: "/" },
  { sni: "localhost", host: "unknown.test", path: "/everywhere" },
];

Deno.test("explain says of every request what the running proxy does with it", async () => {
  await using api1 = await startEchoing("api");
  await using v2 = await startEchoing("v2");
  await using rest = await startEchoing("rest");
  const ports = { tls: await unusedPort(), strict: await unusedPort(), plain: await unusedPort() };
  const backends = { api: api1.address, v2: v2.address, rest: rest.address };
  await using file = await ConfigFile.create(yaml(ports, backends));
  await using _proxy = await file.start();
  const fingerprints = new Map(
    await Promise.all(
      [ec, wild, api, other].map(async (files: CertificateFiles) =>
        [files.cert, await fingerprintOf(files)] as const
      ),
    ),
  );
  const seen = new Set<string>();
  for (const port of [ports.tls, ports.strict]) {
    for (const { sni, host, path } of QUESTIONS) {
      const what = `${host}:${port}${path}, SNI ${sni}`;
      const explained = await explain(file, `https://${host}:${port}${path}`, sni);
      const sent = sni ?? (/^[\d.]+$/.test(host) ? undefined : host);
      if (explained.certificate === undefined) {
        assert.match(explained.answer?.reason ?? "", /strict_sni/, what);
        await assert.rejects(connectAs(port, sent), what);
        seen.add("refused");
        continue;
      }
      const asked = await ask(port, { sni: sent, host: `${host}:${port}`, path });
      assert.equal(asked.fingerprint, fingerprints.get(explained.certificate.file), what);
      if (explained.backend === undefined) {
        assert.equal(asked.status, explained.answer?.status, what);
        seen.add(String(asked.status));
        continue;
      }
      assert.equal(asked.status, 200, what);
      const answered: { name: string; fields: [string, string][] } = JSON.parse(asked.body);
      assert.equal(answered.name, explained.backend.name, what);
      assert.equal(explained.answer, undefined, what);
      seen.add(`${explained.certificate.match} ${answered.name}`);
      const got = new Map(answered.fields.map(([name, value]) => [name.toLowerCase(), value]));
      const added = Object.entries(explained.addedHeaders ?? {});
      assert.equal(added.length, 4, what);
      for (const [name, value] of added) {
        const right = value === "the client's address" ? "127.0.0.1" : value;
        assert.equal(got.get(name.toLowerCase())?.toLowerCase(), right, `${what}: ${name}`);
      }
    }
  }
  // the table has asked for all there is
  for (
    const kind of [
      "refused",
      "404",
      "421",
      "exact api",
      "exact v2",
      "wildcard rest",
      "default rest",
    ]
  ) {
    assert.ok(seen.has(kind), `${kind} in ${[...seen].join(", ")}`);
  }

  for (const target of ["/", "/a/b?c=d", "/?"]) {
    const url = `http://api.example.test:${ports.plain}${target}`;
    const explained = await explain(file, url);
    using client = await connectTcp(ports.plain);
    const answer = await askOver(client, {
      sni: undefined,
      host: `api.example.test:${ports.plain}`,
      path: target,
    });
    assert.equal(answer.status, explained.answer?.status);
    assert.equal(`Location: ${valuesOf(answer, "Location")[0]}`, explained.answer?.reason);
  }
});

Deno.test("explain says of tcp connections what the running proxy does with them", async () => {
  await using one = await startEchoing("one", { brokenOff: true });
  const port = await unusedPort();
  await using file = await ConfigFile.create(`
listeners: [{ listen: 127.0.0.1:${port}, mode: tcp }]
certificates: [${certificateYaml(ec)}, ${certificateYaml(api)}]
backends: { one: { servers: [${one.address}] } }
routes: [{ hosts: [api.example.test], backend: one }]
`);
  await using proxy = await file.start();
  const reached = await explain(file, `https://api.example.test:${port}/`);
  assert.equal(reached.backend?.name, "one");
  assert.equal(reached.addedHeaders, undefined);
  assert.equal((await ask(port, { sni: "api.example.test" })).status, 200);
  const lost = await explain(file, `localhost:${port}`);
  assert.deepEqual(lost.answer, {
    status: undefined,
    reason: "no route matches, the connection is closed",
  });
  const { connection } = await connectAs(port, "localhost");
  using client = connection;
  await client.write(encodeRequest("/"));
  await client.untilGone();
  await proxy.log.first(/ info end .*how="no_route: /);
});

Deno.test("explain prints for people, and for programs with --json", async () => {
  await using file = await ConfigFile.create(
    yaml({ tls: 8443, strict: 9443, plain: 8080 }, {
      api: "127.0.0.1:8001",
      v2: "127.0.0.1:8002",
      rest: "127.0.0.1:8003",
    }),
  );
  const url = "https://api.example.test/v2/x";
  const { code, stdout, stderr } = await runCommand(["explain", "--config", file.path, url]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(
    stdout,
    `${url}
  listener     127.0.0.1:8443, http
  engine       openssl: the best there is here, it does all that can be asked
  certificate  ${api.cert}: it has this very name; expires in 89 days
  route        1, the first that matches: api.example.test; /v2, /v3/
  backend      v2: 127.0.0.1:8002
  balance      round_robin
  health       no checks, only what becomes of requests
  adds         X-Forwarded-For: the client's address
  adds         X-Forwarded-Proto: https
  adds         X-Forwarded-Host: api.example.test
  adds         X-Forwarded-Port: 8443
`,
  );
  const printed = await runCommand(["explain", "--config", file.path, "--json", url]);
  const json: Explanation = JSON.parse(printed.stdout);
  assert.deepEqual(json, await explain(file, url));
  assert.deepEqual(json.route, { number: 1, hosts: ["api.example.test"], paths: ["/v2", "/v3/"] });
  assert.deepEqual(json.backend, {
    name: "v2",
    servers: ["127.0.0.1:8002"],
    balance: "round_robin",
    health: "no checks, only what becomes of requests",
  });
  assert.deepEqual(json.engine, {
    name: "openssl",
    reason: "the best there is here, it does all that can be asked",
  });

  const WRONG: readonly (readonly [args: readonly string[], code: number, told: RegExp])[] = [
    [["::"], 1, /^tls-proxy: "::" is not a URL; write https:\/\/api\.example\.com\/path$/],
    [["ftp://a/"], 1, /^tls-proxy: "ftp:\/\/a\/" is not a URL/],
    [["https://a:1/"], 1, /^tls-proxy: No listener of this configuration serves port 1$/],
    [[], 2, /^tls-proxy: missing required argument 'url'$/],
  ];
  for (const [args, code, told] of WRONG) {
    const wrong = await commandHere(["explain", "--config", file.path, ...args]);
    assert.equal(wrong.code, code, args.join(" "));
    assert.match(wrong.stderr.trimEnd(), told);
    assert.equal(wrong.stdout, "");
  }
});

async function explain({ path }: ConfigFile, url: string, sni?: string): Promise<Explanation> {
  const now = new Date();
  const { loaded } = await loadConfigFile(path, { now, expiredIsError: false });
  assert.ok(loaded !== undefined);
  return explainRequest(loaded, { url, sni, now });
}
