import { createCipheriv, createHmac } from "node:crypto";
import { joinBytes } from "../../lib/core/bytes.ts";
import { writeAll } from "../../lib/io/write_all.ts";
import { within } from "./deadline.ts";

/**
 * A client of TLS 1.3 that makes each record itself once the handshake is done: what no library
 * sends can be sent. The handshake is OpenSSL's, which tells the keys (SSLKEYLOGFILE's lines).
 */

/** ContentType (RFC 8446, section 5.1). */
export const RECORD = { alert: 21, handshake: 22, data: 23 } as const;

/** A KeyUpdate that asks for the peer's (RFC 8446, section 4.6.3). */
const KEY_UPDATE = Uint8Array.of(24, 0, 0, 1, 1);

/** What comes of the connection in the end. */
export interface Ending {
  /** The number of the alert; undefined where none came. */
  readonly alert: number | undefined;
  readonly how: "FIN" | "RST";
}

export class RecordClient implements Disposable {
  readonly tcp: Deno.TcpConn;
  readonly #ssl: Deno.PointerValue;
  readonly #input: Deno.PointerValue;
  #secret: Uint8Array;
  #keys: { key: Uint8Array; iv: Uint8Array };
  #sequence = 0;

  private constructor(
    tcp: Deno.TcpConn,
    { ssl, input, secret }: {
      ssl: Deno.PointerValue;
      input: Deno.PointerValue;
      secret: Uint8Array;
    },
  ) {
    this.tcp = tcp;
    this.#ssl = ssl;
    this.#input = input;
    this.#secret = secret;
    this.#keys = keysOf(secret);
  }

  /** @param alpn the protocol that it offers, if any */
  static async connect(port: number, { alpn }: { alpn?: string } = {}): Promise<RecordClient> {
    const { ssl, crypto } = library();
    const tcp = await Deno.connect({ hostname: "127.0.0.1", port });
    const { keyLog } = library();
    let secret: Uint8Array | undefined;
    const context = ssl.SSL_CTX_new(ssl.TLS_client_method());
    ssl.SSL_CTX_set_ciphersuites(context, bytesOf("TLS_AES_128_GCM_SHA256\0"));
    ssl.SSL_CTX_set_keylog_callback(context, keyLog.callback.pointer);
    const session = ssl.SSL_new(context);
    ssl.SSL_CTX_free(context);
    const [input, output] = [
      crypto.BIO_new(crypto.BIO_s_mem()),
      crypto.BIO_new(crypto.BIO_s_mem()),
    ];
    ssl.SSL_set_bio(session, input, output);
    ssl.SSL_set_connect_state(session);
    if (alpn !== undefined) {
      const offered = Uint8Array.of(alpn.length, ...bytesOf(alpn));
      ssl.SSL_set_alpn_protos(session, offered, offered.length);
    }
    const buffer = new Uint8Array(20_000);
    for (let done = false; !done;) {
      keyLog.secret = undefined;
      done = ssl.SSL_do_handshake(session) === 1;
      secret = keyLog.secret ?? secret;
      const count = crypto.BIO_read(output, buffer, buffer.length);
      if (count > 0) await writeAll(tcp, buffer.subarray(0, count));
      if (done) break;
      const read = await within(tcp.read(buffer), "the handshake");
      if (read === null) throw new Error("The server has gone amid the handshake");
      crypto.BIO_write(input, buffer, read);
    }
    if (secret === undefined) throw new Error("There is no secret: it is not TLS 1.3");
    return new RecordClient(tcp, { ssl: session, input, secret });
  }

  /** One record, whole. */
  record(type: number, content: Uint8Array): Uint8Array {
    const { key, iv } = this.#keys;
    const nonce = iv.slice();
    new DataView(nonce.buffer).setUint32(
      8,
      new DataView(nonce.buffer).getUint32(8) ^ this.#sequence,
    );
    this.#sequence++;
    const inner = Uint8Array.of(...content, type);
    const length = inner.length + 16;
    const header = Uint8Array.of(23, 3, 3, length >> 8, length & 255);
    const cipher = createCipheriv("aes-128-gcm", key, nonce);
    cipher.setAAD(header);
    const sealed = Uint8Array.of(...header, ...cipher.update(inner), ...cipher.final());
    return Uint8Array.of(...sealed, ...cipher.getAuthTag());
  }

  /** A record with a KeyUpdate, and those behind it by the next keys (RFC 8446, section 7.2). */
  keyUpdate(): Uint8Array {
    return joinBytes(this.keyUpdateInParts());
  }

