import { decodeLatin1 } from "../core/latin1.ts";

/** AlertDescription numbers (RFC 8446, section 6). */
export const ALERT = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  record_overflow: 22,
  handshake_failure: 40,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  no_renegotiation: 100,
  missing_extension: 109,
  unsupported_extension: 110,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  unknown_psk_identity: 115,
  certificate_required: 116,
  no_application_protocol: 120,
} as const;

/** An alert by its name in RFC 8446, section 6, or in RFC 5246, section 7.2. */
export type AlertName = keyof typeof ALERT;

const ALERT_NAMES = new Map<number, string>(
  Object.entries(ALERT).map(([name, number]) => [number, name]),
);

/** The name of an alert, or its number where it has none. */
export function alertName(description: number): string {
  return ALERT_NAMES.get(description) ?? String(description);
}

/** Why bytes are refused, and the alert to say so; `readClientHello` lets none of them out. */
export class Refusal extends Error {
  readonly alert: AlertName;

  constructor(alert: AlertName, reason: string) {
    super(reason);
    this.alert = alert;
  }
}

/** What breaks the presentation language (RFC 8446, section 6.2: decode_error). */
export function malformed(): Refusal {
  return new Refusal("decode_error", "a malformed ClientHello");
}

/**
 * Reads the presentation language of TLS (RFC 8446, section 3). What is not there is refused.
 */
export class Cursor {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  end(): void {
    if (!this.atEnd) throw malformed();
  }

  take(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw malformed();
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  uint8(): number {
    const value = this.#bytes[this.#offset];
    if (value === undefined) throw malformed();
    this.#offset++;
    return value;
  }

  uint16(): number {
    return this.uint8() * 0x100 + this.uint8();
  }

  uint24(): number {
    return this.uint16() * 0x100 + this.uint8();
  }

  /** `opaque<0..2^8-1>` */
  vector8(): Cursor {
    return new Cursor(this.take(this.uint8()));
  }

  /** `opaque<0..2^16-1>` */
  vector16(): Cursor {
    return new Cursor(this.take(this.uint16()));
  }

  /** All bytes, one character each. */
  text(): string {
    return decodeLatin1(this.#bytes);
  }
}
