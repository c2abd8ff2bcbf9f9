import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { openssl, selfSigned } from "../../tests/support/openssl.ts";
import { ProxyError } from "../core/errors.ts";
import { type CertificateText, loadCertificate, readCertificate } from "./certificate.ts";

const FOLDER = await Deno.makeTempDir({ prefix: "certificate_test" });
globalThis.addEventListener("unload", () => Deno.removeSync(FOLDER, { recursive: true }));

let written = 0;
const P256 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const NAMES = "DNS:Api.Example.com,DNS:*.example.com,IP:127.0.0.1,IP:::1,email:a@b.test";

const ecdsa = await selfSigned(FOLDER, {
  key: P256,
  subject: "/C=DE/O=B\u00fccher, Inc/CN=api",
  names: NAMES,
});
const p384 = await selfSigned(FOLDER, {
  key: ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
  subject: "/CN=p384",
});
const rsa = await selfSigned(FOLDER, { key: ["rsa:2048"], subject: "/CN=rsa" });
const ed25519 = await selfSigned(FOLDER, { key: ["ed25519"], subject: "/CN=Ed.Example.com" });
const short = await selfSigned(FOLDER, { key: ["rsa:1024"], subject: "/CN=short" });
const pss = await selfSigned(FOLDER, {
  key: ["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
  subject: "/CN=pss",
});
const koblitz = await selfSigned(FOLDER, {
  key: ["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
  subject: "/CN=koblitz",
});
const nameless = await selfSigned(FOLDER, { key: P256, subject: "/", names: "DNS:a.test" });

const sec1 = await convertKey(ecdsa.key, "ec");
const encrypted = ["-aes256", "-passout", "pass:x"];
const KEYS = {
  sec1,
  sec1WithParameters: await openssl("ecparam", "-name", "prime256v1") + sec1,
  p384Sec1: await convertKey(p384.key, "ec"),
  pkcs1: await convertKey(rsa.key, "rsa", "-traditional"),
  encryptedPkcs8: await convertKey(ecdsa.key, "pkcs8", "-topk8", "-passout", "pass:x"),
  encryptedSec1: await convertKey(ecdsa.key, "ec", ...encrypted),
  encryptedPkcs1: await convertKey(rsa.key, "rsa", "-traditional", ...encrypted),
};

const trusted = await openssl(
  "x509",
  "-in",
  await put(ecdsa.cert),
  "-trustout",
  "-addtrust",
  "serverAuth",
);
const explicitKey = await openssl(
  ...["pkey", "-in", await put(ecdsa.key), "-ec_param_enc", "explicit"],
);
const explicitSec1 = await openssl("ec", "-in", await put(ecdsa.key), "-param_enc", "explicit");
const explicitCert = await openssl(
  ...["req", "-x509", "-days", "90", "-subj", "/CN=a", "-key", await put(explicitKey)],
);
const container = await openssl("crl2pkcs7", "-nocrl", "-certfile", await put(ecdsa.cert));

const PATHS = { cert: "certs/a.crt", key: "certs/a.key" };

// Parsing must need no permission at all: the proxy grants reading of the configured files alone.
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

test("readCertificate() tells names, subject, validity and fingerprint", async () => {
  const certificate = await readCertificate(ecdsa, PATHS);
  assert.deepEqual(certificate.names, ["api.example.com", "*.example.com", "127.0.0.1", "::1"]);
  assert.equal(certificate.subject, "C=DE, O=B\u00fccher, Inc, CN=api");
  assert.equal(certificate.label, "certs/a.crt");
  const days = (certificate.notAfter.getTime() - certificate.notBefore.getTime()) / 86_400_000;
  assert.equal(days, 90);
  assert.ok(Math.abs(certificate.notBefore.getTime() - Date.now()) < 600_000);
  const der = Uint8Array.fromBase64(ecdsa.cert.replaceAll(/-----.*-----|\s/g, ""));
  assert.equal(certificate.fingerprint, createHash("sha256").update(der).digest("hex"));
});

for (
  const [name, pem, keyType] of [
    ["an ECDSA P-256 key", ecdsa, "ECDSA"],
    ["an ECDSA P-384 key", p384, "ECDSA"],
    ["an RSA key", rsa, "RSA"],
    ["an Ed25519 key", ed25519, "Ed25519"],
    ["a SEC1 key", { ...ecdsa, key: KEYS.sec1 }, "ECDSA"],
    ["a SEC1 key after its parameters", { ...ecdsa, key: KEYS.sec1WithParameters }, "ECDSA"],
    ["a SEC1 key of P-384", { ...p384, key: KEYS.p384Sec1 }, "ECDSA"],
    ["a PKCS#1 key", { ...rsa, key: KEYS.pkcs1 }, "RSA"],
    ["CRLF line ends", { cert: crlf(ecdsa.cert), key: crlf(ecdsa.key) }, "ECDSA"],
    ["both in one text", { cert: ecdsa.key + ecdsa.cert, key: ecdsa.key + ecdsa.cert }, "ECDSA"],
  ] as const
) {
  test(`readCertificate() reads ${name}`, async () => {
    const certificate = await readCertificate(pem, PATHS);
    assert.equal(certificate.keyType, keyType);
    assert.match(
      certificate.keyPem,
      /^-----BEGIN PRIVATE KEY-----\n[^-]+-----END PRIVATE KEY-----/,
    );
    assert.doesNotMatch(certificate.certPem, /PRIVATE KEY/);
    // What was read is itself readable.
    const again = await readCertificate(
      { cert: certificate.certPem, key: certificate.keyPem },
      PATHS,
    );
    assert.deepEqual(again, certificate);
  });
}

for (
  const [name, pem] of [
    ["a key with blanks at the ends of its lines", {
      cert: ecdsa.cert.replaceAll("\n", " \t\n"),
      key: ecdsa.key.replaceAll("\n", "  \n"),
    }],
    ["a key with blanks before its lines", { ...ecdsa, key: ecdsa.key.replaceAll(/^/gm, "  ") }],
    ["PKCS#8 as EC PRIVATE KEY", { ...ecdsa, key: relabel(ecdsa.key, "EC PRIVATE KEY") }],
    ["SEC1 as PRIVATE KEY", { ...ecdsa, key: relabel(KEYS.sec1, "PRIVATE KEY") }],
    ["SEC1 as RSA PRIVATE KEY", { ...ecdsa, key: relabel(KEYS.sec1, "RSA PRIVATE KEY") }],
    ["PKCS#8 as RSA PRIVATE KEY", { ...rsa, key: relabel(rsa.key, "RSA PRIVATE KEY") }],
    ["PKCS#1 as PRIVATE KEY", { ...rsa, key: relabel(KEYS.pkcs1, "PRIVATE KEY") }],
    ["an old label", { ...ecdsa, cert: relabel(ecdsa.cert, "X509 CERTIFICATE") }],
    ["a trusted certificate", { ...ecdsa, cert: trusted }],
  ] as const
) {
  test(`readCertificate() reads ${name} as it is meant`, async () => {
    const plain = pem.cert.includes(rsa.cert.slice(40, 100)) ? rsa : ecdsa;
    assert.deepEqual(await readCertificate(pem, PATHS), await readCertificate(plain, PATHS));
  });
}

test("readCertificate() leaves no certificate out of a chain, whatever its label", async () => {
  const chain = ed25519.cert + relabel(rsa.cert, "X509 CERTIFICATE") + trusted;
  const certificate = await readCertificate({ cert: chain, key: ed25519.key }, PATHS);
  assert.equal(certificate.certPem, ed25519.cert + rsa.cert + ecdsa.cert);
});

test("readCertificate() takes the first certificate of a chain as the leaf", async () => {
  const chain = `# leaf\n${ed25519.cert}# issuer\n${rsa.cert}`;
  const certificate = await readCertificate({ cert: chain, key: ed25519.key }, PATHS);
  assert.equal(certificate.certPem, ed25519.cert + rsa.cert);
  assert.equal(certificate.subject, "CN=Ed.Example.com");
});

test("readCertificate() takes the common name when there is no subjectAltName", async () => {
  assert.deepEqual((await readCertificate(ed25519, PATHS)).names, ["ed.example.com"]);
});

test("readCertificate() reads a certificate with an empty subject", async () => {
  const certificate = await readCertificate(nameless, PATHS);
  assert.equal(certificate.subject, "");
  assert.deepEqual(certificate.names, ["a.test"]);
});

const damagedKey = ecdsa.key.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA");
const REFUSED: readonly [name: string, pem: CertificateText, message: string][] = [
  [
    "an empty certificate",
    { ...ecdsa, cert: "" },
    'Cannot read the certificate: certs/a.crt holds no certificate (no PEM block "CERTIFICATE")',
  ],
  [
    "a certificate in DER",
    { ...ecdsa, cert: "0\ufffd\u0001" },
    'Cannot read the certificate: certs/a.crt holds no certificate (no PEM block "CERTIFICATE"); ' +
    "it looks like DER, convert it: openssl x509 -inform DER -in certs/a.crt -out NEW",
  ],
  [
    "an empty key",
    { ...ecdsa, key: "" },
    'Cannot read the key: certs/a.key holds no key (no PEM block "PRIVATE KEY")',
  ],
  [
    "a key for a certificate",
    { cert: ecdsa.key, key: ecdsa.cert },
    "Cannot read the certificate: certs/a.crt holds a key; are certificate and key swapped?",
  ],
  [
    "a certificate for a key",
    { cert: ecdsa.cert, key: ecdsa.cert },
    "Cannot read the key: certs/a.key holds a certificate; are certificate and key swapped?",
  ],
  [
    "a damaged certificate",
    { ...ecdsa, cert: rsa.cert + ecdsa.cert.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA") },
    "Cannot read the certificate: certificate 2 of certs/a.crt is damaged",
  ],
  [
    "a damaged key",
    { ...ecdsa, key: damagedKey },
    "Cannot read the key: certs/a.key holds a key that is damaged or of an unknown kind",
  ],
  ...[explicitKey, explicitSec1].map((key): [string, CertificateText, string] => [
    `a key that spells its curve out (${/-----BEGIN (.*)-----/.exec(key)?.[1]})`,
    { ...ecdsa, key },
    "Cannot read the key: certs/a.key holds a key that spells its curve out, which TLS does not " +
    "allow; name the curve: openssl pkey -in certs/a.key -ec_param_enc named_curve -out NEW_FILE",
  ]),
  [
    "a certificate for a curve spelled out",
    { cert: ecdsa.cert + explicitCert, key: ecdsa.key },
    "Cannot read the certificate: certificate 2 of certs/a.crt has a key that spells its curve " +
    "out, which TLS does not allow; have it issued anew for the key with a named curve (openssl " +
    "pkey -ec_param_enc named_curve)",
  ],
  [
    "certificates in a container",
    { cert: container, key: ecdsa.key },
    "Cannot read the certificate: certs/a.crt holds certificates in a PKCS#7 container; take them " +
    "out: openssl pkcs7 -in certs/a.crt -print_certs -out NEW_FILE",
  ],
  [
    "a key as OpenSSH writes it",
    { ...ecdsa, key: relabel(ecdsa.key, "OPENSSH PRIVATE KEY").replace(/\n.{8}/, "\nb3BlbnNz") },
    "Cannot read the key: certs/a.key holds a key as OpenSSH writes it; convert a copy of it: " +
    "ssh-keygen -p -m PKCS8 -f COPY",
  ],
  [
    "the key of another certificate",
    { ...ecdsa, key: nameless.key },
    "Cannot read the certificate: the key certs/a.key does not belong to the certificate certs/a.crt",
  ],
  [
    "a key of another type",
    { ...ecdsa, key: rsa.key },
    "Cannot read the certificate: the key certs/a.key does not belong to the certificate certs/a.crt",
  ],
  [
    "a chain in the wrong order",
    { cert: rsa.cert + ecdsa.cert, key: ecdsa.key },
    "Cannot read the certificate: the key certs/a.key belongs to certificate 2 of certs/a.crt, " +
    "which must come first",
  ],
  ...([
    [short, "RSA of 1024 bits"],
    [pss, "RSA-PSS"],
    [koblitz, "ECDSA on secp256k1"],
  ] as const).map(([pem, kind]): [string, CertificateText, string] => [
    `a key that no engine takes (${kind})`,
    pem,
    `Cannot read the key: certs/a.key holds a key that cannot be used here (${kind}); take RSA ` +
    "of 2048 bits or more, ECDSA on P-256, P-384 or P-521, or Ed25519",
  ]),
  ...[KEYS.encryptedPkcs8, KEYS.encryptedSec1, KEYS.encryptedPkcs1].map(
    (key): [string, CertificateText, string] => [
      `an encrypted key (${/-----BEGIN (.*)-----/.exec(key)?.[1]})`,
      { ...ecdsa, key },
      "Cannot read the key: certs/a.key holds an encrypted key, which needs a passphrase_file",
    ],
  ),
];

for (const [name, pem, message] of REFUSED) {
  test(`readCertificate() refuses ${name}`, async () => {
    const error = await refusal(readCertificate(pem, PATHS));
    assert.equal(error.message, message);
    // Not a line of the key, in the message or beneath it.
    for (const line of pem.key.split("\n").filter((text) => text.length > 40)) {
      assert.ok(!Deno.inspect(error).includes(line));
    }
  });
}

Deno.test("loadCertificate() reads the files", async () => {
  const paths = { cert: `${FOLDER}/good.crt`, key: `${FOLDER}/good.key` };
  await Deno.writeTextFile(paths.cert, ecdsa.cert);
  await Deno.writeTextFile(paths.key, ecdsa.key);
  const certificate = await loadCertificate(paths);
  assert.deepEqual(certificate, await readCertificate(ecdsa, paths));
});

Deno.test("loadCertificate() says what is wrong when a file cannot be read", async () => {
  const cert = `${FOLDER}/alone.crt`;
  await Deno.writeTextFile(cert, ecdsa.cert);
  for (
    const [paths, message] of [
      [
        { cert: `${FOLDER}/none.crt`, key: cert },
        `Cannot read the certificate: ${FOLDER}/none.crt does not exist`,
      ],
      [
        { cert, key: `${FOLDER}/none.key` },
        `Cannot read the key: ${FOLDER}/none.key does not exist`,
      ],
      [{ cert: FOLDER, key: cert }, `Cannot read the certificate: ${FOLDER} is a folder`],
    ] as const
  ) {
    assert.equal((await refusal(loadCertificate(paths))).message, message);
  }
});

Deno.test({
  name: "loadCertificate() says so when it is not granted to read",
  permissions: { read: false },
  fn: async () => {
    const error = await refusal(loadCertificate({ cert: "a.crt", key: "a.key" }));
    assert.match(
      error.message,
      /^Cannot read the (certificate: a.crt|key: a.key) is not readable /,
    );
  },
});

async function refusal(promise: Promise<unknown>): Promise<ProxyError> {
  const error = await promise.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof ProxyError, `not refused: ${Deno.inspect(error)}`);
  assert.equal(error.code, "bad_config");
  return error;
}

async function convertKey(key: string, ...command: string[]): Promise<string> {
  const [from, to] = [`${FOLDER}/from.key`, `${FOLDER}/to.key`];
  await Deno.writeTextFile(from, key);
  await openssl(...command, "-in", from, "-out", to);
  return await Deno.readTextFile(to);
}

function crlf(text: string): string {
  return text.replaceAll("\n", "\r\n");
}

function relabel(pem: string, label: string): string {
  return pem.replaceAll(/(-----(?:BEGIN|END) ).*(?=-----)/g, `$1${label}`);
}

/** A file with this content. */
async function put(text: string): Promise<string> {
  const path = `${FOLDER}/put${written++}`;
  await Deno.writeTextFile(path, text);
  return path;
}
