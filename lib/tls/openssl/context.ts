import { createHash } from "node:crypto";
import { ProxyError } from "../../core/errors.ts";
import { CIPHER_SUITES, cipherSuite, opensslGroup } from "../../core/cipher_suites.ts";
import { agreeing } from "../../core/plural.ts";
import {
  type ClientAuth,
  DEFAULT_POLICY,
  type TlsPolicy,
  type TlsVersion,
  versionsOf,
} from "../policy.ts";
import {
  CTRL,
  MODE,
  OPTION,
  SESSION_CONTEXT_BYTES,
  STORE_FLAG,
  VERIFY,
  VERSION,
} from "./binding.ts";
import { takeError } from "./error_queue.ts";
import { cString, type OpenSsl, openSsl, type Pointer } from "./library.ts";
import { readCrls, readKey, readX509s } from "./pem_objects.ts";
import type { TicketKeys } from "./ticket_keys.ts";

/** What a server proves itself with, and what it asks of its clients. */
export interface ServerContextOptions {
  readonly certPem: string;
  readonly keyPem: string;
  readonly policy: TlsPolicy;
  readonly clientAuth?: ClientAuth | undefined;
  readonly tickets: TicketKeys;
}

/** What a client shows, and whom it believes. */
export interface ClientContextOptions {
  /** The authorities that are believed, as PEM; undefined for the system's. */
  readonly ca: string | undefined;
  readonly shown: { readonly certPem: string; readonly keyPem: string } | undefined;
  readonly verify: boolean;
  /** The protocols to offer, best first; none for no offer. */
  readonly alpn: readonly string[];
}

/**
 * One `SSL_CTX`. Each `SSL` that was made of it counts it, so it goes with the last of them once it
 * is not reachable here any more.
 */
export class TlsContext {
  readonly pointer: Pointer;
  readonly tickets: TicketKeys | undefined;
  /**
   * Whether a client gets a ticket only for what it has proved, by TLS 1.3: see `client_proof`. One
   * of TLS 1.2 gets none.
   */
  ticketsByProof = false;
  /** The newest set of ticket keys that it has been given. */
  #sealsWith: Uint8Array<ArrayBuffer> | undefined;

  private constructor(pointer: Pointer, tickets?: TicketKeys) {
    this.pointer = pointer;
    this.tickets = tickets;
    FORGOTTEN.register(this, pointer);
  }

  /** @throws {ProxyError} `bad_config` where the library does not take the certificate or a choice */
  static forServer(options: ServerContextOptions): TlsContext {
    const openssl = openSsl();
    const context = new TlsContext(
      made(openssl, openssl.ssl.SSL_CTX_new(openssl.ssl.TLS_server_method())),
      options.tickets,
    );
    const { pointer } = context;
    const { policy, clientAuth } = options;
    useCertificate(openssl, pointer, options);
    applyPolicy(openssl, pointer, policy);
    keepSessions(openssl, pointer, sessionContext(options));
    if (clientAuth !== undefined) {
      askForCertificate(openssl, pointer, clientAuth);
      keepNoSessions(openssl, pointer);
      context.ticketsByProof = policy.sessionTickets !== false;
    }
    const { alpn, ssl, crypto } = openssl;
    if (alpn !== undefined) ssl.SSL_CTX_set_alpn_select_cb(pointer, alpn.pointer, null);
    context.useTicketKeys(options.tickets.newest);
    crypto.ERR_clear_error();
    return context;
  }

  /** Whether the library has all that is asked. @throws {ProxyError} `bad_config` where not */
  static tryPolicy(policy: TlsPolicy): void {
    const openssl = openSsl();
    const { ssl } = openssl;
    const { pointer } = new TlsContext(made(openssl, ssl.SSL_CTX_new(ssl.TLS_server_method())));
    applyPolicy(openssl, pointer, policy);
  }

  /** A client that believes every server, to try a server with. */
  static forTrial(): TlsContext {
    const openssl = openSsl();
    const { ssl } = openssl;
    return new TlsContext(made(openssl, ssl.SSL_CTX_new(ssl.TLS_client_method())));
  }

  /**
   * What servers are spoken to with.
   *
   * @throws {ProxyError} `bad_config` where the library takes what is shown or trusted not
   */
  static forClient(options: ClientContextOptions): TlsContext {
    const openssl = openSsl();
    const { ssl, crypto } = openssl;
    const context = new TlsContext(
      made(openssl, ssl.SSL_CTX_new(ssl.TLS_client_method())),
    );
    const { pointer } = context;
    const { ca, shown, verify, alpn } = options;
    if (shown !== undefined) useCertificate(openssl, pointer, shown);
    applyPolicy(openssl, pointer, DEFAULT_POLICY);
    if (verify) trust(openssl, pointer, ca);
    if (alpn.length > 0) {
      const names = alpnNames(alpn);
      ssl.SSL_CTX_set_alpn_protos(pointer, names, names.length);
    }
    crypto.ERR_clear_error();
    return context;
  }

