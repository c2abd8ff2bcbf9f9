/**
 * Makes a development CA and certificates under `certs/`: `deno task certs`.
 *
 * Exit codes: 0 fine, 1 the files cannot be made, 2 wrong flags.
 */

import { parseArgs } from "node:util";
import { asProxyError } from "../lib/core/errors.ts";
import {
  checkedRequest,
  DEVELOPMENT_HOSTS,
  type DevelopmentFiles,
  type DevelopmentRequest,
  ensureCertificate,
} from "../lib/certificates/development_certificate.ts";
import type { KeyKind } from "../lib/certificates/certificate_authority.ts";
import { flagTrouble, print } from "./command_line.ts";

const FOLDER = "certs";

const HELP = `Makes a development CA and certificates signed by it, under ${FOLDER}/

Usage: deno task certs [--host NAME]... [--client NAME]... [--rsa] [--days N]

  --host NAME    a further host name, *.NAME or IP address, beside ${DEVELOPMENT_HOSTS.join(", ")}
  --client NAME  a certificate for a client of this name, too; may repeat
  --rsa          with RSA keys, in files of their own; else ECDSA
  --days N       how long they are valid
  -h, --help     this text

What is there is kept while it is good for another day and is what was asked for.
Files are of mode 0600. Git ignores them: keys are for one machine only.`;

async function main(args: string[]): Promise<number> {
  const flags = parseFlags(args);
  if (typeof flags === "string") {
    print(Deno.stderr, `${flags}; see deno task certs --help`);
    return 2;
  }
  if (flags.help) {
    print(Deno.stdout, HELP);
    return 0;
  }
  try {
    print(Deno.stdout, await makeCertificates(flags));
    return 0;
  } catch (error) {
    print(Deno.stderr, asProxyError(error, "internal").message);
    return 1;
  }
}

interface Flags {
  readonly help: boolean;
  readonly hosts: readonly string[];
  readonly clients: readonly string[];
  readonly common: { readonly keyKind: KeyKind; readonly days?: number };
}

async function makeCertificates(flags: Flags): Promise<string> {
  const { hosts, clients } = flags;
  const files = await ensureCertificate(FOLDER, serverRequest(flags));
  const lines = [`${madeOrKept(files)} for ${hosts.join(", ")}`];
  for (const name of clients) {
    const client = await ensureCertificate(FOLDER, clientRequest(flags, name));
    lines.push(`${madeOrKept(client)} for the client ${name}`);
  }
  return [...lines, trust(files.ca)].join("\n");
}

function serverRequest({ common, hosts }: Flags): DevelopmentRequest {
  return { ...common, kind: "server", hosts };
}

function clientRequest({ common }: Flags, name: string): DevelopmentRequest {
  return { ...common, kind: "client", name };
}

function madeOrKept({ cert, key, created }: DevelopmentFiles): string {
  return `${created ? "Made" : "Kept"} ${cert} and ${key}`;
}

function trust(ca: string): string {
  return `Clients that trust ${ca} accept it:

  curl --cacert ${ca} https://localhost:8443/

To have this whole machine trust it, and every certificate made with its key:

  ${SYSTEM_TRUST[Deno.build.os === "darwin" ? "darwin" : "linux"](ca)}`;
}

const SYSTEM_TRUST = {
  darwin: (ca: string) =>
    `sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${ca}`,
  // Debian's and its descendants' way; others have trust(1)
  linux: (ca: string) =>
    `sudo install -m 644 ${ca} /usr/local/share/ca-certificates/tls-proxy-development.crt && ` +
    "sudo update-ca-certificates",
};

/** The flags, or what is wrong with them. */
function parseFlags(args: string[]): Flags | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        host: { type: "string", multiple: true },
        client: { type: "string", multiple: true },
        rsa: { type: "boolean" },
        days: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
    const flags: Flags = {
      help: values.help ?? false,
      hosts: [...new Set([...DEVELOPMENT_HOSTS, ...values.host ?? []])],
      clients: values.client ?? [],
      common: {
        keyKind: values.rsa === true ? "rsa" : "ecdsa",
        ...(values.days === undefined ? {} : { days: daysOf(values.days) }),
      },
    };
    checkedRequest(serverRequest(flags));
    for (const name of flags.clients) checkedRequest(clientRequest(flags, name));
    return flags;
  } catch (error) {
    return flagTrouble(error);
  }
}

function daysOf(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`"${text}" is no number of days`);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
