import { ProxyError } from "../../core/errors.ts";
import { cString, type OpenSsl, type Pointer } from "./library.ts";
import { takeError } from "./error_queue.ts";

/** The certificates of a PEM text, in its order; each to be freed by `X509_free`. */
export function readX509s({ crypto }: OpenSsl, pem: string): readonly Pointer[] {
  return readAll(crypto, pem, (bio) => crypto.PEM_read_bio_X509(bio, null, null, null));
}

/** The revocation lists of a PEM text; each to be freed by `X509_CRL_free`. */
export function readCrls({ crypto }: OpenSsl, pem: string): readonly Pointer[] {
  return readAll(crypto, pem, (bio) => crypto.PEM_read_bio_X509_CRL(bio, null, null, null));
}

/**
 * The private key of a PEM text, to be freed by `EVP_PKEY_free`.
 *
 * @throws {ProxyError} `bad_config` where there is none
 */
export function readKey(openssl: OpenSsl, pem: string): Pointer {
  const { crypto } = openssl;
  const bio = bioOf(crypto, pem);
  const key = crypto.PEM_read_bio_PrivateKey(bio, null, null, null);
  crypto.BIO_free(bio);
  if (key === null) throw new ProxyError("bad_config", takeError(openssl));
  return key;
}

function readAll(
  crypto: OpenSsl["crypto"],
  pem: string,
  read: (bio: Deno.PointerValue) => Deno.PointerValue,
): readonly Pointer[] {
  const bio = bioOf(crypto, pem);
  const objects: Pointer[] = [];
  for (let object; (object = read(bio)) !== null;) objects.push(object);
  crypto.BIO_free(bio);
  // reading ends with an error that says that there are no more
  crypto.ERR_clear_error();
  return objects;
}

/**
 * A BIO with a copy of a text, to be freed by `BIO_free`. One that reads the text where it lies would
 * read what the runtime may have freed by then: it does not know that somebody goes on reading.
 */
function bioOf(crypto: OpenSsl["crypto"], pem: string): Deno.PointerValue {
  const text = cString(pem);
  const bio = crypto.BIO_new(crypto.BIO_s_mem());
  crypto.BIO_write(bio, text, text.length - 1);
  return bio;
}
