import type { Config, RouteConfig, TlsListenerConfig } from "../config/config.ts";
import { templatesOf } from "../config/route_templates.ts";
import { HTTP10, HTTP11, HTTP2 } from "../http/alpn.ts";
import { names, parseTemplate } from "../http/template.ts";
import { portKeeper } from "../ports/port_keeper.ts";
import { chooseEngine, type EngineChoice, type Need } from "../tls/choose_engine.ts";
import { denoEngine, denoEngineUnavailable } from "../tls/deno_engine.ts";
import { openSslMute, openSslUnavailable } from "../tls/openssl/library.ts";
import type { Capability } from "../tls/engine.ts";
import { opensslEngine } from "../tls/openssl_engine.ts";
import type { TlsPolicy } from "../tls/policy.ts";
import { challengesOf } from "./acme_challenges.ts";

/** The engines of a machine: why one cannot run there, and what it does worse there. */
export interface Machine {
  /** `mute`: why it cannot run for a listener that answers ALPN. */
  readonly openssl: {
    readonly unavailable?: string | undefined;
    readonly mute?: string | undefined;
  };
  readonly deno: { readonly unavailable?: string | undefined; readonly handicap?: string };
}

/**
 * The engine of a listener, and why.
 *
 * @param machine by default this process, as it is
 * @throws {ProxyError} `bad_config` where none can do what is asked
 */
export function engineOf(
  listener: TlsListenerConfig,
  config: Config,
  machine: Machine = thisMachine(),
): EngineChoice {
  return chooseEngine({
    wanted: listener.engine,
    needs: needsOf(listener, config),
    openssl: {
      can: opensslEngine.can,
      unavailable: machine.openssl.unavailable ??
        (answersAlpn(listener, config) ? machine.openssl.mute : undefined),
    },
    deno: { can: denoEngine.can, unavailable: undefined, ...machine.deno },
  });
}

function thisMachine(): Machine {
  const noLibrary = portKeeper().unavailable;
  return {
    openssl: { unavailable: openSslUnavailable(), mute: openSslMute() },
    deno: {
      unavailable: denoEngineUnavailable(),
      ...(noLibrary === undefined ? {} : {
        handicap: "answers of more than 16 KiB wait for acknowledgements, and clients that are " +
          `cut off keep their connections, as ${noLibrary}`,
      }),
    },
  };
}

/** The protocols that a listener offers by ALPN (RFC 7301), best first. */
export function alpnOf({ mode, http2, alpn }: TlsListenerConfig): readonly string[] {
  if (mode === "tcp") return alpn;
  return [...(http2 ? [HTTP2] : []), HTTP11, HTTP10];
}

/** Whether a listener answers ALPN, be it to a CA alone that looks whether a name is ours. */
export function answersAlpn(listener: TlsListenerConfig, config: Config): boolean {
  return alpnOf(listener).length > 0 || challengesOf(config).includes("tls-alpn-01");
}

/** What a listener asks of its clients' TLS, in the engines' words. */
export function tlsPolicyOf({ tls }: TlsListenerConfig): TlsPolicy {
  return { ...tls, minVersion: tls.minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2" };
}

function needsOf(
  { mode, engine, tls, proxyProtocol }: TlsListenerConfig,
  config: Config,
): Need[] {
  // nobody asks for it where the engine that cannot was asked for
  const challenges = engine === "deno" ? [] : challengesOf(config);
  const byName = mode === "tcp" && config.routes.some(({ hosts }) => hosts.length > 0);
  const several = config.certificates.length > 1;
  const needs: (Need | false)[] = [
    several && must("certificates_by_name", "there is more than one certificate"),
    several && should("resumption_by_name", "sessions are to be resumed"),
    several &&
    shouldGravely(
      "hello_in_pieces",
      "clients whose hello comes in several packets are to be served",
    ),
    tls.strictSni && must("strict_sni", "unknown names are to be refused"),
    tls.minVersion !== "1.2" && must("min_version", "a version is asked for"),
    proxyProtocol !== undefined &&
    must("proxy_header", "proxies in front tell their clients' addresses ahead of TLS"),
    config.routes.some(({ passthrough }) => passthrough) &&
    must("passthrough", "TLS of some names is to stay their servers'"),
    config.clientAuth.length > 0 &&
    must("client_certificates", "clients are asked for certificates"),
    challenges[0] === "tls-alpn-01" &&
    must("authority_answer", "a CA looks by tls-alpn-01 whose the names are"),
    tls.ciphers !== undefined && must("cipher_choice", "cipher suites are chosen"),
    tls.groups !== undefined && must("group_choice", "groups of the key exchange are chosen"),
    !tls.sessionTickets && must("ticket_choice", "session tickets are switched off"),
    byName && must("sni_facts", "tcp connections are routed by SNI"),
    mode === "http" && config.routes.some(namesSni) &&
    shouldGravely("sni_facts", "{sni} in rules is to be the name of the handshake"),
    mode === "tcp" &&
    should("truncation_shown", "a tcp connection that is broken off must not look complete"),
    config.log.tls && should("protocol_facts", "protocol, cipher and SNI are to be logged"),
  ];
  return needs.filter((need) => need !== false);
}

/** Without it an engine would do something else than was asked. */
function must(capability: Capability, why: string): Need {
  return { capability, why, strict: true };
}

/** Without it an engine does less. */
function should(capability: Capability, why: string): Need {
  return { capability, why, strict: false };
}

/** Without it an engine does less, and something fails by that. */
function shouldGravely(capability: Capability, why: string): Need {
  return { ...should(capability, why), grave: true };
}

function namesSni(route: RouteConfig): boolean {
  return templatesOf(route).some(([, value]) => names(parseTemplate(value), "sni"));
}
