import type { RunningListener } from "../control/listener_set.ts";
import type { Config } from "../config/config.ts";
import { type Address, formatAddress } from "../core/address.ts";
import { formatServerAddress } from "../core/endpoint.ts";
import type { Certificate } from "../certificates/certificate.ts";
import type { DevelopmentFiles } from "../certificates/development_certificate.ts";

/** What is up, beyond the configuration itself. */
export interface Running {
  readonly config: Config;
  readonly listeners: readonly RunningListener[];
  /** Threads that serve. */
  readonly workers: number;
  /** What was read of the certificates, each in the place that it has in the configuration. */
  readonly certificates?: readonly Pick<Certificate, "placeholder">[];
  /** Where the development certificate stands in for a configured one. */
  readonly development: DevelopmentFiles | undefined;
  /** Whether the backend is the built-in demo. */
  readonly demo: boolean;
}

/** What the proxy says of itself once it is up, line by line. */
export function announce(
  { config, listeners, workers, certificates = [], development, demo }: Running,
): readonly string[] {
  const lines = listeners.map((listener) =>
    `listening on ${formatAddress(listener.address)}: ${whatOf(listener)}`
  );
  if (workers > 1) lines.push(`workers: ${workers}`);
  for (const [name, { servers }] of config.backends) {
    const where = servers.map(({ address }) => formatServerAddress(address)).join(", ");
    lines.push(demo ? `no --backend: the built-in demo on ${where}` : `backend ${name}: ${where}`);
  }
  if (development === undefined) {
    lines.push(
      ...config.certificates.map(({ cert, key, acme = [] }, index) =>
        certificates[index]?.placeholder === true
          ? `certificate: none for ${acme.join(", ")} yet, a CA is asked for it`
          : `certificate: ${cert} with ${key}`
      ),
    );
    return lines;
  }
  const { ca, cert, created } = development;
  const made = created ? "made now" : "made earlier";
  lines.push(`no --cert: the development certificate ${cert}, ${made}`);
  const [first] = listeners;
  const [asked] = config.listeners;
  if (first !== undefined && asked !== undefined && (demo || first.mode === "http")) {
    const { port } = first.address;
    lines.push(`try: curl --cacert ${ca} https://${authorityOf({ ...asked.listen, port })}/`);
  }
  return lines;
}

function whatOf({ mode, engine, engineReason }: RunningListener): string {
  if (mode === "redirect") return "redirects to https";
  return engine === undefined
    ? "plain HTTP by the routes"
    : `${mode}, ${engine} engine (${engineReason})`;
}

/** Where this machine reaches the listener, by a name in the certificate; a zone as RFC 6874 has it. */
function authorityOf({ host, port }: Address): string {
  const name = isLocal(host) ? "localhost" : host.replace("%", "%25");
  return formatAddress({ host: name, port });
}

/** Whether a listener there is reached as `localhost`, which is no other address of 127.0.0.0/8. */
export function isLocal(host: string): boolean {
  return ["0.0.0.0", "::", "127.0.0.1", "::1", "localhost"].includes(host);
}
