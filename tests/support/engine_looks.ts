import assert from "node:assert/strict";
import type { EngineName } from "../../lib/tls/engine.ts";
import { startBackend, startEcho, startHttp } from "./backends.ts";
import { type CertificateFiles, testCertificates } from "./certificates.ts";
import { startConfigured } from "./configured_proxy.ts";
import { latin1, type TestConnection } from "./connection.ts";
import { pause } from "./deadline.ts";
import { encodeRequest, readAnswer } from "./http.ts";
import { ENGINE_CAN, type ProxyProcess, startProxy, startProxyFor } from "./start_proxy.ts";
import { CAPTURED_HELLOS } from "./client_hellos.ts";
import { connectTcp, connectTls, connectTlsOver, openTcp } from "./tls_client.ts";
import { run, runOk } from "./tools.ts";
import { startWire } from "./wire.ts";

/** Looks at what a proxy with one engine does, one for each capability that engines may lack. */

const mode = "tcp";
/** A fatal alert (RFC 8446, section 6), up to its number. */
const ALERT = "\x15\x03\x03\0\x02\x02";

/** What the log tells of a connection's protocol. */
export async function loggedProtocol(engine: EngineName): Promise<string> {
  return await loggedHandshake(engine, / (protocol=\S+ cipher=\S+) .*( resumed=\S+)/);
}

/** What the log tells of the name that a client asked for. */
export async function loggedName(engine: EngineName): Promise<string> {
  return await loggedHandshake(engine, / (sni=\S+)/);
}

/** What the log tells of a handshake. */
async function loggedHandshake(engine: EngineName, pattern: RegExp): Promise<string> {
  await using echo = await startEcho();
  await using proxy = await startProxyFor({ engine, mode, backend: echo.address });
  const flags = ["-tls1_3", "-servername", "api.example.test"];
  await runOk("openssl", sClient(proxy.port, flags));
  const [line] = await proxy.log.first(/ info handshake .*/);
  const match = pattern.exec(line);
  assert.ok(match, line);
  return match.slice(1).join("");
}

/** The subjects of the certificates that are given for names, `-` for none. */
export async function certificatesByName(engine: EngineName): Promise<Record<string, string>> {
  const { ec, api } = await testCertificates();
  await using backend = await startHttp();
  await using proxy = await startWithCertificates(engine, [ec, api], backend.address);
  const given: Record<string, string> = {};
  for (const name of ["api.example.test", "localhost", "other.test", "-"]) {
    const flags = name === "-" ? ["-noservername"] : ["-servername", name];
    const shown = await runOk("openssl", sClient(proxy.port, flags));
    given[name] = /^subject=CN ?= ?(\S+)$/m.exec(shown)?.[1] ?? shown;
  }
  return given;
}

/** The subjects that clients get who verify RSA alone, and ECDSA alone, of two for one name. */
export async function certificatesByKeyType(
  engine: EngineName,
): Promise<readonly (string | undefined)[]> {
  const { ec, rsa } = await testCertificates();
  await using backend = await startHttp();
  await using proxy = await startWithCertificates(engine, [ec, rsa], backend.address);
  const given: (string | undefined)[] = [];
  for (const algorithms of ["RSA-PSS+SHA256", "ECDSA+SHA256"]) {
    const flags = ["-servername", "localhost", "-sigalgs", algorithms];
    const { stdout } = await run("openssl", sClient(proxy.port, flags), { input: "" });
    given.push(/^subject=CN ?= ?(\S+)$/m.exec(stdout)?.[1]);
  }
  return given;
}

/** The status of a request for another certificate's host than the handshake was for. */
export async function statusForAnotherHost(engine: EngineName): Promise<number> {
  await using backend = await startHttp();
  const { ec, api } = await testCertificates();
  await using proxy = await startWithCertificates(engine, [ec, api], backend.address);
  using client = await connectTls(proxy.port);
  await client.write(encodeRequest("/", { host: "api.example.test" }));
  return (await readAnswer(client)).status;
}

