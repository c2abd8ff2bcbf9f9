import { createHash } from "node:crypto";
import type { Certificate } from "./certificate.ts";

/**
 * The certificate that shows a CA whose a name is (RFC 8737, section 3), as engines take it. It is
 * made for this and good for nothing else, so that nobody looks at its facts.
 *
 * @param pem its chain and its key, an ECDSA one on P-256
 */
export function challengeCertificateOf(
  name: string,
  { chain, key }: { readonly chain: string; readonly key: string },
): Certificate {
  const digest = createHash("sha256").update(chain).digest("hex");
  return {
    certPem: chain,
    keyPem: key,
    names: [name],
    subject: "",
    notBefore: new Date(0),
    notAfter: new Date(0),
    keyType: "ECDSA",
    curve: "prime256v1",
    label: `a challenge for ${name}`,
    fingerprint: digest,
    digest,
  };
}
