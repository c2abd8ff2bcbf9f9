import type { Certificate } from "../certificates/certificate.ts";
import { messageOf } from "../core/errors.ts";

/**
 * Why `Deno.listenTls` refuses a certificate; undefined where it takes it. A client with this
 * certificate is made the same way by the runtime's TLS library, and takes no permission.
 */
export function denoRefusal({ certPem: cert, keyPem: key }: Certificate): string | undefined {
  try {
    Deno.createHttpClient({ cert, key, caCerts: [] }).close();
    return undefined;
  } catch (error) {
    const message = messageOf(error);
    // such as "invalid peer certificate: Other(OtherError(UnsupportedCriticalExtension))"
    const [word = message] = /\w+(?=\)*$)/.exec(message) ?? [];
    return REASONS[word] ?? message;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  UnsupportedCriticalExtension: "it has a critical extension that is not known",
  UnsupportedCertVersion: "it is not of version 3; have it issued anew with extensions",
};
