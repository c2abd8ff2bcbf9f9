// @peculiar/x509 needs the metadata API to be there before it.
import "reflect-metadata";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type GeneralNameType,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate and its key as PEM. */
export interface IssuedPem {
  readonly cert: string;
  /** PKCS#8 (RFC 5958), unencrypted. */
  readonly key: string;
}

/** What to certify. */
export interface CertificateRequest {
  /** Common name of the subject; names nobody connects to. */
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What a key is: ECDSA P-256, or RSA of 2048 bits for clients that know nothing else. */
export type KeyKind = "ecdsa" | "rsa";

/** What to certify of a server. */
export interface ServerCertificateRequest extends CertificateRequest {
  /** Host names, `*.` and a host name, or IP addresses, of which there is at least one. */
  readonly hosts: readonly string[];
  /** ECDSA unless told otherwise. */
  readonly keyKind?: KeyKind;
}

/** What to certify of a client, which its common name names. */
export interface ClientCertificateRequest extends CertificateRequest {
  /** ECDSA unless told otherwise. */
  readonly keyKind?: KeyKind;
}

/** Makes a key (ECDSA P-256) and its own certificate of a CA that issues leaves only. */
export async function createAuthority(request: CertificateRequest): Promise<IssuedPem> {
  const keys = await generateKeys("ecdsa");
  const name = subjectOf(request);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: randomSerialNumber(),
    subject: name,
    issuer: name,
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: SIGNATURE,
    // RFC 5280, sections 4.2.1.2, 4.2.1.3 and 4.2.1.9.
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: toPem(certificate), key: await exportKey(keys.privateKey) };
}

/**
 * Makes a key and a server certificate that the CA has signed.
 *
 * @param authority a CA with an ECDSA P-256 key, as `createAuthority` makes it
 * @throws {DOMException} where the CA's key is of another kind
 */
export function issueServerCertificate(
  authority: IssuedPem,
  request: ServerCertificateRequest,
): Promise<IssuedPem> {
  return issue(authority, request, [
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension(request.hosts.map(generalName)),
  ]);
}

/** The same for a client. */
export function issueClientCertificate(
  authority: IssuedPem,
  request: ClientCertificateRequest,
): Promise<IssuedPem> {
  return issue(authority, request, [
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
  ]);
}

async function issue(
  authority: IssuedPem,
  request: CertificateRequest & { readonly keyKind?: KeyKind },
  extensions: readonly Extension[],
): Promise<IssuedPem> {
  const issuer = new X509Certificate(authority.cert);
  const { keyKind = "ecdsa" } = request;
  const keys = await generateKeys(keyKind);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: randomSerialNumber(),
    subject: subjectOf(request),
    issuer: issuer.subjectName,
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: SIGNATURE,
    // RFC 5280, sections 4.2.1.1 to 4.2.1.3, 4.2.1.6, 4.2.1.9 and 4.2.1.12.
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KEYS[keyKind].usages, true),
      ...extensions,
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { cert: toPem(certificate), key: await exportKey(keys.privateKey) };
}

const ECDSA = { name: "ECDSA", namedCurve: "P-256" };
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};

/** With TLS 1.2, an RSA key may also be what the client encrypts to (RFC 5246, section 7.4.2). */
const KEYS = {
  ecdsa: { algorithm: ECDSA, usages: KeyUsageFlags.digitalSignature },
  rsa: {
    algorithm: RSA,
    usages: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment,
  },
} as const satisfies Record<KeyKind, unknown>;

const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };

async function generateKeys(kind: KeyKind): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(KEYS[kind].algorithm, true, ["sign", "verify"]);
}

async function importKey(pem: string): Promise<CryptoKey> {
  const der = PemConverter.decodeFirst(pem);
  return await crypto.subtle.importKey("pkcs8", der, ECDSA, false, ["sign"]);
}

async function exportKey(key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  return `${PemConverter.encode(der, "PRIVATE KEY")}\n`;
}

function toPem(certificate: X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

/** 16 octets, positive and without leading zeros (RFC 5280, section 4.1.2.2, allows 20). */
function randomSerialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toHex();
}

function subjectOf({ commonName }: CertificateRequest): { CN: string[] }[] {
  return [{ CN: [commonName] }];
}

function generalName(host: string): { type: GeneralNameType; value: string } {
  return { type: isIP(host) === 0 ? "dns" : "ip", value: host };
}
