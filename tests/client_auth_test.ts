import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  createAuthority,
  issueClientCertificate,
} from "../lib/certificates/certificate_authority.ts";
import { toPem } from "../lib/certificates/pem.ts";
import { createTestAuthority } from "./support/authority.ts";
import { startEcho, startHttp } from "./support/backends.ts";
import {
  type CertificateFiles,
  fingerprintOf,
  issueCertificate,
  testCertificates,
} from "./support/certificates.ts";
import { type ConfiguredProxy, startConfigured } from "./support/configured_proxy.ts";
import { encodeAnswer, encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { connectNodeTls } from "./support/tls_client.ts";
import { run, runOk } from "./support/tools.ts";

/** Certificates of clients: who gets in, with which alert others are kept out, and what is told. */

const authority = await createTestAuthority("/CN=Clients CA");
const strangers = await createTestAuthority("/CN=Strangers CA");
const below = await authority.intermediate("/CN=Below CA");
const [alice, revoked, expired, stranger, deep, site] = await Promise.all([
  authority.issue({ subject: "/O=Example/CN=alice" }),
  authority.issue({ subject: "/CN=mallory" }),
  authority.issue({ subject: "/CN=old", days: -1 }),
  strangers.issue({ subject: "/CN=stranger" }),
  below.issue({ subject: "/CN=deep" }),
  issueCertificate({ names: ["admin.test", "other.test", "open.test", "localhost"] }),
]);
const crl = await authority.revoke(revoked);

/** A backend that answers with what it was told of the client's certificate. */
function startTelling() {
  return startHttp((request) =>
    encodeAnswer(JSON.stringify({
      cert: valuesOf(request, "client-cert"),
      chain: valuesOf(request, "client-cert-chain"),
    }))
  );
}

type Auth = Readonly<Record<string, unknown>>;

async function startAsking(
  backend: string,
  { auth = [{ hosts: ["admin.test"], ca: authority.ca, crl }], mode = "http", settings = {} }: {
    auth?: readonly Auth[];
    mode?: "http" | "tcp";
    settings?: Readonly<Record<string, unknown>>;
  } = {},
): Promise<ConfiguredProxy> {
  return await startConfigured({
    backends: { api: backend },
    settings: {
      listeners: [{ listen: "127.0.0.1:0", mode }],
      certificates: [site],
      client_auth: auth,
      ...settings,
    },
  });
}

function sClient(port: number, name: string, flags: readonly string[]): string[] {
  const connect = ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", name];
  return [...connect, "-ign_eof", "-quiet", ...flags];
}

const HOUR_MS = 60 * 60 * 1000;

const GET = "GET / HTTP/1.1\r\nHost: admin.test\r\nConnection: close\r\n\r\n";

/** What a client gets that shows this: the status, or the alert it was refused with. */
async function outcome(
  proxy: ConfiguredProxy,
  shown: CertificateFiles | undefined,
  flags: readonly string[],
): Promise<string> {
  const cert = shown === undefined ? [] : ["-cert", shown.cert, "-key", shown.key];
  const { stdout, stderr } = await run(
    "openssl",
    sClient(proxy.port, "admin.test", [...cert, ...flags]),
    { input: GET },
  );
  const status = /^HTTP\/1\.1 (\d+)/m.exec(stdout)?.[1];
  return status ?? /alert number (\d+)/.exec(stderr)?.[0] ?? stderr;
}

/** Whether a session was resumed, and the status of an answer behind it. */
async function handshake(
  { port }: ConfiguredProxy,
  shown: CertificateFiles | undefined,
  flags: readonly string[],
): Promise<{ kind: string | undefined; status: string | undefined }> {
  const cert = shown === undefined ? [] : ["-cert", shown.cert, "-key", shown.key];
  const name = flags.includes("-servername") ? [] : ["-servername", "admin.test"];
  const { stdout } = await run(
    "openssl",
    ["s_client", "-connect", `127.0.0.1:${port}`, "-ign_eof", ...name, ...cert, ...flags],
    { input: GET },
  );
  return {
    kind: /^(New|Reused), TLS/m.exec(stdout)?.[1],
    status: /^HTTP\/1\.1 (\d+)/m.exec(stdout)?.[1],
  };
}

/** What is shown, and what becomes of it under TLS 1.2 and 1.3 where required, and where optional. */
const OUTCOMES: readonly [
  name: string,
  shown: CertificateFiles | undefined,
  required: readonly [tls12: string, tls13: string],
  optional: string,
][] = [
  ["its own certificate", alice, ["200", "200"], "200"],
  ["none", undefined, ["alert number 40", "alert number 116"], "200"],
  ["one of an unknown CA", stranger, ["alert number 48", "alert number 48"], "alert number 48"],
  ["one that has expired", expired, ["alert number 45", "alert number 45"], "alert number 45"],
  ["one that was revoked", revoked, ["alert number 44", "alert number 44"], "alert number 44"],
];

for (const mode of ["require", "optional"] as const) {
  Deno.test(`a client that shows a certificate or none, where it is ${mode === "require" ? "required" : "optional"}`, async () => {
    await using backend = await startTelling();
    const auth = [{ hosts: ["admin.test"], ca: authority.ca, crl, mode }];
    await using proxy = await startAsking(backend.address, { auth });
    for (const [name, shown, required, optional] of OUTCOMES) {
      for (const [at, version] of ["-tls1_2", "-tls1_3"].entries()) {
        const expected = mode === "require" ? required[at] : optional;
        assert.equal(await outcome(proxy, shown, [version]), expected, `${name}, ${version}`);
      }
    }
    const refused = OUTCOMES.flatMap(([, , required, optional]) =>
      mode === "require" ? required : [optional, optional]
    ).filter((what) => what !== "200");
    await proxy.log.count(/ warning handshake failed .*sni=admin\.test/, refused.length);
    for (
      const why of ["certificate has expired", "certificate revoked", "unable to get local issuer"]
    ) {
      await proxy.log.first(new RegExp(` handshake failed .*${why}`));
    }
  });
}

Deno.test("an authority below another one is believed beside it, with the lists of both", async () => {
  await using backend = await startTelling();
  const left = await below.issue({ subject: "/CN=left" });
  const [ca, lists] = [`${below.folder}/two.pem`, `${below.folder}/two.crl`];
  await Deno.writeTextFile(ca, await textOf(below.ca, authority.ca));
  await Deno.writeTextFile(lists, await textOf(await below.revoke(left), crl));
  await using proxy = await startAsking(backend.address, {
    auth: [{ hosts: ["admin.test"], ca, crl: lists }],
  });
  for (
    const [shown, expected] of [[alice, "200"], [deep, "200"], [left, "alert number 44"]] as const
  ) {
    for (const flags of [[], ["-cert_chain", below.ca], ["-tls1_2"]]) {
      assert.equal(await outcome(proxy, shown, flags), expected, flags.join());
    }
  }
  assert.equal(await outcome(proxy, revoked, []), "alert number 44");
});

Deno.test("one file holds authorities and what they have revoked", async () => {
  await using backend = await startTelling();
  const both = `${authority.folder}/both.pem`;
  await Deno.writeTextFile(both, await textOf(authority.ca, crl));
  await using proxy = await startAsking(backend.address, {
    auth: [{ hosts: ["admin.test"], ca: both, crl: both }],
  });
  assert.equal(await outcome(proxy, alice, []), "200");
  assert.equal(await outcome(proxy, revoked, []), "alert number 44");
});

/** Files as one. */
async function textOf(...paths: readonly string[]): Promise<string> {
  return (await Promise.all(paths.map((path) => Deno.readTextFile(path)))).join("");
}

Deno.test("a client whose certificates are more than a handshake may have gets an alert", async () => {
  await using backend = await startTelling();
  await using proxy = await startAsking(backend.address);
  const pem = await Deno.readTextFile(authority.ca);
  const count = Math.ceil(80 * 1024 / new X509Certificate(pem).raw.length);
  const chain = `${authority.folder}/long.pem`;
  await Deno.writeTextFile(chain, pem.repeat(count));
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const { stderr } = await run(
      "openssl",
      sClient(proxy.port, "admin.test", [
        ...[version, "-cert", alice.cert, "-key", alice.key, "-cert_chain", chain],
      ]),
    );
    assert.match(stderr, /SSL alert number \d+/, version);
  }
  await proxy.log.count(/ handshake failed .* reason="A handshake of more than 64 KiB"$/, 2);
});

