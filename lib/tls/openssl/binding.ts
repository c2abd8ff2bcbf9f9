/**
 * What of OpenSSL 3 is called: names, types and constants, nothing else. Results that are `usize` or
 * `unsigned long` in C and known to be small are declared `u32`, as the runtime gives the others as
 * `bigint`.
 */

/** Functions of `libssl.so.3` (ssl.h). */
export const SSL_SYMBOLS = {
  TLS_server_method: { parameters: [], result: "pointer" },
  TLS_client_method: { parameters: [], result: "pointer" },
  SSL_CTX_new: { parameters: ["pointer"], result: "pointer" },
  SSL_CTX_free: { parameters: ["pointer"], result: "void" },
  SSL_CTX_use_certificate: { parameters: ["pointer", "pointer"], result: "i32" },
  SSL_CTX_use_PrivateKey: { parameters: ["pointer", "pointer"], result: "i32" },
  SSL_CTX_ctrl: { parameters: ["pointer", "i32", "i64", "pointer"], result: "i64" },
  SSL_CTX_ctrl_bytes: {
    name: "SSL_CTX_ctrl",
    parameters: ["pointer", "i32", "i64", "buffer"],
    result: "i64",
  },
  SSL_CTX_set_options: { parameters: ["pointer", "u64"], result: "u64" },
  SSL_CTX_set_num_tickets: { parameters: ["pointer", "usize"], result: "i32" },
  SSL_CTX_set_recv_max_early_data: { parameters: ["pointer", "u32"], result: "i32" },
  SSL_CTX_set_cipher_list: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_CTX_set_ciphersuites: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_CTX_set_session_id_context: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
  SSL_CTX_set_verify: { parameters: ["pointer", "i32", "pointer"], result: "void" },
  SSL_CTX_set_default_verify_paths: { parameters: ["pointer"], result: "i32" },
  SSL_CTX_get_cert_store: { parameters: ["pointer"], result: "pointer" },
  SSL_CTX_add_client_CA: { parameters: ["pointer", "pointer"], result: "i32" },
  SSL_CTX_set_alpn_select_cb: { parameters: ["pointer", "pointer", "pointer"], result: "void" },
  SSL_CTX_set_alpn_protos: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
  SSL_new: { parameters: ["pointer"], result: "pointer" },
  SSL_free: { parameters: ["pointer"], result: "void" },
  SSL_set_bio: { parameters: ["pointer", "pointer", "pointer"], result: "void" },
  SSL_set_accept_state: { parameters: ["pointer"], result: "void" },
  SSL_set_connect_state: { parameters: ["pointer"], result: "void" },
  SSL_set1_host: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_ctrl: { parameters: ["pointer", "i32", "i64", "pointer"], result: "i64" },
  SSL_ctrl_bytes: {
    name: "SSL_ctrl",
    parameters: ["pointer", "i32", "i64", "buffer"],
    result: "i64",
  },
  SSL_set_options: { parameters: ["pointer", "u64"], result: "u64" },
  SSL_new_session_ticket: { parameters: ["pointer"], result: "i32" },
  SSL_set_session: { parameters: ["pointer", "pointer"], result: "i32" },
  SSL_get_session: { parameters: ["pointer"], result: "pointer" },
  SSL_get1_session: { parameters: ["pointer"], result: "pointer" },
  SSL_SESSION_get_timeout: { parameters: ["pointer"], result: "u32" },
  SSL_SESSION_set_timeout: { parameters: ["pointer", "i64"], result: "i64" },
  SSL_SESSION_free: { parameters: ["pointer"], result: "void" },
  SSL_do_handshake: { parameters: ["pointer"], result: "i32" },
  SSL_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_has_pending: { parameters: ["pointer"], result: "i32" },
  SSL_get_error: { parameters: ["pointer", "i32"], result: "i32" },
  SSL_shutdown: { parameters: ["pointer"], result: "i32" },
  SSL_set_shutdown: { parameters: ["pointer", "i32"], result: "void" },
  SSL_version: { parameters: ["pointer"], result: "i32" },
  SSL_get_current_cipher: { parameters: ["pointer"], result: "pointer" },
  SSL_CIPHER_standard_name: { parameters: ["pointer"], result: "pointer" },
  SSL_CIPHER_get_protocol_id: { parameters: ["pointer"], result: "u16" },
  SSL_group_to_name: { parameters: ["pointer", "i32"], result: "pointer" },
  SSL_session_reused: { parameters: ["pointer"], result: "i32" },
  SSL_get0_alpn_selected: { parameters: ["pointer", "buffer", "buffer"], result: "void" },
  SSL_get_verify_result: { parameters: ["pointer"], result: "i64" },
  SSL_get1_peer_certificate: { parameters: ["pointer"], result: "pointer" },
  SSL_get_peer_cert_chain: { parameters: ["pointer"], result: "pointer" },
} as const;

