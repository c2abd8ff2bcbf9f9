import * as z from "zod";
import { parseAddress } from "../core/address.ts";
import { ipAddress, normalizeHostPattern } from "../core/host_name.ts";
import { camelKeys } from "./camel_keys.ts";
import { hostPattern, plainDuration, text } from "./schema_parts.ts";

/** What certificates are in the file, and who is asked for one: see `yaml_schema`. */

/** The directory of Let's Encrypt. */
const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";

/** A PEM pair: files of the user's, or what the proxy gets from a CA and keeps in its store. */
export interface CertificateConfig {
  /** The names to get it for (RFC 8555); undefined for files of the user's. */
  readonly acme?: readonly string[] | undefined;
  readonly cert: string;
  readonly key: string;
  readonly passphraseFile: string | undefined;
  /** The names it is given for; undefined for those in the certificate. */
  readonly hosts: readonly string[] | undefined;
  readonly default: boolean;
}

const fileCertificate = camelKeys(z.strictObject({
  cert: z.string().min(1).meta({ description: "PEM file of the chain, leaf first" }),
  key: z.string().min(1).meta({
    description:
      "PEM file of the private key: RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, Ed25519",
  }),
  passphrase_file: z.string().min(1).optional().meta({
    description: "File that holds the passphrase of an encrypted key",
  }),
  hosts: z.array(hostPattern).min(1, {
    error: '"hosts" must not be empty: leave it out for the names in the certificate',
  }).optional().meta({
    description: "Names it is given for; by default those in the certificate",
  }),
  default: z.boolean().default(false).meta({
    description: "Given where no other covers the name, and where no name is sent",
  }),
}));

const acmeName = text("A host name", "www.example.com", (value) => {
  const name = normalizeHostPattern(value);
  if (name === undefined) throw new Error(`"${value}" is not a host name`);
  if (name.startsWith("*.")) {
    throw new Error(
      `"${value}" would need DNS-01, which is not offered: name the hosts one by one`,
    );
  }
  if (ipAddress(value) !== undefined) throw new Error(`"${value}" is an address, not a host name`);
  return name;
});

const acmeCertificate = z.strictObject({
  acme: z.array(acmeName).min(1).max(100).meta({
    description: "Names of a certificate that the proxy gets, renews and keeps by itself",
  }),
  default: z.boolean().default(false).meta({
    description: "Given where no other covers the name, and where no name is sent",
  }),
}).transform(({ acme, default: byDefault }): CertificateConfig => ({
  ...{ acme, cert: "", key: "", passphraseFile: undefined },
  hosts: acme,
  default: byDefault,
}));

export const certificate = z.union([
  fileCertificate.transform((files): CertificateConfig => files),
  acmeCertificate,
]);

/** What is wrong with a text; of what is no text that alone is to be said. */
function ofFormat(message: string) {
  return ({ code }: { readonly code?: string | undefined }) =>
    code === "invalid_format" ? message : undefined;
}

export const acme = camelKeys(z.strictObject({
  directory: z.url({
    protocol: /^https$/,
    error: ofFormat("not the https URL of a directory"),
  }).default(
    LETS_ENCRYPT,
  ).meta({ description: "The CA's directory; by default that of Let's Encrypt" }),
  email: z.email({ error: ofFormat("not an address of mail") }).optional().meta({
    description: "Where the CA writes to",
  }),
  accept_terms: z.literal(true, { error: '"accept_terms" must be true: the CA asks for it' }).meta({
    description: "That the CA's terms of service are agreed to",
  }),
  challenge: z.enum(["auto", "http-01", "tls-alpn-01"]).default("auto").meta({
    description: "How the CA is shown that a name is ours; auto takes what the listeners allow",
  }),
  store: z.string().min(1).default("acme").meta({
    description: "Folder of the account and of the certificates, for its owner alone",
  }),
  key_type: z.enum(["ecdsa", "rsa"]).default("ecdsa").meta({ description: "Of new certificates" }),
  renew_before: plainDuration(
    "Before the end; by default, and where this is nearly the whole life or more, a third of the life",
  ).optional(),
  ca_file: z.string().min(1).optional().meta({
    description:
      "PEM file of the CA that the directory's own certificate is from, for private ones",
  }),
  eab: camelKeys(z.strictObject({
    kid: z.string().min(1).meta({ description: "What the CA calls the account outside of ACME" }),
    hmac_file: z.string().min(1).meta({ description: "File that holds its key, as base64url" }),
  })).optional().meta({ description: "External account binding, for CAs that ask for it" }),
}));

export const cluster = camelKeys(z.strictObject({
  redis: text("host:port of a Redis or Valkey", "127.0.0.1:6379", (value) => {
    const parsed = parseAddress(value);
    if (parsed.port === 0) throw new Error(`"${value}": a Redis needs a port`);
    return parsed;
  }),
  tls: z.boolean().default(false).meta({ description: "Whether it is spoken to by TLS" }),
  ca_file: z.string().min(1).optional().meta({
    description: "PEM file of the CA of its certificate, for private ones",
  }),
  password_file: z.string().min(1).optional().meta({ description: "File that holds its password" }),
  prefix: z.string().min(1).max(100).default("tls-proxy:").meta({
    description: "In front of every key: replicas of one proxy have the same",
  }),
}));

export const clientAuth = camelKeys(z.strictObject({
  hosts: z.array(hostPattern).min(1, {
    error: '"hosts" must not be empty: leave it out for all names that no other entry has',
  }).default([]).meta({
    description: "The names under which it is asked; none for all that no other entry names",
  }),
  ca: z.string().min(1).meta({ description: "PEM file of the authorities that are believed" }),
  mode: z.enum(["require", "optional"]).default("require").meta({
    description: "Whether a client without a certificate is refused",
  }),
  crl: z.string().min(1).optional().meta({ description: "PEM file of what they have revoked" }),
}));
