/** How servers are spoken TLS to, and what makes them believed: plain data. */
export interface ServerTls {
  /** The authorities that are believed, as PEM; undefined for the system's. */
  readonly ca: string | undefined;
  /** What the certificate has to be for; undefined for the server's own host. */
  readonly name: string | undefined;
  /** What is shown to a server that asks for a certificate. */
  readonly shown: { readonly certPem: string; readonly keyPem: string } | undefined;
  /** Whether servers have to prove who they are. */
  readonly verify: boolean;
  /** Tells any change of all of that, and nothing of the key. */
  readonly digest: string;
}

/** Codes of `SSL_get_verify_result` (x509_vfy.h), by what they come to for a person. */
const REASONS: readonly (readonly [codes: readonly number[], reason: string])[] = [
  [[10], "has expired"],
  [[9], "is not valid yet"],
  [[2, 18, 19, 20, 21, 27], "is of an unknown CA"],
  [[23], "was revoked"],
  [[62, 63, 64], "is for another name"],
  [[24, 26, 79], "is not for this use"],
];

/**
 * Why a server's certificate is not believed, in words for the log.
 *
 * @param code of `SSL_get_verify_result`
 * @param detail the library's own words
 */
export function whyNotBelieved(code: number, detail: string, name: string | undefined): string {
  const reason = REASONS.find(([codes]) => codes.includes(code))?.[1];
  if (reason === undefined) return `its certificate is not believed: ${detail}`;
  const asked = code >= 62 && code <= 64 && name !== undefined ? ` than ${name}` : "";
  return `its certificate ${reason}${asked} (${detail})`;
}
