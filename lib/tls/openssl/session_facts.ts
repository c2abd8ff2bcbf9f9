import { CTRL, VERSION } from "./binding.ts";
import { bytesAt, type OpenSsl, type Pointer, PointerRoom, textAt } from "./library.ts";

/** What the handshake settled. */
export interface SessionFacts {
  readonly protocol: string;
  /** The IANA name of the cipher suite. */
  readonly cipher: string;
  /**
   * The group of the key exchange, as `tls.groups` names it; undefined where there was none, as in
   * some resumptions.
   */
  readonly group: string | undefined;
  readonly alpn: string | undefined;
  readonly resumed: boolean;
}

/**
 * To be asked of an `SSL` whose handshake is done.
 *
 * @param alpn what a server has answered the client's ALPN with; a client finds out
 */
export function sessionFacts(
  openssl: OpenSsl,
  live: Pointer,
  { side, alpn }: { readonly side: "server" | "client"; readonly alpn: string | undefined },
): SessionFacts {
  const { ssl } = openssl;
  return {
    protocol: ssl.SSL_version(live) === VERSION.tls13 ? "TLSv1.3" : "TLSv1.2",
    cipher: cipherName(openssl, live),
    group: groupName(openssl, live),
    alpn: side === "server" ? alpn : chosenByServer(openssl, live),
    resumed: ssl.SSL_session_reused(live) === 1,
  };
}

function cipherName({ ssl, crypto }: OpenSsl, live: Pointer): string {
  const cipher = ssl.SSL_get_current_cipher(live);
  const id = ssl.SSL_CIPHER_get_protocol_id(cipher);
  return remembered(CIPHER_NAMES, id, () => textAt(crypto, ssl.SSL_CIPHER_standard_name(cipher)));
}

function groupName({ ssl, crypto }: OpenSsl, live: Pointer): string | undefined {
  const id = Number(ssl.SSL_ctrl(live, CTRL.negotiated_group, 0n, null));
  if (id === 0) return undefined;
  // OpenSSL 3.5 writes the hybrids with capitals
  const name = remembered(
    GROUP_NAMES,
    id,
    () => textAt(crypto, ssl.SSL_group_to_name(live, id)).toLowerCase(),
  );
  return name === "" ? undefined : name;
}

function chosenByServer({ ssl, crypto }: OpenSsl, live: Pointer): string | undefined {
  const name = new PointerRoom();
  const length = new Uint32Array(1);
  ssl.SSL_get0_alpn_selected(live, name.bytes, new Uint8Array(length.buffer));
  const pointer = name.read(crypto);
  if (pointer === null) return undefined;
  return String.fromCharCode(...bytesAt(crypto, pointer, length[0] ?? 0));
}

const CIPHER_NAMES = new Map<number, string>();
const GROUP_NAMES = new Map<number, string>();

function remembered(names: Map<number, string>, id: number, find: () => string): string {
  let name = names.get(id);
  if (name === undefined) names.set(id, name = find());
  return name;
}
