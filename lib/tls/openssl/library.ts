import { messageOf, ProxyError } from "../../core/errors.ts";
import { writeLatin1 } from "../../core/latin1.ts";
import { standsOnSystemLibrary } from "../../ports/system_library.ts";
import { ALPN_ANSWER, ALPN_CALLBACK, CRYPTO_SYMBOLS, SSL_SYMBOLS } from "./binding.ts";
import {
  type LibraryPlace,
  libraryPlaces,
  notInstalled,
  openingTrouble,
  packageOfLibrary,
} from "./library_places.ts";

export type Bytes = Uint8Array<ArrayBuffer>;
export type Pointer = Deno.PointerObject;

/** OpenSSL 3 as this thread has it. */
export interface OpenSsl {
  readonly ssl: Deno.DynamicLibrary<typeof SSL_SYMBOLS>["symbols"];
  readonly crypto: Deno.DynamicLibrary<typeof CRYPTO_SYMBOLS>["symbols"];
  /** Such as `OpenSSL 3.0.19`. */
  readonly version: string;
  /** What a server answers ALPN with; undefined where callbacks are not allowed. */
  readonly alpn: AlpnAnswer | undefined;
}

/**
 * Opened once in each thread and kept, as the permission is given up at start-up (`giveUpFfi`); a
 * failure is kept, too, and told again.
 */
let opened: OpenSsl | ProxyError | undefined;

/** @throws {ProxyError} `unavailable` where it cannot be opened, with the reason */
export function openSsl(): OpenSsl {
  opened ??= tryToOpen();
  if (opened instanceof ProxyError) throw opened;
  return opened;
}

/** Why OpenSSL cannot be called; undefined where it can. */
export function openSslUnavailable(): string | undefined {
  opened ??= tryToOpen();
  return opened instanceof ProxyError ? opened.message : undefined;
}

/** Why OpenSSL, where it can be called, cannot answer ALPN; undefined where it can. */
export function openSslMute(): string | undefined {
  if (openSslUnavailable() !== undefined || openSsl().alpn !== undefined) return undefined;
  return "the permission to call every library (--allow-ffi), which it takes to answer ALPN, " +
    "is not given";
}

function tryToOpen(): OpenSsl | ProxyError {
  const places = libraryPlaces();
  const whole = mayCall(undefined);
  const allowed = places.filter(({ crypto, ssl }) => whole || (mayCall(crypto) && mayCall(ssl)));
  if (places.length === 0) {
    return unavailable(`OpenSSL 3 is not looked for on ${Deno.build.target}`);
  }
  if (allowed.length === 0) return unavailable(NOT_GRANTED);
  let trouble: string | undefined;
  for (const place of allowed) {
    const found = openAt(place);
    if (typeof found === "object") return prepare(found, whole);
    trouble ??= found;
  }
  return unavailable(
    trouble === undefined ? notInstalled() : `OpenSSL 3 cannot be called: ${trouble}`,
  );
}

/** Nobody is granted what is not there, and this process may not look whether it is. */
const NOT_GRANTED = "the permission to call OpenSSL 3 is not given: it is granted where the " +
  `package is installed, ${packageOfLibrary()}`;

function unavailable(why: string): ProxyError {
  return new ProxyError("unavailable", why);
}

function mayCall(path: string | undefined): boolean {
  const permission = path === undefined ? { name: "ffi" } as const : { name: "ffi", path } as const;
  return Deno.permissions.querySync(permission).state === "granted";
}

type Libraries = Pick<OpenSsl, "ssl" | "crypto">;

/** Why not, in words, where they are there and cannot be opened; undefined where there are none. */
function openAt({ crypto, ssl }: LibraryPlace): Libraries | string | undefined {
  let path = crypto;
  try {
    const below = Deno.dlopen(crypto, CRYPTO_SYMBOLS);
    standsOnSystemLibrary(crypto);
    path = ssl;
    return { crypto: below.symbols, ssl: Deno.dlopen(ssl, SSL_SYMBOLS).symbols };
  } catch (error) {
    return openingTrouble(messageOf(error), path);
  }
}

function prepare(libraries: Libraries, callbacks: boolean): OpenSsl | ProxyError {
  try {
    const { crypto } = libraries;
    const [version = ""] = /^OpenSSL [\d.]+/.exec(textAt(crypto, crypto.OpenSSL_version(0))) ?? [];
    const alpn = callbacks ? new AlpnAnswer(crypto) : undefined;
    return { ...libraries, version, alpn };
  } catch (error) {
    return unavailable(`OpenSSL 3 cannot be called: ${messageOf(error)}`);
  }
}

/**
 * Answers the library's question which protocol to take (RFC 7301): what admission has chosen for
 * the session that is being stepped. To make a callback takes the permission for any library, so it
 * is made once, while that is there.
 */
export class AlpnAnswer {
  /** The protocol for the session that is being stepped, one character a byte; undefined for none. */
  chosen: string | undefined;
  readonly #callback: Deno.UnsafeCallback<typeof ALPN_CALLBACK>;

  constructor(crypto: OpenSsl["crypto"]) {
    const name = new Uint8Array(255);
    const length = new Uint8Array(1);
    // a pointer to `name`, as the library is to have it
    const place = new Uint8Array(new BigUint64Array([crypto.addressOf(name, name, 0n)]).buffer);
    this.#callback = new Deno.UnsafeCallback(ALPN_CALLBACK, (_ssl, out, outLength) => {
      const { chosen } = this;
      if (chosen === undefined) return ALPN_ANSWER.none;
      writeLatin1(chosen, name, 0);
      length[0] = chosen.length;
      crypto.copyTo(out, place, BigInt(place.length));
      crypto.copyTo(outLength, length, 1n);
      return ALPN_ANSWER.taken;
    });
  }

  get pointer(): Deno.PointerValue {
    return this.#callback.pointer;
  }
}

const TEXT_ENCODER = new TextEncoder();
const TEXT_DECODER = new TextDecoder();

/** Text for the library, with the zero at its end. */
export function cString(text: string): Bytes {
  return TEXT_ENCODER.encode(`${text}\0`);
}

/** Text of the library; empty where there is none. */
export function textAt(crypto: OpenSsl["crypto"], pointer: Deno.PointerValue): string {
  return pointer === null
    ? ""
    : TEXT_DECODER.decode(bytesAt(crypto, pointer, crypto.strlen(pointer)));
}

/** A copy of the library's bytes. */
export function bytesAt(crypto: OpenSsl["crypto"], pointer: Pointer, length: number): Bytes {
  const bytes = new Uint8Array(length);
  crypto.copyFrom(bytes, pointer, BigInt(length));
  return bytes;
}

/** Room for a pointer that the library is to write. */
export class PointerRoom {
  readonly bytes: Bytes = new Uint8Array(8);
  readonly #address = new BigUint64Array(this.bytes.buffer);

  read(crypto: OpenSsl["crypto"]): Deno.PointerValue {
    const [address = 0n] = this.#address;
    return address === 0n ? null : crypto.pointerTo(address, this.bytes, 0n);
  }
}
