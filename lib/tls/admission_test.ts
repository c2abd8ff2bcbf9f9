import assert from "node:assert/strict";
import { paperCertificate } from "../../tests/support/loaded_config.ts";
import { admit } from "./admission.ts";
import { DEFAULT_POLICY } from "./policy.ts";
import { createCertificateStore } from "../certificates/certificate_store.ts";
import type { ClientHello } from "./client_hello.ts";
import type { TlsPolicy } from "./policy.ts";

const HELLO: ClientHello = {
  ticket: undefined,
  versions: [0x0304, 0x0303],
  sni: "a.test",
  alpn: [],
  cipherSuites: [0x1301, 0xc02b, 0xc02f],
  signatureAlgorithms: [0x0403, 0x0804],
  groups: [29, 23],
};
const ec = paperCertificate(["a.test"], { label: "ec" });
const rsa = paperCertificate(["a.test"], { label: "rsa", keyType: "RSA" });
const other = paperCertificate(["b.test"], { label: "other" });
const certificates = createCertificateStore([
  { certificate: other },
  { certificate: rsa },
  { certificate: ec },
]);

const STRICT: TlsPolicy = { minVersion: "TLSv1.2", strictSni: true };
const MODERN: TlsPolicy = { minVersion: "TLSv1.3", strictSni: false };

const FOR_RSA: TlsPolicy = {
  ...DEFAULT_POLICY,
  ciphers: ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
};
const FOR_RSA_AND_MODERN: TlsPolicy = {
  ...DEFAULT_POLICY,
  ciphers: ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
};

const HYBRID: TlsPolicy = { ...DEFAULT_POLICY, groups: ["x25519mlkem768"] };

const CASES: readonly (readonly [
  change: Partial<ClientHello>,
  policy: TlsPolicy,
  outcome: string,
])[] = [
  [{}, DEFAULT_POLICY, "ec"],
  [{ signatureAlgorithms: [0x0804] }, DEFAULT_POLICY, "rsa"],
  // a client that can verify neither gets the first for its name, and says so itself
  [{ signatureAlgorithms: [] }, DEFAULT_POLICY, "rsa"],
  [{ sni: "nobody" }, DEFAULT_POLICY, "other"],
  [{ sni: undefined }, DEFAULT_POLICY, "other"],
  [{ sni: "nobody" }, STRICT, "unrecognized_name unknown_name"],
  [{ sni: "b.test" }, STRICT, "other"],
  [{ sni: undefined }, STRICT, "other"],
  [{ versions: [0x0303] }, DEFAULT_POLICY, "ec"],
  [{ versions: [0x0303] }, MODERN, "protocol_version handshake_failed"],
  [{ versions: [0x0304] }, MODERN, "ec"],
  [{ versions: [0x0302, 0x0301] }, DEFAULT_POLICY, "protocol_version handshake_failed"],
  [{ versions: [0x7f1c] }, DEFAULT_POLICY, "protocol_version handshake_failed"],
  // what the listener does not take is no way to agree
  [{}, FOR_RSA, "rsa"],
  [{}, FOR_RSA_AND_MODERN, "ec"],
  [{ versions: [0x0303] }, FOR_RSA_AND_MODERN, "rsa"],
  // TLS 1.2 has no way to agree on a hybrid
  [{ versions: [0x0303] }, HYBRID, "protocol_version handshake_failed"],
  [{}, HYBRID, "ec"],
  [{ versions: [0x0303] }, { ...HYBRID, groups: ["x25519mlkem768", "x25519"] }, "ec"],
  // the version is looked at first, as the alert for it says more
  [{ versions: [0x0302], sni: "nobody" }, STRICT, "protocol_version handshake_failed"],
];

Deno.test("admit() decides by the listener's policy and the certificates", () => {
  for (const [change, policy, outcome] of CASES) {
    const admission = admit({ ...HELLO, ...change }, { policy, certificates, alpn: [] });
    const said = admission.kind === "admitted"
      ? admission.certificate.label
      : admission.kind === "passthrough"
      ? "passthrough"
      : `${admission.alert} ${admission.error.code}`;
    assert.equal(said, outcome, JSON.stringify({ ...change, ...policy }));
  }
});

/** What becomes of a hello, in words. */
function outcomeOf(hello: Partial<ClientHello>, about: Partial<Parameters<typeof admit>[1]>) {
  const options = { policy: DEFAULT_POLICY, certificates, alpn: [], ...about };
  const admission = admit({ ...HELLO, ...hello }, options);
  if (admission.kind === "passthrough") return admission.kind;
  return admission.kind === "admitted"
    ? `${admission.certificate.label} ${admission.protocol}`
    : `${admission.alert}: ${admission.error.message}`;
}

Deno.test("admit() takes the best protocol that both speak, and refuses who speaks none", () => {
  const none = "no_application_protocol: The client speaks none of the protocols offered";
  const cases: [sent: string[], offered: string[], outcome: string][] = [
    [[], [], "ec undefined"],
    [[], ["h2", "http/1.1"], "ec undefined"],
    [["http/1.1", "h2"], ["h2", "http/1.1"], "ec h2"],
    [["http/1.1"], ["h2", "http/1.1"], "ec http/1.1"],
    [["x", "http/1.1"], ["h2", "http/1.1"], "ec http/1.1"],
    [["x"], ["h2", "http/1.1"], none],
    [["H2"], ["h2"], none],
    // who does without it is no judge of it
    [["x"], [], "ec undefined"],
  ];
  for (const [sent, offered, outcome] of cases) {
    assert.equal(outcomeOf({ alpn: sent }, { alpn: offered }), outcome, `${sent} of ${offered}`);
  }
});

Deno.test("admit() shows a CA the certificate of its challenge, and nobody else", () => {
  const shown = paperCertificate(["a.test"], { label: "challenge" });
  const challenge = {
    protocol: "acme-tls/1",
    certificateFor: (name: string) => name === "a.test" ? shown : undefined,
  };
  const alpn = ["h2"];
  const about = { challenge, alpn };
  const pending = "no_application_protocol: A CA asks for a challenge that is not pending";
  assert.equal(outcomeOf({ alpn: ["acme-tls/1"] }, about), "challenge acme-tls/1");
  // the listener's own choices are for clients
  assert.equal(
    outcomeOf({ alpn: ["acme-tls/1"], versions: [0x0303] }, { ...about, policy: MODERN }),
    "challenge acme-tls/1",
  );
  assert.equal(outcomeOf({ alpn: ["acme-tls/1"], sni: "b.test" }, about), pending);
  assert.equal(outcomeOf({ alpn: ["acme-tls/1"], sni: undefined }, about), pending);
  for (const sent of [["acme-tls/1", "h2"], ["h2", "acme-tls/1"], ["h2"]]) {
    assert.equal(outcomeOf({ alpn: sent }, about), "ec h2", `${sent}`);
  }
  const ours = "no_application_protocol: The client speaks none of the protocols offered";
  assert.equal(outcomeOf({ alpn: ["acme-tls/1"] }, { alpn }), ours);
});

Deno.test("admit() says so where a name's certificate has yet to be got", () => {
  const awaited = paperCertificate(["c.test"], { label: "awaited", placeholder: true });
  const some = createCertificateStore([{ certificate: ec }, { certificate: awaited }]);
  assert.equal(
    outcomeOf({ sni: "c.test" }, { certificates: some }),
    "unrecognized_name: No CA has given the certificate for this name yet",
  );
  assert.equal(outcomeOf({ sni: "a.test" }, { certificates: some }), "ec undefined");
});
