import assert from "node:assert/strict";
import { parseConfig } from "../../lib/config/parse.ts";
import type { LoadedConfig } from "../../lib/control/snapshot.ts";
import { trustRead } from "../../lib/control/trust.ts";
import type { Certificate } from "../../lib/certificates/certificate.ts";

/** A certificate without a key, for what is decided by names and dates alone. */
export function paperCertificate(
  names: readonly string[],
  more: Partial<Certificate> = {},
): Certificate {
  const label = more.label ?? `${names[0]}.crt`;
  return {
    certPem: "",
    keyPem: "",
    names,
    subject: "",
    notBefore: new Date(0),
    notAfter: new Date("2100-01-01"),
    keyType: "ECDSA",
    label,
    fingerprint: label,
    digest: more.fingerprint ?? label,
    ...more,
  };
}

/** A configuration from YAML, with a certificate on paper for each that it has. */
export function loadedConfig(
  yaml: string,
  certificateFor: (path: string) => Certificate = (path) =>
    paperCertificate([path.replace(/\.crt$/, "")], { label: path }),
): LoadedConfig {
  const { config, problems } = parseConfig({ path: "proxy.yaml", text: yaml });
  assert.deepEqual(problems, []);
  assert.ok(config !== undefined);
  const certificates = config.certificates.map(({ cert }) => certificateFor(cert));
  return {
    config,
    certificates,
    trust: trustRead(),
    contents: new Map(),
    stamps: new Map(),
  };
}
