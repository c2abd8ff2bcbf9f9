import type { Config } from "./config.ts";
import { error, type Finding, warning } from "./finding.ts";

/** What is wrong between certificates, and with how they are got. */
export function verifyCertificates(config: Config): Finding[] {
  return [...certificateDefaults(config), ...acmeNeeds(config)];
}

function certificateDefaults({ certificates }: Config): Finding[] {
  const [, second] = certificates.flatMap((certificate, index) =>
    certificate.default ? [{ index, hosts: certificate.hosts }] : []
  );
  return second === undefined
    ? []
    : [error(["certificates", second.index, "default"], "another certificate is the default")];
}

/** What getting certificates takes of the rest. */
function acmeNeeds({ certificates, acme, listeners }: Config): Finding[] {
  const [first, ...more] = certificates.flatMap((certificate, index) =>
    certificate.acme === undefined ? [] : [{ index, name: certificate.acme[0] }]
  );
  if (first === undefined) {
    return acme === undefined
      ? []
      : [warning(["acme"], "no certificate is got by it: name some as certificates[].acme")];
  }
  const twice = more.find(({ name }, index) =>
    [first, ...more.slice(0, index)].some((other) => other.name === name)
  );
  const findings: Finding[] = twice === undefined ? [] : [
    error(["certificates", twice.index, "acme"], `another certificate begins with ${twice.name}`),
  ];
  if (acme === undefined) {
    const message = 'getting certificates takes "acme: { accept_terms: true }"';
    return [...findings, error(["certificates", first.index, "acme"], message)];
  }
  const plain = listeners.some(({ kind }) => kind !== "tls");
  const reading = listeners.some((listener) =>
    listener.kind === "tls" && listener.engine !== "deno"
  );
  const able = { "http-01": plain, "tls-alpn-01": reading, auto: plain || reading };
  const { challenge } = acme;
  return able[challenge]
    ? findings
    : [...findings, error(["acme", "challenge"], CHALLENGE_NEEDS[challenge])];
}

const CHALLENGE_NEEDS = {
  "http-01": "http-01 is answered by a plain listener, such as one with redirect: https",
  "tls-alpn-01": "tls-alpn-01 is answered by a TLS listener, of the openssl engine",
  auto:
    "a CA is answered by a plain listener, such as one with redirect: https, or by one of the " +
    "openssl engine",
};