  /** Seals and opens tickets with these keys from now on. */
  useTicketKeys(keys: Uint8Array<ArrayBuffer>): void {
    if (this.#sealsWith === keys) return;
    this.#sealsWith = keys;
    const { ssl } = openSsl();
    ssl.SSL_CTX_ctrl_bytes(this.pointer, CTRL.ticket_keys, BigInt(keys.length), keys);
  }
}

const FORGOTTEN = new FinalizationRegistry<Pointer>((pointer) =>
  openSsl().ssl.SSL_CTX_free(pointer)
);

/**
 * What makes a session one of this context and of no other: it is resumed only where the name has
 * led to the same certificate, and the client has to prove the same.
 */
function sessionContext({ certPem, policy, clientAuth }: ServerContextOptions) {
  const facts = JSON.stringify([certPem, policy, clientAuth]);
  return new Uint8Array(createHash("sha256").update(facts).digest()).slice(
    0,
    SESSION_CONTEXT_BYTES,
  );
}

function useCertificate(
  openssl: OpenSsl,
  context: Pointer,
  { certPem, keyPem }: Pick<ServerContextOptions, "certPem" | "keyPem">,
): void {
  const { ssl, crypto } = openssl;
  const [leaf, ...chain] = readX509s(openssl, certPem);
  if (leaf === undefined) throw new ProxyError("bad_config", "there is no certificate in it");
  const key = readKey(openssl, keyPem);
  try {
    check(openssl, crypto.X509_check_private_key(leaf, key));
    check(openssl, ssl.SSL_CTX_use_certificate(context, leaf));
    check(openssl, ssl.SSL_CTX_use_PrivateKey(context, key));
    for (const certificate of chain) {
      check(openssl, Number(ssl.SSL_CTX_ctrl(context, CTRL.chain_certificate, 1n, certificate)));
    }
  } finally {
    for (const certificate of [leaf, ...chain]) crypto.X509_free(certificate);
    crypto.EVP_PKEY_free(key);
  }
}

function applyPolicy(openssl: OpenSsl, context: Pointer, policy: TlsPolicy): void {
  const { ssl } = openssl;
  const versions = versionsOf(policy);
  const limits = [[CTRL.min_version, versions[0]], [CTRL.max_version, versions.at(-1)]] as const;
  for (const [limit, version] of limits) {
    if (version === undefined) throw new ProxyError("bad_config", "no version of TLS is left");
    ssl.SSL_CTX_ctrl(context, limit, BigInt(VERSION_NUMBERS[version]), null);
  }
  const { ciphers, groups, sessionTickets = true } = policy;
  ssl.SSL_CTX_set_options(
    context,
    OPTION.no_renegotiation | OPTION.no_compression | OPTION.cipher_server_preference |
      (sessionTickets ? 0n : OPTION.no_ticket) |
      (ciphers === undefined ? OPTION.prioritize_chacha : 0n),
  );
  if (!sessionTickets) ssl.SSL_CTX_set_num_tickets(context, 0n);
  const modes = MODE.accept_moving_write_buffer | MODE.release_buffers;
  ssl.SSL_CTX_ctrl(context, CTRL.mode, BigInt(modes), null);
  useCiphers(openssl, context, ciphers ?? DEFAULT_CIPHERS);
  if (groups !== undefined) useGroups(openssl, context, groups);
  else DEFAULT_GROUPS.some((list) => takesGroups(openssl, context, list));
  ssl.SSL_CTX_set_recv_max_early_data(context, EARLY_DATA_BYTES);
}

/** TLS 1.2 and 1.3 have a list each; a version without one is not spoken. */
function useCiphers(openssl: OpenSsl, context: Pointer, names: readonly string[]): void {
  const { ssl } = openssl;
  const listOf = (wanted: TlsVersion) =>
    names.map(cipherSuite).filter((suite) => suite?.version === wanted)
      .map((suite) => suite?.openssl).join(":");
  const [old, modern] = [listOf("TLSv1.2"), listOf("TLSv1.3")];
  if (old !== "") check(openssl, ssl.SSL_CTX_set_cipher_list(context, cString(old)));
  if (modern !== "") check(openssl, ssl.SSL_CTX_set_ciphersuites(context, cString(modern)));
}

function useGroups(openssl: OpenSsl, context: Pointer, groups: readonly string[]): void {
  const names = [...new Set(groups.map((name) => opensslGroup(name) ?? name))];
  // OpenSSL before 3.5 refuses a list that names one twice
  if (takesGroups(openssl, context, names.join(":"))) return;
  const missing = groups.filter((name) =>
    !takesGroups(openssl, context, opensslGroup(name) ?? name)
  );
  const what = agreeing(missing.length, "group", "groups");
  throw new ProxyError(
    "bad_config",
    `${openssl.version} does not have the ${what} ${missing.join(", ")}`,
  );
}

/** Whether the library knows all of a list of its own names for groups, and has taken it. */
function takesGroups({ ssl, crypto }: OpenSsl, context: Pointer, list: string): boolean {
  const taken = Number(ssl.SSL_CTX_ctrl_bytes(context, CTRL.groups_list, 0n, cString(list))) === 1;
  if (!taken) crypto.ERR_clear_error();
  return taken;
}

/** Has servers prove who they are. */
function trust(openssl: OpenSsl, context: Pointer, ca: string | undefined): void {
  const { ssl, crypto } = openssl;
  ssl.SSL_CTX_set_verify(context, VERIFY.peer, null);
  if (ca === undefined) return check(openssl, ssl.SSL_CTX_set_default_verify_paths(context));
  const store = ssl.SSL_CTX_get_cert_store(context);
  for (const authority of readX509s(openssl, ca)) {
    crypto.X509_STORE_add_cert(store, authority);
    crypto.X509_free(authority);
  }
  // who is named is believed, whoever has signed its own certificate
  crypto.X509_STORE_set_flags(store, STORE_FLAG.partial_chain);
}

/** RFC 7301, section 3.1. */
function alpnNames(alpn: readonly string[]): Uint8Array<ArrayBuffer> {
  const encoded = alpn.map((name) => new TextEncoder().encode(name));
  return Uint8Array.from(encoded.flatMap((name) => [name.length, ...name]));
}

/** Asks every client for a certificate of one of these authorities (RFC 8446, section 4.3.2). */
function askForCertificate(
  openssl: OpenSsl,
  context: Pointer,
  { ca, crl, mode }: ClientAuth,
): void {
  const { ssl, crypto } = openssl;
  const store = ssl.SSL_CTX_get_cert_store(context);
  for (const authority of readX509s(openssl, ca)) {
    crypto.X509_STORE_add_cert(store, authority);
    ssl.SSL_CTX_add_client_CA(context, authority);
    crypto.X509_free(authority);
  }
  if (crl === undefined) {
    // who is named is believed, whoever has signed its own certificate
    crypto.X509_STORE_set_flags(store, STORE_FLAG.partial_chain);
  } else {
    for (const list of readCrls(openssl, crl)) {
      check(openssl, crypto.X509_STORE_add_crl(store, list));
      crypto.X509_CRL_free(list);
    }
    // not beside a chain that ends on its way: the library then looks for a list of its last one too,
    // and takes that one for the issuer of the list
    crypto.X509_STORE_set_flags(store, STORE_FLAG.crl_check | STORE_FLAG.crl_check_all);
  }
  const required = mode === "require" ? VERIFY.required : VERIFY.none;
  ssl.SSL_CTX_set_verify(context, VERIFY.peer | required, null);
}

function keepSessions(
  { ssl }: OpenSsl,
  context: Pointer,
  id: Uint8Array<ArrayBuffer>,
): void {
  ssl.SSL_CTX_set_session_id_context(context, id, id.length);
  ssl.SSL_CTX_ctrl(context, CTRL.session_cache_size, SESSIONS, null);
}

/** Where clients prove who they are, no session is kept and no ticket given unasked. */
function keepNoSessions({ ssl }: OpenSsl, context: Pointer): void {
  ssl.SSL_CTX_ctrl(context, CTRL.session_cache_mode, 0n, null);
  ssl.SSL_CTX_set_num_tickets(context, 0n);
}

function made(openssl: OpenSsl, pointer: Deno.PointerValue): Pointer {
  if (pointer !== null) return pointer;
  const why = takeError(openssl);
  const whose = "OpenSSL makes no TLS as this system has configured it (openssl.cnf, OPENSSL_CONF)";
  throw new ProxyError("unavailable", `${whose}: ${why}`);
}

function check(openssl: OpenSsl, result: number): void {
  if (result !== 1) throw new ProxyError("bad_config", takeError(openssl));
}

/** Ours is the order, but for a client that has ChaCha first: its machine is slow at AES. */
const DEFAULT_CIPHERS = CIPHER_SUITES.map(({ name }) => name).filter((name) =>
  !name.includes("_CCM_")
);

/**
 * The first that the library knows all of: with the post-quantum hybrid where it has it (3.5). What
 * has a `*` a client sends a key for at once: with one for the hybrid alone, a server that does not
 * have it would ask for another, which takes a round trip more. To servers it says nothing.
 */
const DEFAULT_GROUPS = ["*X25519MLKEM768:*X25519:P-256:P-384", "X25519:P-256:P-384"];

const VERSION_NUMBERS: Readonly<Record<TlsVersion, number>> = {
  "TLSv1.2": VERSION.tls12,
  "TLSv1.3": VERSION.tls13,
};

/** Sessions of TLS 1.2 without tickets that a context remembers. */
const SESSIONS = 1000n;

/** Early data that is passed over where a client sends some unasked (RFC 8446, section 4.2.10). */
const EARLY_DATA_BYTES = 64 * 1024;
