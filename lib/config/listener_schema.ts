import * as z from "zod";
import type { Address } from "../core/address.ts";
import { CIPHER_SUITES, cipherSuite, GROUP_NAMES } from "../core/cipher_suites.ts";
import type { EngineName } from "../tls/engine.ts";
import { camelKeys, type Frozen } from "./camel_keys.ts";
import { pathPrefix } from "./route_schema.ts";
import { address, cidr } from "./schema_parts.ts";
import { nearest } from "./suggest.ts";

/** What listeners are in the file: see `yaml_schema`. */

/** What to say to who still asks for the engine that there was on `node:tls`. */
export const NODE_ENGINE_GONE =
  'there is no "node" engine any more: write openssl, which takes its place, or auto';

function unknownEngine({ input }: { readonly input?: unknown }): string | undefined {
  return input === "node" ? NODE_ENGINE_GONE : undefined;
}

/** Without quotes YAML makes a number of it. */
const tlsVersion = z.union([
  z.enum(["1.2", "1.3"]),
  z.literal([1.2, 1.3]).transform((version) => version === 1.3 ? "1.3" : "1.2"),
]);

const proxyProtocol = z.strictObject({
  from: z.array(cidr).min(1).meta({
    description: "Proxies in front: each of their connections has to begin with the header",
  }),
}).meta({
  description: "The PROXY protocol (v1 and v2) ahead of all else, which tells the client's address",
});

const TLS_ONLY = ["mode", "engine", "http2", "alpn", "tls"] as const;

const cipher = z.string().refine((name) => cipherSuite(name) !== undefined, {
  error: ({ input }) => {
    const known = CIPHER_SUITES.find(({ openssl }) => openssl === input);
    if (known !== undefined) return `"${input}" is ${known.name} here, as IANA has it`;
    const meant = nearest(String(input), CIPHER_SUITES.map(({ name }) => name));
    return `"${input}" is no cipher suite that is offered; ` +
      (meant === undefined ? "write one such as TLS_AES_128_GCM_SHA256" : `did you mean ${meant}?`);
  },
}).meta({ examples: ["TLS_AES_128_GCM_SHA256"] });

const group = z.string().refine((name) => GROUP_NAMES.includes(name), {
  error: ({ input }) => `"${input}" is none of the groups ${GROUP_NAMES.join(", ")}`,
}).meta({ examples: ["x25519"] });

const alpnName = z.string().regex(/^[\x21-\x7e]{1,255}$/, {
  error: "a protocol is 1 to 255 printable characters, such as postgresql",
}).meta({ examples: ["postgresql"] });

const tls = camelKeys(z.strictObject({
  min_version: tlsVersion.prefault("1.2").meta({
    description: "The oldest version of TLS; who cannot do it gets the alert protocol_version",
  }),
  strict_sni: z.boolean().default(false).meta({
    description:
      "Refuse a name that no certificate covers, by the alert unrecognized_name, instead of giving the default; who asks for none is served",
  }),
  ciphers: z.array(cipher).optional().meta({
    description:
      "Cipher suites, best first, of TLS 1.2 and 1.3 alike; a version of which there is none is not spoken; by default all with forward secrecy and authenticated encryption, ChaCha20 first for a client that has it first",
  }),
  groups: z.array(group).optional().meta({
    description:
      "Groups of the key exchange; by default x25519, secp256r1, secp384r1, and x25519mlkem768 where the library has it",
  }),
  session_tickets: z.boolean().default(true).meta({
    description:
      "Resume sessions by tickets; their keys are the same in all workers, and new every 12 h",
  }),
}));

/** What a listener asks of its clients' TLS; what is undefined the engine chooses. */
type TlsConfig = Frozen<z.output<typeof tls>>;

/** What is asked of TLS when nobody says otherwise. */
export const TLS_DEFAULTS = tls.parse({});

export type ListenerConfig = TlsListenerConfig | PlainListenerConfig | RedirectListenerConfig;

export interface TlsListenerConfig {
  readonly kind: "tls";
  readonly listen: Address;
  readonly mode: Mode;
  readonly engine: EngineName | "auto";
  /** Whether HTTP/2 is offered in http mode. */
  readonly http2: boolean;
  /** Protocols offered by ALPN in tcp mode, best first. */
  readonly alpn: readonly string[];
  readonly tls: TlsConfig;
  readonly proxyProtocol: ProxyProtocolConfig | undefined;
}

