import assert from "node:assert/strict";
import { takeError } from "./error_queue.ts";
import { cString, openSsl } from "./library.ts";

Deno.test("takeError() says of what is no certificate that it is malformed, and leaves nothing", () => {
  const openssl = openSsl();
  const { crypto } = openssl;
  const pem = cString(
    `-----BEGIN CERTIFICATE-----\n${btoa("abc".repeat(9))}\n-----END CERTIFICATE-----\n`,
  );
  const bio = crypto.BIO_new(crypto.BIO_s_mem());
  crypto.BIO_write(bio, pem, pem.length - 1);
  assert.equal(crypto.PEM_read_bio_X509(bio, null, null, null), null);
  crypto.BIO_free(bio);
  assert.match(takeError(openssl), /^malformed ASN\.1, /);
  assert.equal(takeError(openssl), "no reason given");
});