/** Functions of `libcrypto.so.3` (bio.h, err.h, pem.h, x509.h), and of the C library beneath it. */
export const CRYPTO_SYMBOLS = {
  OpenSSL_version: { parameters: ["i32"], result: "pointer" },
  OPENSSL_sk_num: { parameters: ["pointer"], result: "i32" },
  OPENSSL_sk_value: { parameters: ["pointer", "i32"], result: "pointer" },
  BIO_new_bio_pair: { parameters: ["buffer", "usize", "buffer", "usize"], result: "i32" },
  BIO_s_mem: { parameters: [], result: "pointer" },
  BIO_new: { parameters: ["pointer"], result: "pointer" },
  BIO_free: { parameters: ["pointer"], result: "i32" },
  BIO_up_ref: { parameters: ["pointer"], result: "i32" },
  BIO_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  BIO_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  BIO_ctrl_pending: { parameters: ["pointer"], result: "u32" },
  ERR_clear_error: { parameters: [], result: "void" },
  ERR_get_error: { parameters: [], result: "u32" },
  ERR_reason_error_string: { parameters: ["u64"], result: "pointer" },
  PEM_read_bio_X509: {
    parameters: ["pointer", "pointer", "pointer", "pointer"],
    result: "pointer",
  },
  PEM_read_bio_PrivateKey: {
    parameters: ["pointer", "pointer", "pointer", "pointer"],
    result: "pointer",
  },
  PEM_read_bio_X509_CRL: {
    parameters: ["pointer", "pointer", "pointer", "pointer"],
    result: "pointer",
  },
  X509_check_private_key: { parameters: ["pointer", "pointer"], result: "i32" },
  X509_free: { parameters: ["pointer"], result: "void" },
  X509_get_subject_name: { parameters: ["pointer"], result: "pointer" },
  X509_get0_notAfter: { parameters: ["pointer"], result: "pointer" },
  X509_NAME_print_ex: { parameters: ["pointer", "pointer", "i32", "u64"], result: "i32" },
  X509_CRL_free: { parameters: ["pointer"], result: "void" },
  X509_CRL_get0_nextUpdate: { parameters: ["pointer"], result: "pointer" },
  ASN1_TIME_diff: { parameters: ["buffer", "buffer", "pointer", "pointer"], result: "i32" },
  X509_verify_cert_error_string: { parameters: ["i64"], result: "pointer" },
  X509_STORE_CTX_new: { parameters: [], result: "pointer" },
  X509_STORE_CTX_init: {
    parameters: ["pointer", "pointer", "pointer", "pointer"],
    result: "i32",
  },
  X509_STORE_CTX_set_default: { parameters: ["pointer", "buffer"], result: "i32" },
  X509_verify_cert: { parameters: ["pointer"], result: "i32" },
  X509_STORE_CTX_get_error: { parameters: ["pointer"], result: "i32" },
  X509_STORE_CTX_free: { parameters: ["pointer"], result: "void" },
  X509_STORE_add_cert: { parameters: ["pointer", "pointer"], result: "i32" },
  X509_STORE_add_crl: { parameters: ["pointer", "pointer"], result: "i32" },
  X509_STORE_set_flags: { parameters: ["pointer", "u64"], result: "i32" },
  EVP_PKEY_free: { parameters: ["pointer"], result: "void" },
  i2d_X509: { parameters: ["pointer", "buffer"], result: "i32" },
  // of the C library; how pointers are made and followed where `Deno.UnsafePointer` is not allowed
  strlen: { parameters: ["pointer"], result: "u32" },
  copyFrom: { name: "memmove", parameters: ["buffer", "pointer", "usize"], result: "void" },
  copyTo: { name: "memmove", parameters: ["pointer", "buffer", "usize"], result: "void" },
  addressOf: { name: "memmove", parameters: ["buffer", "buffer", "usize"], result: "u64" },
  pointerTo: { name: "memmove", parameters: ["u64", "buffer", "usize"], result: "pointer" },
} as const;