  /** The same in as many records as parts. @param cuts where the next part begins */
  keyUpdateInParts(...cuts: readonly number[]): Uint8Array[] {
    const borders = [...cuts, KEY_UPDATE.length];
    const records = borders.map((end, part) =>
      this.record(RECORD.handshake, KEY_UPDATE.subarray(borders[part - 1], end))
    );
    this.#secret = expandLabel(this.#secret, "traffic upd", 32);
    this.#keys = keysOf(this.#secret);
    this.#sequence = 0;
    return records;
  }

  /** Sends as much as is taken. @returns how many bytes were */
  async send(...pieces: readonly Uint8Array[]): Promise<number> {
    let sent = 0;
    try {
      for (const piece of pieces) {
        await writeAll(this.tcp, piece);
        sent += piece.length;
      }
    } catch {
      // the server has closed, which is what many tests wait for
    }
    return sent;
  }

  /** What the server says until it ends: data is left out. */
  async ending(): Promise<Ending> {
    const { ssl, crypto } = library();
    const buffer = new Uint8Array(20_000);
    let alert: number | undefined;
    for (;;) {
      let count: number | null;
      try {
        count = await within(this.tcp.read(buffer), "the end of the connection");
      } catch (error) {
        if (error instanceof Error && error.message.startsWith("Waited")) throw error;
        return { alert, how: "RST" };
      }
      if (count === null) return { alert, how: "FIN" };
      crypto.BIO_write(this.#input, buffer, count);
      while (ssl.SSL_read(this.#ssl, buffer, buffer.length) > 0);
      const reason = Number(crypto.ERR_get_error() & 0x7fffffn);
      crypto.ERR_clear_error();
      if (reason > 1000 && reason < 1256) alert = reason - 1000;
      else if ((ssl.SSL_get_shutdown(this.#ssl) & 2) !== 0 && alert === undefined) alert = 0;
    }
  }

  [Symbol.dispose](): void {
    library().ssl.SSL_free(this.#ssl);
    try {
      this.tcp.close();
    } catch {
      // it was closed
    }
  }
}

function keysOf(secret: Uint8Array) {
  return { key: expandLabel(secret, "key", 16), iv: expandLabel(secret, "iv", 12) };
}

/** HKDF-Expand-Label with an empty context (RFC 8446, section 7.1), of one block of SHA-256. */
function expandLabel(secret: Uint8Array, label: string, length: number): Uint8Array {
  const name = bytesOf(`tls13 ${label}`);
  const info = Uint8Array.of(length >> 8, length & 255, name.length, ...name, 0, 1);
  return new Uint8Array(createHmac("sha256", secret).update(info).digest()).slice(0, length);
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

type Libraries = ReturnType<typeof open>;
let opened: Libraries | undefined;

function library(): Libraries {
  return opened ??= open();
}

function open() {
  const crypto = Deno.dlopen("libcrypto.so.3", {
    BIO_s_mem: { parameters: [], result: "pointer" },
    BIO_new: { parameters: ["pointer"], result: "pointer" },
    BIO_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
    BIO_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
    ERR_get_error: { parameters: [], result: "u64" },
    ERR_clear_error: { parameters: [], result: "void" },
  });
  const ssl = Deno.dlopen("libssl.so.3", {
    TLS_client_method: { parameters: [], result: "pointer" },
    SSL_CTX_new: { parameters: ["pointer"], result: "pointer" },
    SSL_CTX_free: { parameters: ["pointer"], result: "void" },
    SSL_CTX_set_ciphersuites: { parameters: ["pointer", "buffer"], result: "i32" },
    SSL_CTX_set_keylog_callback: { parameters: ["pointer", "pointer"], result: "void" },
    SSL_new: { parameters: ["pointer"], result: "pointer" },
    SSL_free: { parameters: ["pointer"], result: "void" },
    SSL_set_bio: { parameters: ["pointer", "pointer", "pointer"], result: "void" },
    SSL_set_connect_state: { parameters: ["pointer"], result: "void" },
    SSL_set_alpn_protos: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
    SSL_do_handshake: { parameters: ["pointer"], result: "i32" },
    SSL_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
    SSL_get_shutdown: { parameters: ["pointer"], result: "i32" },
  });
  return { crypto: crypto.symbols, ssl: ssl.symbols, keyLog: new KeyLog() };
}

/** What OpenSSL tells of keys (the lines of SSLKEYLOGFILE), for the step of a handshake that is under way. */
class KeyLog {
  /** The secret of what the client sends behind its handshake. */
  secret: Uint8Array | undefined;

  readonly callback = new Deno.UnsafeCallback(
    { parameters: ["pointer", "pointer"], result: "void" },
    (_ssl, line) => {
      const text = line === null ? "" : Deno.UnsafePointerView.getCString(line);
      const [, hex] = /^CLIENT_TRAFFIC_SECRET_0 \S+ (\S+)$/.exec(text) ?? [];
      if (hex !== undefined) this.secret = Uint8Array.fromHex(hex);
    },
  );
}
