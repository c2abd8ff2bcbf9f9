/**
 * Makes a development CA and a certificate under `certs/`: `deno task certs`.
 *
 * Exit codes: 0 fine, 1 the files cannot be made, 2 wrong flags.
 */

import { parseArgs } from "node:util";
import { asProxyError, messageOf } from "../lib/core/errors.ts";
import {
  DEVELOPMENT_HOSTS,
  ensureDevelopmentCertificate,
} from "../lib/tls/development_certificate.ts";

const FOLDER = "certs";

const HELP = `Makes a development CA and a certificate signed by it, under ${FOLDER}/

Usage: deno task certs [--host NAME]...

  --host NAME   a further host name or IP address, beside ${DEVELOPMENT_HOSTS.join(", ")}
  -h, --help    this text

A certificate that is good for another day and covers the names is kept.`;

if (import.meta.main) Deno.exit(await main(Deno.args));

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
    print(Deno.stdout, await makeCertificates(flags.hosts));
    return 0;
  } catch (error) {
    print(Deno.stderr, asProxyError(error, "internal").message);
    return 1;
  }
}

async function makeCertificates(furtherHosts: readonly string[]): Promise<string> {
  const hosts = [...new Set([...DEVELOPMENT_HOSTS, ...furtherHosts])];
  const { ca, cert, key, created } = await ensureDevelopmentCertificate(FOLDER, hosts);
  return `${created ? "Made" : "Kept"} ${cert} and ${key} for ${hosts.join(", ")}
Clients that trust ${ca} accept it:

  curl --cacert ${ca} https://localhost:8443/`;
}

/** The flags, or what is wrong with them. */
function parseFlags(args: string[]): { help: boolean; hosts: readonly string[] } | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        host: { type: "string", multiple: true },
        help: { type: "boolean", short: "h" },
      },
    });
    return { help: values.help ?? false, hosts: values.host ?? [] };
  } catch (error) {
    // Its first line says what is wrong, the others how a dash would be escaped.
    return messageOf(error).split("\n", 1).join("").replace(/\.$/, "");
  }
}

function print(to: typeof Deno.stdout, text: string): void {
  to.writeSync(new TextEncoder().encode(`${text}\n`));
}