Deno.test("the log says of a certificate with another's signature that it is not believed", async () => {
  await using backend = await startTelling();
  await using proxy = await startAsking(backend.address);
  const der = new Uint8Array(new X509Certificate(await Deno.readTextFile(alice.cert)).raw);
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  const forged = `${authority.folder}/forged.crt`;
  await Deno.writeTextFile(forged, toPem("CERTIFICATE", der));
  assert.equal(await outcome(proxy, { cert: forged, key: alice.key }, []), "alert number 51");
  await proxy.log.first(
    / handshake failed .*reason="certificate verify failed: certificate signature failure"/,
  );
});

Deno.test("servers are told of the certificate (RFC 9440), logs too, and of none that is claimed", async () => {
  await using backend = await startTelling();
  await using proxy = await startAsking(backend.address, {
    auth: [{ hosts: ["admin.test"], ca: authority.ca, mode: "optional" }],
    settings: { log: { format: "json" } },
  });
  const derOf = (path: string) =>
    new X509Certificate(Deno.readTextFileSync(path)).raw.toString("base64");
  const claims = ["Client-Cert: :AAAA:", "client_cert: :AAAA:", "Client-Cert-Chain: :AAAA:"];
  const told = async (shown: CertificateFiles | undefined, chain = "") => {
    const [cert, key] = shown === undefined
      ? []
      : await Promise.all([Deno.readTextFile(shown.cert), Deno.readTextFile(shown.key)]);
    const { connection } = await connectNodeTls(proxy.port, {
      servername: "admin.test",
      ...(cert === undefined || key === undefined ? {} : { cert: cert + chain, key }),
    });
    using client = connection;
    await client.write(encodeRequest("/", { host: "admin.test", fields: claims }));
    return JSON.parse((await readAnswer(client)).body);
  };
  assert.deepEqual(await told(undefined), { cert: [], chain: [] });
  assert.deepEqual(await told(alice), { cert: [`:${derOf(alice.cert)}:`], chain: [] });
  const intermediate = await Deno.readTextFile(below.ca);
  assert.deepEqual(await told(deep, intermediate), {
    cert: [`:${derOf(deep.cert)}:`],
    chain: [`:${derOf(below.ca)}:`],
  });
  const lines = await proxy.log.count(/"event":"request"/, 3);
  const certs = lines.map((line) => JSON.parse(line).client_cert);
  assert.deepEqual(certs, [
    null,
    { subject: "CN=alice,O=Example", fingerprint: await fingerprintOf(alice) },
    { subject: "CN=deep", fingerprint: await fingerprintOf(deep) },
  ]);
});

