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
