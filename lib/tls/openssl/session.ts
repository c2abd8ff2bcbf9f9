import { joinBytes } from "../../core/bytes.ts";
import { ProxyError } from "../../core/errors.ts";
import { ALERT } from "../wire.ts";
import { giveTicket, staleProof } from "./client_proof.ts";
import {
  ALERT_REASONS,
  CTRL,
  HOST_NAME_TYPE,
  OPTION,
  SHUT_BOTH,
  SSL_ERROR,
  VERSION,
} from "./binding.ts";
import type { TlsContext } from "./context.ts";
import { takeError, wordsFor } from "./error_queue.ts";
import { type Bytes, cString, type OpenSsl, openSsl, type Pointer, textAt } from "./library.ts";
import { peerCertificates, peerSubject } from "./peer_certificates.ts";
import { type RecordRing, recordRing } from "./record_ring.ts";
import { Resumption } from "./resumption.ts";
import { type SessionFacts, sessionFacts } from "./session_facts.ts";

/** Which side of TLS a session is. */
export type SessionRole =
  | {
    readonly side: "server";
    /** What ALPN is answered with, one character a byte; undefined for nothing. */
    readonly protocol: string | undefined;
    /** How the session ticket begins that the client offers; undefined where there is none. */
    readonly ticket: Uint8Array | undefined;
    /** Whether the client offers TLS 1.3. */
    readonly isModern?: boolean;
  }
  | {
    readonly side: "client";
    /** The host name to ask for (SNI); undefined for none. */
    readonly serverName: string | undefined;
    /** The name that the server's certificate has to have; undefined where it is not looked at. */
    readonly verifyName: string | undefined;
    /** A session to offer, see `resumption`. */
    readonly resume?: Resumption | undefined;
  };

/** What a step of the handshake came to. */
export type HandshakeStep = "done" | "goes_on" | "failed";

/** What reading came to, where it gave no bytes. */
export const READ = {
  /** The peer's next record is not whole yet. */
  wantsMore: 0,
  /** The peer has sent close_notify: nothing follows. */
  ended: -1,
  /** What the peer sent is no TLS; `failure` says why, and the alert is among what is to be sent. */
  failed: -2,
} as const;

/** What writing came to, where it gave no bytes. */
export const WRITE = {
  /** `failure` says why. */
  failed: -1,
  /** The peer has sent a handshake message in part, such as a KeyUpdate: its rest is read first. */
  wantsRead: -2,
} as const;

/**
 * The only owner of an `SSL`: every call on it is one of these methods, and none can be made once it
 * was freed. Each turns bytes into bytes and waits for nothing. What is to be sent to the peer is
 * given by `write`, and by `takeUnsent` after any.
 */
export class TlsSession {
  readonly #openssl: OpenSsl;
  readonly #ring: RecordRing;
  readonly #context: TlsContext;
  readonly #role: SessionRole;
  /** Null once it was freed. */
  #ssl: Pointer | null;
  /** What the peer has sent and the `SSL` has not taken yet. */
  #unread: Bytes | undefined;
  #unsent: Bytes | undefined;
  #held = 0;
  /** Whether the last read has left some of what it could give. */
  #atHand = false;
  /** What reading has come to for good. */
  #end: number = READ.wantsMore;
  /** Bytes of input that have brought no data, since some came. */
  #barren = 0;
  /** Whether the client's hello has been answered by other than that it is to say it again. */
  #answered = false;
  /** Why it has failed; undefined while it has not. */
  failure: string | undefined;