/** What openssl says of a second handshake that offers the first one's session. */
export async function resumedByName(engine: EngineName): Promise<string> {
  const { ec, api } = await testCertificates();
  await using backend = await startHttp();
  await using proxy = await startWithCertificates(engine, [ec, api], backend.address);
  const folder = await Deno.makeTempDir();
  try {
    const name = ["-servername", "api.example.test"];
    await runOk(
      "openssl",
      sClient(proxy.port, [...name, "-tls1_2", "-sess_out", `${folder}/session`]),
    );
    const again = await runOk(
      "openssl",
      sClient(proxy.port, [...name, "-tls1_2", "-sess_in", `${folder}/session`]),
    );
    return /^(New|Reused)/m.exec(again)?.[0] ?? again;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What becomes of a ClientHello in two packets where there are two certificates. */
export async function helloInPieces(engine: EngineName): Promise<string> {
  const { ec, api } = await testCertificates();
  await using backend = await startHttp();
  await using proxy = await startWithCertificates(engine, [ec, api], backend.address);
  const hello = CAPTURED_HELLOS[0]?.bytes ?? new Uint8Array();
  using client = await connectTcp(proxy.port);
  await client.write(hello.slice(0, 100));
  // whoever cannot wait for the rest has to have seen the beginning alone
  if (ENGINE_CAN[engine].has("hello_in_pieces")) await pause(100);
  else await proxy.log.first(/ handshake failed /);
  // which may have closed it
  await client.write(hello.slice(100)).catch(() => {});
  if (await client.hasMore().catch(() => false)) return "answered";
  const [, reason = ""] = await proxy.log.first(/ handshake failed .*reason="(.*)"/);
  return reason;
}

/** A proxy in http mode with these certificates. */
async function startWithCertificates(
  engine: EngineName,
  certificates: readonly CertificateFiles[],
  backend: string,
): Promise<ProxyProcess> {
  return await startProxy([
    ...["--listen", "127.0.0.1:0", "--backend", backend, "--engine", engine],
    ...certificates.flatMap(({ cert, key }) => ["--cert", cert, "--key", key]),
  ]);
}

/** Whether TLS 1.2 is refused where 1.3 is the least. */
export async function oldVersion(engine: EngineName): Promise<string> {
  await using proxy = await startWithTls(engine, 'min_version: "1.3"');
  const { code } = await run("openssl", sClient(proxy.port, ["-tls1_2"]), { input: "" });
  return code === 0 ? "served" : "refused";
}

/** The alert for a name that no certificate has. */
export async function unknownName(engine: EngineName): Promise<string> {
  await using proxy = await startWithTls(engine, "strict_sni: true");
  const flags = ["-servername", "other.test"];
  const { stderr } = await run("openssl", sClient(proxy.port, flags), { input: "" });
  return /SSL (alert) number( \d+)/.exec(stderr)?.slice(1).join("") ?? stderr;
}

/** The ciphers that a client gets of those a listener has, with TLS 1.3 and 1.2. */
export async function chosenCiphers(engine: EngineName): Promise<readonly string[]> {
  const chosen = [
    ...["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"],
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  ];
  await using proxy = await startWithTls(engine, `ciphers: [${chosen}]`);
  const given = ["-tls1_3", "-tls1_2"].map(async (version) => {
    const shown = await runOk("openssl", sClient(proxy.port, [version]));
    return /^New, \S+ Cipher is (\S+)$/m.exec(shown)?.[1] ?? shown;
  });
  return await Promise.all(given);
}

/** The group of the key exchange where one is chosen that no client prefers. */
export async function chosenGroup(engine: EngineName): Promise<string> {
  await using proxy = await startWithTls(engine, "groups: [secp384r1]");
  const shown = await runOk("openssl", sClient(proxy.port, []));
  return /^(?:Server|Peer) Temp Key: (.*)$/m.exec(shown)?.[1] ?? shown;
}

/** Whether there are tickets, with TLS 1.2 and 1.3, and whether a session is resumed by its id. */
export async function withoutTickets(engine: EngineName) {
  await using proxy = await startWithTls(engine, "session_tickets: false");
  const tickets: boolean[] = [];
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const shown = await runOk("openssl", sClient(proxy.port, [version]));
    tickets.push(/session ticket/i.test(shown));
  }
  const again = await runOk("openssl", sClient(proxy.port, ["-tls1_2", "-reconnect"]));
  return { tickets, resumed: again.match(/^(New|Reused)/mg)?.at(-1) };
}

async function startWithTls(engine: EngineName, tls: string) {
  return await startWithKeys(engine, { listener: `tls: { ${tls} }` });
}

async function startWithKeys(
  engine: EngineName,
  { listener = "", more = "", backend = "127.0.0.1:9" }: {
    listener?: string;
    more?: string;
    backend?: string;
  },
) {
  const { ec } = await testCertificates();
  return await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", engine: ${engine}${listener && `, ${listener}`} }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: [${JSON.stringify(backend)}] } }
${more === "" ? "routes: [{ backend: a }]" : more}
workers: 1
`);
}

/** Who the client is behind a proxy in front that tells. */
export async function proxiedPeer(engine: EngineName): Promise<string> {
  const listener = "proxy_protocol: { from: [127.0.0.1] }";
  await using proxy = await startWithKeys(engine, { listener });
  const raw = await openTcp(proxy.port);
  raw.write("PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n");
  const { connection } = await connectTlsOver(raw);
  using _ = connection;
  const [, peer = ""] = await proxy.log.first(/ info handshake peer=(\S+)/);
  return peer;
}

/** What a server gets whose TLS is its own. */
export async function passedOn(engine: EngineName): Promise<string> {
  await using server = await startBackend(async (connection) => {
    await connection.readBytes(6);
    await connection.write("server");
  }, { brokenOff: true });
  const more = "routes: [{ hosts: [api.example.com], passthrough: true, backend: a }]";
  await using proxy = await startWithKeys(engine, { more, backend: server.address });
  using client = await connectTcp(proxy.port);
  await client.write(CAPTURED_HELLOS[0]?.bytes ?? "");
  return await client.readText(6).catch(() => "another");
}

/** What becomes of a client that has to show a certificate, and does not. */
export async function withoutCertificate(engine: EngineName): Promise<string> {
  const { ca } = await testCertificates();
  const more = `routes: [{ backend: a }]\nclient_auth: [{ hosts: [localhost], ca: ${ca} }]`;
  await using proxy = await startWithKeys(engine, { more });
  const flags = ["-servername", "localhost", "-tls1_2"];
  const { stderr } = await run("openssl", sClient(proxy.port, flags), { input: "" });
  return /SSL (alert) number( \d+)/.exec(stderr)?.slice(1).join("") ?? stderr;
}

/** The first line that plain HTTP gets, or the number of the alert. */
export async function answerToPlainHttp(engine: EngineName): Promise<string> {
  await using backend = await startHttp();
  await using proxy = await startProxyFor({ engine, backend: backend.address });
  using client = await connectTcp(proxy.port);
  await client.write(encodeRequest("/"));
  const said = await lastWords(client);
  assert.equal(backend.connections.length, 0);
  return said.startsWith(ALERT) ? `alert ${said.charCodeAt(6)}` : said.split("\r\n")[0] ?? "";
}

/** How the log takes it that a client's TCP ends and its TLS has not. */
export async function truncationsSeen(engine: EngineName): Promise<Record<string, string>> {
  const heard: string[] = [];
  await using backend = await startBackend(async (connection) => {
    await connection.write(await connection.readText(4));
    heard.push(await lastWords(connection) || "end");
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine, mode, backend: backend.address });
  const seen: Record<string, string> = {};
  const ways = ["close_notify", "FIN", "FIN amid a record", "RST"];
  for (const [index, how] of ways.entries()) {
    await using wire = await startWire(proxy.port);
    using client = await connectTls(wire.port);
    await client.write("ping");
    assert.equal(await client.readText(4), "ping");
    if (how === "close_notify") await client.end();
    if (how === "FIN") wire.end();
    if (how === "RST") wire.reset();
    if (how === "FIN amid a record") {
      wire.endAmidNext();
      await client.write("never to be whole");
    }
    const ends = await proxy.log.count(/ info end /, index + 1);
    seen[how] = / how="?(\w+)/.exec(ends[index] ?? "")?.[1] ?? String(ends[index]);
    if (how.startsWith("FIN")) {
      assert.match(ends[index] ?? "", / how="client_gone: TCP ended without close_notify"$/, how);
    }
    await backend.allGone();
  }
  // what is cut off does not look complete to a TCP server; no half record reaches it
  assert.deepEqual(heard, ways.map((how) => seen[how] === "done" ? "end" : BROKEN_OFF));
  return seen;
}

/** What the client's TLS makes of it that the backend's TCP ends. */
export async function truncationsShown(engine: EngineName): Promise<Record<string, string>> {
  await using backend = await startBackend(async (connection) => {
    await connection.write("abc");
    if (await connection.readText(1) === "R") connection.reset();
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine, mode, backend: backend.address });
  const shown: Record<string, string> = {};
  for (const how of ["FIN", "RST"]) {
    using client = await connectTls(proxy.port);
    assert.equal(await client.readText(3), "abc");
    await client.write(how.slice(0, 1));
    shown[how] = await lastWords(client) || "end";
    if (shown[how] === "end") await client.end().catch(() => {});
  }
  // the proxy knows, whatever it can do about it
  const [fin, rst] = await proxy.log.count(/ end peer=/, 2);
  assert.match(fin ?? "", / how=done$/);
  assert.match(rst ?? "", / how="upstream_gone: /);
  return shown;
}

/** What `lastWords` gives for a reset. */
export const BROKEN_OFF = "broken off";

/** What comes until the peer ends, or that it broke off. */
export async function lastWords(connection: TestConnection): Promise<string> {
  let said = "";
  try {
    for (let some; (some = await connection.readSome()) !== undefined;) said += latin1(some);
    return said;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("Waited")) throw error;
    return BROKEN_OFF;
  }
}

/** The arguments of `openssl` to connect. */
export function sClient(port: number, flags: readonly string[]): string[] {
  return ["s_client", "-connect", `127.0.0.1:${port}`, ...flags];
}
