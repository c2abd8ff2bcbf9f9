import { childrenOf, DER, derElement } from "./der.ts";

/**
 * Whether a certificate asks its server for a stapled OCSP answer in every handshake (`status_request`
 * among its TLS features, RFC 7633): clients that heed that refuse one without.
 *
 * @param certificate its DER
 */
export function mustStaple(certificate: Uint8Array<ArrayBuffer>): boolean {
  const fields = childrenOf(childrenOf(derElement(certificate))[0]);
  const [extensions] = childrenOf(fields.findLast(({ tag }) => tag === EXTENSIONS));
  return childrenOf(extensions).some((extension) => {
    // between the two may stand whether it is critical
    const [id, ...more] = childrenOf(extension);
    const value = more.at(-1);
    if (id?.content.toHex() !== TLS_FEATURE || value?.tag !== DER.octetString) return false;
    return childrenOf(derElement(value.content)).some(({ content }) =>
      content.length === 1 && content[0] === STATUS_REQUEST
    );
  });
}

/** [3] of a certificate (RFC 5280, section 4.1). */
const EXTENSIONS = 0xa3;

/** 1.3.6.1.5.5.7.1.24 */
const TLS_FEATURE = "2b06010505070118";

/** Its number among the extensions of TLS (RFC 6066, section 1.1). */
const STATUS_REQUEST = 5;