Deno.test("a Host under another client_auth than the connection's name is a 421", async () => {
  await using backend = await startTelling();
  await using proxy = await startAsking(backend.address, {
    auth: [
      { hosts: ["admin.test"], ca: authority.ca, crl },
      { hosts: ["other.test"], ca: authority.ca, mode: "optional" },
    ],
  });
  const [cert, key] = await Promise.all([
    Deno.readTextFile(alice.cert),
    Deno.readTextFile(alice.key),
  ]);
  const names = ["admin.test", "other.test", "open.test"];
  const status = async (servername: string, host: string): Promise<number> => {
    const { connection } = await connectNodeTls(proxy.port, {
      ...{ servername, cert, key, rejectUnauthorized: servername !== "" },
    });
    using client = connection;
    await client.write(encodeRequest("/", { host }));
    return (await readAnswer(client)).status;
  };
  for (const servername of names) {
    for (const host of [...names, "ADMIN.test:443", "admin.test."]) {
      const same = host.toLowerCase().replace(/\.?(?::443)?$/, "") === servername;
      assert.equal(await status(servername, host), same ? 200 : 421, `${servername} ${host}`);
    }
  }
  // without a name, and with an address for one
  for (const servername of ["", "localhost"]) {
    assert.equal(await status(servername, "admin.test"), 421);
  }
});

/** Asks for a name that takes no certificate. @returns what the client tells of it */
async function askOpen({ port }: ConfiguredProxy, flags: readonly string[]): Promise<string> {
  const connect = ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "open.test"];
  return await runOk("openssl", [...connect, ...flags, "-ign_eof"], {
    input: GET.replace("admin", "open"),
  });
}

