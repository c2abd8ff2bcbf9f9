import assert from "node:assert/strict";
import { testCertificates } from "./support/certificates.ts";
import { startPythonServer } from "./support/python_server.ts";
import { ENGINE_CAN, ENGINES, startProxy } from "./support/start_proxy.ts";
import { run, runOk } from "./support/tools.ts";

/** What the runtime's TLS offers; everything with forward secrecy and authenticated encryption. */
const TLS_1_2 = ["AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305"];
const TLS_1_3 = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_AES_128_GCM_SHA256",
  "TLS_CHACHA20_POLY1305_SHA256",
];
/** Every suite of TLS 1.3 (RFC 8446, appendix B.4). */
const ALL_TLS_1_3 = [...TLS_1_3, "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"];
/** What OpenSSL needs to be told to try what nobody should. */
const EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";

for (const engine of ENGINES) {
  Deno.test(`the walk-through works: python3, curl -k, openssl s_client (${engine})`, async () => {
    await using server = await startPythonServer({ "index.html": "<p>hello</p>\n" });
    const { ec } = await testCertificates();
    await using proxy = await startProxy([
      ...["--listen", "127.0.0.1:0", "--backend", server.address, "--engine", engine],
      ...["--cert", ec.cert, "--key", ec.key],
    ]);
    const url = `https://127.0.0.1:${proxy.port}`;
    assert.equal(await runOk("curl", ["-sSk", `${url}/`]), "<p>hello</p>\n");
    assert.match(await runOk("curl", ["-sSk", "-I", `${url}/index.html`]), /^HTTP\/2 200 /);
    assert.equal((await run("curl", ["-sSkf", `${url}/missing`])).code, 22);

    const connect = ["s_client", "-connect", `127.0.0.1:${proxy.port}`, "-tls1_2"];
    const { stdout } = await run("openssl", connect, { input: "" });
    const shown = stdout.split("\n").filter((line) => /^New|^ +(Protocol|Cipher)/.test(line));
    assert.deepEqual(shown, [
      "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384",
      "    Protocol  : TLSv1.2",
      "    Cipher    : ECDHE-ECDSA-AES256-GCM-SHA384",
    ]);
    const handshakes = await proxy.log.count(/ info handshake /, 4);
    assert.match(
      handshakes.at(-1) ?? "",
      ENGINE_CAN[engine].has("protocol_facts")
        ? / protocol=TLSv1\.2 cipher=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 sni=- /
        : / protocol=- cipher=- sni=- /,
    );
  });

  Deno.test(`the proxy offers these ciphers and no others (${engine})`, async () => {
    const { ec, rsa } = await testCertificates();
    const all = await runOk("openssl", ["ciphers", "-s", "-tls1_2", EVERYTHING]);
    const ciphers = all.trim().split(":");
    assert.ok(ciphers.length > 50, "this OpenSSL can try many");
    for (const [pair, kind] of [[ec, "ECDSA"], [rsa, "RSA"]] as const) {
      await using proxy = await startProxy([
        ...["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:9", "--engine", engine],
        ...["--cert", pair.cert, "--key", pair.key, "--no-access-log"],
      ]);
      const agreed12 = await agreeing(ciphers, proxy.port, (cipher) => [
        ...["-tls1_2", "-cipher", `${cipher}:@SECLEVEL=0`],
      ]);
      assert.deepEqual(agreed12.sort(), TLS_1_2.map((name) => `ECDHE-${kind}-${name}`).sort());
      const agreed13 = await agreeing(ALL_TLS_1_3, proxy.port, (cipher) => [
        ...["-tls1_3", "-ciphersuites", cipher, "-cipher", EVERYTHING],
      ]);
      assert.deepEqual(agreed13.sort(), [...TLS_1_3].sort());
      const refused = ciphers.length + ALL_TLS_1_3.length - agreed12.length - agreed13.length;
      await proxy.log.count(/ warning handshake failed .*error=handshake_failed /, refused);
    }
  });

  Deno.test(`the proxy refuses old versions and says so (${engine})`, async () => {
    const { ec } = await testCertificates();
    await using proxy = await startProxy([
      ...["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:9", "--engine", engine],
      ...["--cert", ec.cert, "--key", ec.key],
    ]);
    for (const [index, version] of ["-tls1", "-tls1_1"].entries()) {
      const args = [version, "-cipher", EVERYTHING];
      const { code, stderr } = await run("openssl", connectTo(proxy.port, args), { input: "" });
      assert.notEqual(code, 0);
      assert.match(stderr, /alert/, "it is told, not cut off");
      await proxy.log.count(/ warning handshake failed .*error=handshake_failed /, index + 1);
    }
  });
}

Deno.test("the walk-through is logged by the lines that the README shows", async () => {
  const page = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  const [, , shown = ""] = /looks? like this:\n\n(```)text\n([^]*?)\1/.exec(page) ?? [];
  await using server = await startPythonServer({ "index.html": "<p>hello</p>\n" });
  const { ec } = await testCertificates();
  await using proxy = await startProxy([
    ...["--listen", "127.0.0.1:0", "--backend", server.address],
    ...["--cert", ec.cert, "--key", ec.key],
  ]);
  await runOk("curl", ["-sSk", `https://127.0.0.1:${proxy.port}/`]);
  await proxy.log.first(/ info end /);
  await run("curl", ["-sS", `http://127.0.0.1:${proxy.port}/`]);
  await proxy.log.first(/ warning handshake failed /);

  const logged = proxy.log.text.trim().split("\n").map(partsOf);
  const lines = shown.trim().split("\n");
  assert.equal(lines.length, 4);
  for (const [index, line] of lines.entries()) {
    const parts = partsOf(line);
    const there = logged[index] ?? [];
    const whole = !line.endsWith(" …");
    assert.deepEqual(whole ? there : there.slice(0, parts.length), parts, line);
  }
});

/** What a line of the log is and has, but for its time and for what may be another each time. */
function partsOf(line: string): string[] {
  const parts = line.match(/[^ "]+"[^"]*"|[^ ]+/g)?.slice(1).filter((part) => part !== "…") ?? [];
  return parts.map((part) =>
    part.replace(/^(peer|cipher|group|id|host|in|out|time)=(?!-$).+/, "$1=")
  );
}

/** Those with which a handshake succeeds; a few at a time. */
async function agreeing(
  ciphers: readonly string[],
  port: number,
  argsFor: (cipher: string) => string[],
): Promise<string[]> {
  const agreed: string[] = [];
  const queue = [...ciphers];
  const work = async () => {
    for (let cipher; (cipher = queue.pop()) !== undefined;) {
      const args = connectTo(port, argsFor(cipher));
      const { code, stdout } = await run("openssl", args, { input: "" });
      if (code !== 0) continue;
      assert.match(stdout, new RegExp(`Cipher is ${cipher}$`, "m"));
      agreed.push(cipher);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  return agreed;
}

function connectTo(port: number, args: readonly string[]): string[] {
  return ["s_client", "-connect", `127.0.0.1:${port}`, ...args];
}