  /** @throws {ProxyError} `unavailable` where the library has no memory */
  constructor(context: TlsContext, role: SessionRole) {
    this.#openssl = openSsl();
    this.#ring = recordRing();
    this.#context = context;
    this.#role = role;
    const { ssl, crypto } = this.#openssl;
    const made = ssl.SSL_new(context.pointer);
    if (made === null) throw new ProxyError("unavailable", takeError(this.#openssl));
    this.#ssl = made;
    // the session frees what it was given: one reference, as both directions are the same
    crypto.BIO_up_ref(this.#ring.inner);
    ssl.SSL_set_bio(made, this.#ring.inner, this.#ring.inner);
    FORGOTTEN.register(this, made, this);
    if (role.side === "server") {
      ssl.SSL_set_accept_state(made);
      if (context.ticketsByProof && role.isModern !== true) {
        ssl.SSL_set_options(made, OPTION.no_ticket);
      }
    } else this.#prepareClient(made, role);
  }

  /** Goes on with the handshake as far as these bytes allow. */
  handshake(input: Bytes | undefined): HandshakeStep {
    const live = this.#enter();
    this.#feed(input, input?.length ?? 0);
    const { ssl, alpn } = this.#openssl;
    const { tickets } = this.#context;
    if (this.#role.side === "server") {
      if (alpn !== undefined) alpn.chosen = this.#role.protocol;
      // a step that reads a hello opens its ticket, the last one seals new ones
      const { ticket } = this.#role;
      const opens = this.#answered || ticket === undefined ? undefined : tickets?.ofTicket(ticket);
      if (tickets !== undefined) this.#context.useTicketKeys(opens ?? tickets.newest);
    }
    const result = ssl.SSL_do_handshake(live);
    let step: HandshakeStep = "done";
    if (result !== 1) {
      step = "goes_on";
      const error = ssl.SSL_get_error(live, result);
      if (error !== SSL_ERROR.want_read) {
        step = "failed";
        this.failure = error === SSL_ERROR.zero_return ? CLOSE_NOTIFY : this.#takeFailure(live);
      }
    }
    if (step === "done" && this.#context.ticketsByProof) step = this.#endProof(live);
    this.#leave();
    this.#answered ||= this.#unsent !== undefined && !isRetryRequest(this.#unsent);
    return step;
  }

  /** Gives up a handshake that goes on; an alert is among what is to be sent. */
  giveUp(why: string): void {
    const live = this.#enter();
    this.#feed(undefined, 0);
    this.#refuse(live, new Uint8Array(1), why);
    this.#leave(false);
  }

  /** What a client has proved has to hold now, and is good for a ticket then. */
  #endProof(live: Pointer): HandshakeStep {
    const { ssl } = this.#openssl;
    const context = this.#context.pointer;
    const stale = ssl.SSL_session_reused(live) === 1
      ? staleProof(this.#openssl, { context, live })
      : undefined;
    if (stale !== undefined) {
      this.failure = `the certificate of a resumed session is refused: ${stale}`;
      return "failed";
    }
    if (ssl.SSL_version(live) === VERSION.tls13) giveTicket(this.#openssl, live);
    return "done";
  }

  /**
   * Decrypts.
   *
   * @param input begins with what has come behind all that was given before; it may be `into`
   * @param inputBytes how many bytes of it are that, `MAX_INPUT_BYTES` at the most
   * @returns how many bytes lie in `into`, or one of `READ`
   */
  read(input: Bytes | undefined, into: Bytes, inputBytes = input?.length ?? 0): number {
    if (this.#end !== READ.wantsMore) return this.#end;
    const live = this.#enter();
    this.#feed(input, inputBytes);
    const { ssl } = this.#openssl;
    let count = ssl.SSL_read(live, into, into.length);
    let at = 0;
    let holds = true;
    while (count > 0) {
      at += count;
      holds = this.#ring.unread > 0 || ssl.SSL_has_pending(live) === 1;
      if (at === into.length || !holds) break;
      count = ssl.SSL_read(live, into.subarray(at), into.length - at);
    }
    this.#atHand = count > 0 && holds;
    this.#held = holds ? Math.min(this.#held + inputBytes - at, RECORD_BYTES) : 0;
    if (count <= 0) {
      const error = ssl.SSL_get_error(live, count);
      if (error === SSL_ERROR.zero_return) this.#end = READ.ended;
      else if (error !== SSL_ERROR.want_read) {
        this.#end = READ.failed;
        this.failure = takeError(this.#openssl);
      }
    }
    this.#barren = at > 0 ? 0 : this.#barren + inputBytes;
    if (this.#barren > MAX_BARREN_BYTES && this.#end === READ.wantsMore) {
      this.#refuse(live, into, "too many records without data");
    }
    this.#leave(holds);
    return at > 0 ? at : this.#end;
  }

  /**
   * Ends it for what the library would go on with. The library has an alert for what is no record,
   * and none that could be asked for.
   */
  #refuse(live: Pointer, into: Bytes, why: string): void {
    this.#ring.feed(NO_RECORD, NO_RECORD.length);
    this.#openssl.ssl.SSL_read(live, into, into.length);
    this.#ring.takeUnread();
    this.#openssl.crypto.ERR_clear_error();
    this.#end = READ.failed;
    this.failure = why;
  }

  /**
   * Bytes of a record that has come in part, or a few more. With so much less input than there is
   * room, what `read` decrypts fits in.
   */
  get held(): number {
    return this.#held;
  }

  /** Whether `read` may give something without more input. */
  get hasMore(): boolean {
    return this.#atHand || this.#end !== READ.wantsMore || this.#unread !== undefined;
  }

  /**
   * Encrypts all of the bytes, `MAX_PLAIN_BYTES` at the most, into `out`, which has room for
   * `sealedBytes` of them. A client that has asked for short records (RFC 6066, section 4) gets more
   * of them than that: what `out` has no room for follows by `takeUnsent`.
   *
   * @returns how many bytes of `out` are to be sent, or one of `WRITE`
   */
  write(bytes: Bytes, out: Bytes): number {
    const live = this.#enter();
    const { ssl } = this.#openssl;
    const written = ssl.SSL_write(live, bytes, bytes.length);
    if (written !== bytes.length) {
      const wantsRead = this.#end === READ.wantsMore &&
        ssl.SSL_get_error(live, written) === SSL_ERROR.want_read;
      if (wantsRead) {
        this.#leave();
        return WRITE.wantsRead;
      }
      const words = takeError(this.#openssl);
      // behind a record that was none the library has no words for this
      this.failure ??= words;
      this.#leave();
      return WRITE.failed;
    }
    const count = this.#ring.drainInto(out);
    // what fills it may not be all
    if (count === out.length) this.#leave();
    else this.#ring.end();
    return count;
  }

  /** Says that nothing more will be written (RFC 8446, section 6.1). */
  endWrites(): void {
    const live = this.#enter();
    if (this.#openssl.ssl.SSL_shutdown(live) < 0) this.#openssl.crypto.ERR_clear_error();
    this.#leave();
  }

  /** What is to be sent to the peer, such as an alert; undefined where nothing is. */
  takeUnsent(): Bytes | undefined {
    const bytes = this.#unsent;
    this.#unsent = undefined;
    return bytes;
  }

  /** To be asked once the handshake is done. */
  facts(): SessionFacts {
    const { side } = this.#role;
    const alpn = side === "server" ? this.#role.protocol : undefined;
    return sessionFacts(this.#openssl, this.#live(), { side, alpn });
  }

  /** The peer's certificates as DER, its own first; empty where it has shown none. */
  peerCertificates(): readonly Bytes[] {
    return peerCertificates(this.#openssl, this.#live(), this.#role.side);
  }

  /** The distinguished name of the peer's certificate (RFC 4514), in printable ASCII. */
  peerSubject(): string | undefined {
    return peerSubject(this.#openssl, this.#live());
  }

  /** What was found of the peer's certificate (x509_vfy.h): 0 where nothing stands against it. */
  verification(): { readonly code: number; readonly words: string } {
    const code = this.#openssl.ssl.SSL_get_verify_result(this.#live());
    const { crypto } = this.#openssl;
    const words = textAt(crypto, crypto.X509_verify_cert_error_string(code));
    return { code: Number(code), words };
  }

  /**
   * What lets a later connection to this server resume the session. With TLS 1.3 servers send it
   * behind the handshake, so it is to be asked for once something has been read.
   */
  resumption(): Resumption | undefined {
    const session = this.#openssl.ssl.SSL_get1_session(this.#live());
    return session === null ? undefined : new Resumption(session);
  }

  /** Frees it. Does nothing the second time. */
  close(): void {
    const live = this.#ssl;
    if (live === null) return;
    this.#ssl = null;
    this.#unread = this.#unsent = undefined;
    FORGOTTEN.unregister(this);
    free(this.#openssl, live);
  }

  #prepareClient(
    live: Pointer,
    { serverName, verifyName, resume }: SessionRole & { side: "client" },
  ) {
    const { ssl } = this.#openssl;
    ssl.SSL_set_connect_state(live);
    if (serverName !== undefined) {
      ssl.SSL_ctrl_bytes(live, CTRL.host_name, HOST_NAME_TYPE, cString(serverName));
    }
    if (verifyName !== undefined) ssl.SSL_set1_host(live, cString(verifyName));
    if (resume !== undefined) ssl.SSL_set_session(live, resume.pointer);
  }

  #live(): Pointer {
    if (this.#ssl === null) throw new ProxyError("internal", "The TLS session was freed");
    return this.#ssl;
  }

  #enter(): Pointer {
    const live = this.#live();
    this.#ring.begin();
    return live;
  }

  /** Lets the library have what it has left, and what is new. */
  #feed(input: Bytes | undefined, count: number): void {
    const unread = this.#unread;
    if (unread !== undefined) {
      this.#ring.feed(unread, unread.length);
      this.#unread = undefined;
    }
    if (input !== undefined) this.#ring.feed(input, count);
  }

  /** Leaves nothing in the ring. @param holds whether the library may have left some of the input */
  #leave(holds = true): void {
    const ring = this.#ring;
    if (holds && ring.unread > 0) this.#unread = ring.takeUnread();
    const unsent = ring.takeUnsent();
    if (unsent !== undefined) {
      this.#unsent = this.#unsent === undefined ? unsent : joinBytes([this.#unsent, unsent]);
    }
    ring.end();
  }

  /** A certificate that is not believed says more than the library's "certificate verify failed". */
  #takeFailure(live: Pointer): string {
    const words = takeError(this.#openssl);
    if (words !== "certificate verify failed") return words;
    const code = this.#openssl.ssl.SSL_get_verify_result(live);
    const { crypto } = this.#openssl;
    return `${words}: ${textAt(crypto, crypto.X509_verify_cert_error_string(code))}`;
  }
}

/** Amid a handshake the library takes it for no error. */
const CLOSE_NOTIFY = wordsFor(ALERT_REASONS + ALERT.close_notify, "");

/** Whether what a server sends begins with a HelloRetryRequest (RFC 8446, section 4.1.3). */
function isRetryRequest(records: Bytes): boolean {
  return RETRY_RANDOM.every((byte, at) => records[RANDOM_AT + at] === byte);
}

/** How its random begins, and where: behind the heads of record and message, and the version. */
const RETRY_RANDOM = [0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11];
const RANDOM_AT = 5 + 4 + 2;

/** A record as it comes, at the most (RFC 8446, section 5.2; RFC 5246, section 6.2.3). */
const RECORD_BYTES = 16 * 1024 + 2048 + 5;

/** Of no known type, and as much as may be missing of a record that has come in part. */
const NO_RECORD: Bytes = new Uint8Array(RECORD_BYTES);
NO_RECORD.set([99, 3, 3, 0, 1]);

/**
 * Input without any data in it that a peer may send, such as KeyUpdates, which the library does not
 * count: thousands of them, and more than a record that comes in part.
 */
const MAX_BARREN_BYTES = 64 * 1024;

/** The most that `read` takes at once: there is room for it behind what was left before. */
export const MAX_INPUT_BYTES = 64 * 1024;

/** The most that `write` takes at once. */
export const MAX_PLAIN_BYTES = 64 * 1024;

/** What so many bytes may be as records: a rim for each 16 KiB, and room for one record unasked for. */
export function sealedBytes(plain: number): number {
  return plain + RIM_BYTES * (Math.ceil(plain / (16 * 1024)) + 1);
}

/** Header, explicit nonce, content type and tag of a record, the largest of all ciphers here. */
const RIM_BYTES = 64;

function free({ ssl }: OpenSsl, live: Pointer): void {
  // else a session of TLS 1.2 that was not closed on both sides leaves the cache
  ssl.SSL_set_shutdown(live, SHUT_BOTH);
  ssl.SSL_free(live);
}

/** For those that nobody has closed, which would be a bug: memory is all that it may cost. */
const FORGOTTEN = new FinalizationRegistry<Pointer>((live) => free(openSsl(), live));