/** The callback that chooses a protocol (`SSL_CTX_alpn_select_cb_func`). */
export const ALPN_CALLBACK = {
  parameters: ["pointer", "pointer", "pointer", "pointer", "u32", "pointer"],
  result: "i32",
} as const;

/** Commands of `SSL_CTX_ctrl` and `SSL_ctrl`, which ssl.h has macros for. */
export const CTRL = {
  mode: 33,
  session_cache_size: 42,
  session_cache_mode: 44,
  host_name: 55,
  ticket_keys: 59,
  chain_certificate: 89,
  groups_list: 92,
  min_version: 123,
  max_version: 124,
  negotiated_group: 134,
} as const;

/** Bits of `SSL_CTX_set_options`. */
export const OPTION = {
  no_ticket: 1n << 14n,
  no_compression: 1n << 17n,
  prioritize_chacha: 1n << 21n,
  cipher_server_preference: 1n << 22n,
  no_renegotiation: 1n << 30n,
} as const;

/** Bits of `SSL_CTX_ctrl` with `CTRL.mode`. */
export const MODE = { accept_moving_write_buffer: 2, release_buffers: 16 } as const;

/** What `SSL_get_error` says. */
export const SSL_ERROR = { want_read: 2, zero_return: 6 } as const;

/** Protocol versions (RFC 8446, section 4.1.2). */
export const VERSION = { tls12: 0x0303, tls13: 0x0304 } as const;

/** What the callback of ALPN answers (tls1.h). */
export const ALPN_ANSWER = { taken: 0, fatal: 2, none: 3 } as const;

/** Bits of `SSL_CTX_set_verify`. */
export const VERIFY = { none: 0, peer: 1, required: 2 } as const;

/** Bits of `X509_STORE_set_flags`. */
export const STORE_FLAG = { crl_check: 4n, crl_check_all: 8n, partial_chain: 0x80000n } as const;

/**
 * How `X509_NAME_print_ex` writes a name (x509.h): as RFC 2253 and its successor RFC 4514 have it,
 * with everything escaped that is no printable ASCII.
 */
export const NAME_RFC2253 = 0x1110317n;

/** Both directions are over, see `SSL_set_shutdown`. */
export const SHUT_BOTH = 3;

/** A name in the client's ClientHello, for `SSL_ctrl` with `CTRL.host_name`. */
export const HOST_NAME_TYPE = 0n;

/** From this reason on an error is an alert of the peer, by its number (sslerr.h). */
export const ALERT_REASONS = 1000;

/** The set of keys that tickets are sealed with (RFC 5077): its name, HMAC-SHA256, AES-256. */
export const TICKET_KEY_BYTES = 80;

/** Of `SSL_CTX_set_session_id_context`, at the most. */
export const SESSION_CONTEXT_BYTES = 32;
