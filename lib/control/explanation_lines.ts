import { plural } from "../core/plural.ts";
import type { Explanation } from "./explain.ts";

/** An explanation as lines for a terminal. */
export function explanationLines(explanation: Explanation): string[] {
  const { listener, engine, certificate, route, rules, backend, addedHeaders, answer } =
    explanation;
  const { clientAuth, passthrough, tls } = explanation;
  const lines = [explanation.url];
  const say = (label: string, text: string) => lines.push(`  ${label.padEnd(12)} ${text}`);
  say("listener", `${listener.address}, ${listener.mode}`);
  if (listener.proxyProtocolFrom !== undefined) {
    say("behind", `${listener.proxyProtocolFrom.join(", ")}: a PROXY header tells the client`);
  }
  if (tls !== undefined) say("tls", tls.join("; "));
  if (engine !== undefined) say("engine", `${engine.name}: ${engine.reason}`);
  if (certificate !== undefined) {
    const { file, match, expiresInDays, missing } = certificate;
    const days = plural(Math.abs(expiresInDays), "day");
    const expiry = expiresInDays < 0 ? `expired ${days} ago` : `expires in ${days}`;
    const state = missing ? "not there yet: until then the handshake is refused" : expiry;
    say("certificate", `${file}: ${MATCHES[match]}; ${state}`);
  }
  if (clientAuth !== undefined) {
    say("client cert", `${clientAuth.mode}, of ${clientAuth.ca}`);
  }
  if (passthrough === true) say("passthrough", "TLS is the server's, the ClientHello as it came");
  if (route !== undefined) say("route", routeLine(route));
  for (const rule of rules ?? []) say("rule", rule);
  if (backend !== undefined) {
    say("backend", `${backend.name}: ${backend.servers.join(", ")}`);
    say("balance", backend.balance);
    if (backend.sticky !== undefined) say("sticky", backend.sticky);
    say("health", backend.health);
    if (backend.protocol !== undefined) say("protocol", backend.protocol);
    if (backend.proxyProtocol !== undefined) say("tells", backend.proxyProtocol);
    if (backend.tls !== undefined) say("tls", backend.tls);
  }
  for (const [name, value] of Object.entries(addedHeaders ?? {})) {
    say("adds", `${name}: ${value}`);
  }
  if (answer !== undefined) {
    say(
      "answer",
      answer.status === undefined ? answer.reason : `${answer.status}: ${answer.reason}`,
    );
  }
  return lines;
}

function routeLine({ number, hosts, paths, methods, headers }: NonNullable<Explanation["route"]>) {
  const conditions = [
    hosts.length === 0 ? "every host" : hosts.join(", "),
    paths.length === 0 ? "every path" : paths.join(", "),
    ...(methods === undefined ? [] : [methods.join(", ")]),
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${number}, the first that matches: ${conditions.join("; ")}`;
}

const MATCHES = {
  exact: "it has this very name",
  wildcard: "its wildcard covers the name",
  default: "the default, as none covers the name",
} as const;