Deno.test("no session gets anybody round a certificate", async () => {
  await using backend = await startTelling();
  await using proxy = await startAsking(backend.address, { settings: { workers: 1 } });
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const session = `${authority.folder}/session${version}`;
    const first = await askOpen(proxy, [version, "-sess_out", session]);
    assert.match(first, /^New, /m);
    const again = await askOpen(proxy, [version, "-sess_in", session]);
    assert.match(again, /^Reused, /m, "it is a session that can be resumed");
    assert.equal(
      await outcome(proxy, undefined, [version, "-sess_in", session]),
      version === "-tls1_2" ? "alert number 40" : "alert number 116",
    );
  }
});

Deno.test("a new revocation list holds from the next connection on, for sessions from before too", async () => {
  await using backend = await startTelling();
  const bob = await authority.issue({ subject: "/CN=bob" });
  const list = `${authority.folder}/changing.crl`;
  await Deno.copyFile(crl, list);
  await using proxy = await startAsking(backend.address, {
    auth: [{ hosts: ["admin.test"], ca: authority.ca, crl: list }],
  });
  const session = `${authority.folder}/bob.session`;
  const before = await handshake(proxy, bob, ["-sess_out", session]);
  assert.deepEqual(before, { kind: "New", status: "200" });
  assert.deepEqual(await handshake(proxy, bob, ["-sess_in", session]), {
    kind: "Reused",
    status: "200",
  });
  await Deno.copyFile(await authority.revoke(bob), list);
  await proxy.says.first(/^tls-proxy: reloaded .*trust changed/);
  assert.equal(await outcome(proxy, bob, ["-sess_in", session]), "alert number 44");
  assert.equal(await outcome(proxy, bob, []), "alert number 44");
  assert.equal(await outcome(proxy, alice, []), "200");
});

Deno.test("a session of a client that has proved itself is resumed under the same policy alone", async () => {
  await using backend = await startTelling();
  const ca = `${authority.folder}/changing.pem`;
  await Deno.copyFile(authority.ca, ca);
  await using proxy = await startAsking(backend.address, {
    auth: [
      { hosts: ["admin.test", "localhost"], ca },
      { hosts: ["other.test"], ca, mode: "optional" },
    ],
    settings: { workers: 2 },
  });
  const session = `${authority.folder}/alice.session`;
  const made = await handshake(proxy, alice, ["-sess_out", session]);
  assert.deepEqual(made, { kind: "New", status: "200" });
  const resumed = (name: string, shown?: CertificateFiles) =>
    handshake(proxy, shown, ["-servername", name, "-sess_in", session]);
  // on whichever worker, also by a client that would not show its certificate again
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(await resumed("admin.test"), { kind: "Reused", status: "200" });
  }
  // the Host is under the same entry as the name of the connection
  assert.deepEqual(await resumed("localhost"), { kind: "Reused", status: "200" });
  assert.equal((await resumed("other.test", alice)).kind, "New");
  assert.equal((await resumed("open.test", alice)).kind, "New");
  // the facts of a resumed connection are those of the first
  await proxy.log.count(
    / info handshake .*sni=admin\.test .*resumed=yes .*client_cert="?CN=alice,O=Example"? /,
    4,
  );

  // another list of authorities, though alice is believed as before
  await Deno.writeTextFile(ca, await Deno.readTextFile(strangers.ca), { append: true });
  await proxy.says.first(/^tls-proxy: reloaded .*trust changed/);
  assert.deepEqual(await resumed("admin.test", alice), { kind: "New", status: "200" });
});

Deno.test("no session outlives the certificate that its client has shown", async () => {
  await using backend = await startTelling();
  const now = Date.now();
  const [notBefore, notAfter] = [new Date(now - HOUR_MS), new Date(now + HOUR_MS)];
  const ca = await createAuthority({ commonName: "Hourly CA", notBefore, notAfter });
  const hourly = await issueClientCertificate(ca, { commonName: "hourly", notBefore, notAfter });
  const base = `${authority.folder}/hourly`;
  await Deno.writeTextFile(`${base}-ca.crt`, ca.cert);
  await Deno.writeTextFile(`${base}.crt`, hourly.cert);
  await Deno.writeTextFile(`${base}.key`, hourly.key);
  await using proxy = await startAsking(backend.address, {
    auth: [{ hosts: ["admin.test"], ca: `${base}-ca.crt` }],
  });
  const shown = { cert: `${base}.crt`, key: `${base}.key` };
  const [first, second] = [`${base}1.session`, `${base}2.session`];
  assert.equal((await handshake(proxy, shown, ["-sess_out", first])).kind, "New");
  const resume = ["-sess_in", first, "-sess_out", second];
  assert.equal((await handshake(proxy, shown, resume)).kind, "Reused");
  for (const session of [first, second]) {
    const told = await runOk("openssl", ["sess_id", "-in", session, "-noout", "-text"]);
    const seconds = Number(/lifetime hint: (\d+)/.exec(told)?.[1]);
    assert.ok(seconds > 0 && seconds <= HOUR_MS / 1000, told);
  }
});

