import { childrenOf, DER, derElement, derElements } from "./der.ts";

/**
 * Whether an algorithm identifier (RFC 5480, section 2.1) is that of an elliptic curve spelled out
 * in the place of its name, which that section forbids and no client takes.
 *
 * @param identifier the content of the SEQUENCE
 */
export function isExplicit(identifier: Uint8Array<ArrayBuffer> | undefined): boolean {
  const [algorithm, parameters] = derElements(identifier ?? new Uint8Array());
  return algorithm?.content.toHex() === EC_PUBLIC_KEY && parameters?.tag === DER.sequence;
}

/** The same of the key in a certificate (RFC 5280, section 4.1). */
export function hasExplicitKey(certificate: Uint8Array<ArrayBuffer>): boolean {
  const fields = childrenOf(childrenOf(derElement(certificate))[0]);
  // the version of one that is version 1 is left out
  const [identifier] = childrenOf(fields[fields[0]?.tag === DER.context0 ? 6 : 5]);
  return isExplicit(identifier?.content);
}

/** 1.2.840.10045.2.1 */
const EC_PUBLIC_KEY = "2a8648ce3d0201";