/** Plain HTTP by the routes. */
interface PlainListenerConfig {
  readonly kind: "plain";
  readonly listen: Address;
  /** Whether HTTP/2 is spoken to those who begin with it. */
  readonly http2: boolean;
  readonly proxyProtocol: ProxyProtocolConfig | undefined;
}

/** Plain HTTP that answers requests with 308 to https. */
interface RedirectListenerConfig {
  readonly kind: "redirect";
  readonly listen: Address;
  /** Prefixes of paths that go by the routes instead. */
  readonly except: readonly string[];
  readonly proxyProtocol: ProxyProtocolConfig | undefined;
}

/** Whose connections begin with a PROXY header, and nobody else's. */
type ProxyProtocolConfig = Frozen<z.output<typeof proxyProtocol>>;

/** What a listener does with the plaintext. */
export type Mode = "http" | "tcp";

export const listener = z.strictObject({
  listen: address("Where to listen: host:port or [v6]:port"),
  mode: z.enum(["http", "tcp"]).optional().meta({
    description: "HTTP requests, or opaque bytes",
    default: "http",
  }),
  engine: z.enum(["auto", "openssl", "deno"], { error: unknownEngine }).optional().meta({
    description: "What does the TLS; auto takes the best that this machine has",
    default: "auto",
  }),
  http2: z.boolean().optional().meta({
    description:
      "Offer HTTP/2 to clients, by ALPN, and without TLS speak it by prior knowledge; false speaks HTTP/1.1 alone",
    default: true,
  }),
  alpn: z.array(alpnName).optional().meta({
    description: "In tcp mode the protocols offered, best first; in http mode they are HTTP's own",
  }),
  tls: z.union([z.literal(false), tls]).optional().meta({
    description: "Details of TLS; false for plain HTTP by the same routes",
  }),
  redirect: z.literal("https").optional().meta({
    description:
      "Plain HTTP that answers 308 to the same URL with https, at its port 443; no TLS beside it",
  }),
  except: z.array(pathPrefix).min(1).optional().meta({
    description: "Beside redirect: paths that go by the routes instead",
    examples: [["/.well-known/"]],
  }),
  proxy_protocol: proxyProtocol.optional(),
}).transform((parsed, context): ListenerConfig => {
  const {
    listen,
    redirect,
    mode,
    engine,
    http2,
    alpn,
    tls,
    except,
    proxy_protocol: proxyProtocol,
  } = parsed;
  if (redirect === undefined && except !== undefined) {
    const message = '"except" is for a listener that redirects';
    context.addIssue({ code: "custom", path: ["except"], message });
  }
  if (redirect === undefined && tls === false) {
    for (const [key, value] of Object.entries({ mode, engine, alpn })) {
      if (value === undefined || value === "http") continue;
      const message = `"${key}" means nothing for a listener of plain HTTP`;
      context.addIssue({ code: "custom", path: [key], message });
    }
    return { kind: "plain", listen, http2: http2 ?? true, proxyProtocol };
  }
  if (redirect === undefined) {
    if (mode === "tcp" && http2 !== undefined) {
      const message = `"http2" means nothing in tcp mode`;
      context.addIssue({ code: "custom", path: ["http2"], message });
    }
    if (alpn !== undefined && mode !== "tcp") {
      const message = '"alpn" is for tcp mode: in http mode it is what HTTP asks for';
      context.addIssue({ code: "custom", path: ["alpn"], message });
    }
    return {
      kind: "tls",
      listen,
      mode: mode ?? "http",
      engine: engine ?? "auto",
      http2: http2 ?? true,
      alpn: alpn ?? [],
      tls: tls || TLS_DEFAULTS,
      proxyProtocol,
    };
  }
  const given = { mode, engine, http2, alpn, tls };
  for (const key of TLS_ONLY.filter((key) => given[key] !== undefined)) {
    const message = `"${key}" means nothing for a listener that redirects`;
    context.addIssue({ code: "custom", path: [key], message });
  }
  return { kind: "redirect", listen, except: except ?? [], proxyProtocol };
});