Deno.test("who cannot be verified again by its certificate alone resumes no session", async () => {
  await using backend = await startTelling();
  await using proxy = await startAsking(backend.address, {
    auth: [{ hosts: ["admin.test"], ca: authority.ca, mode: "optional" }],
  });
  const cases: readonly [who: string, shown: CertificateFiles | undefined, flags: string[]][] = [
    ["without a certificate", undefined, []],
    ["with more of the chain", deep, ["-cert_chain", below.ca]],
    ["by TLS 1.2", alice, ["-tls1_2"]],
  ];
  for (const [index, [who, shown, flags]] of cases.entries()) {
    const session = `${authority.folder}/none${index}.session`;
    const first = await handshake(proxy, shown, [...flags, "-sess_out", session]);
    assert.deepEqual(first, { kind: "New", status: "200" }, who);
    const kept = await Deno.stat(session).then(() => true, () => false);
    if (!kept) continue;
    const again = await handshake(proxy, shown, [...flags, "-sess_in", session]);
    assert.deepEqual(again, { kind: "New", status: "200" }, who);
  }
});

Deno.test("in tcp mode the name alone decides", async () => {
  // clients leave without a word in TLS, which is a reset for a server
  await using echo = await startEcho({ brokenOff: true });
  await using proxy = await startAsking(echo.address, { mode: "tcp" });
  await assert.rejects(async () => {
    const { connection } = await connectNodeTls(proxy.port, { servername: "admin.test" });
    using client = connection;
    await client.write("ping");
    await client.readText(4);
  });
  for (const [servername, shown] of [["admin.test", alice], ["open.test", undefined]] as const) {
    const [cert, key] = shown === undefined
      ? []
      : await Promise.all([Deno.readTextFile(shown.cert), Deno.readTextFile(shown.key)]);
    const { connection } = await connectNodeTls(proxy.port, {
      servername,
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
    using client = connection;
    await client.write("ping");
    assert.equal(await client.readText(4), "ping");
  }
  await proxy.log.first(
    / info handshake .*client_cert="?CN=alice,O=Example"? fingerprint=[0-9a-f]{64}$/,
  );
});

Deno.test("HTTP/2 streams are held to the policy of their connection, and servers told of its client", async () => {
  await using backend = await startTelling();
  await using proxy = await startAsking(backend.address, {
    auth: [{ hosts: ["admin.test"], ca: authority.ca }],
  });
  const { ca } = await testCertificates();
  const ask = async (name: string, host: string, shown: readonly string[]) => {
    const { stdout } = await run("curl", [
      ...[
        "-s",
        "--http2",
        "--cacert",
        ca,
        "--resolve",
        `${name}:${proxy.port}:127.0.0.1`,
        ...shown,
      ],
      ...[
        "-H",
        `Host: ${host}`,
        "-H",
        "Client-Cert: :AAAA:",
        "-w",
        "\\n%{http_version} %{http_code}",
      ],
      `https://${name}:${proxy.port}/`,
    ]);
    const lines = stdout.split("\n");
    return { body: lines[0] ?? "", version: lines.at(-1) ?? "" };
  };
  const shown = ["--cert", alice.cert, "--key", alice.key];
  const told = await ask("admin.test", "admin.test", shown);
  assert.equal(told.version, "2 200");
  assert.equal(JSON.parse(told.body).cert.length, 1);
  assert.notEqual(JSON.parse(told.body).cert[0], ":AAAA:");
  const open = await ask("open.test", "open.test", []);
  assert.deepEqual([open.version, JSON.parse(open.body).cert], ["2 200", []]);
  const around = await Promise.all([
    ask("open.test", "admin.test", shown),
    ask("admin.test", "open.test", shown),
  ]);
  assert.deepEqual(around.map(({ version }) => version), ["2 421", "2 421"]);
});
