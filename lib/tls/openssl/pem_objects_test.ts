import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { testCertificates } from "../../../tests/support/certificates.ts";
import { type OpenSsl, openSsl } from "./library.ts";
import { readX509s } from "./pem_objects.ts";

Deno.test("readX509s() reads to the end whenever memory is freed", async () => {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  const { caPem } = await testCertificates();
  const library = openSsl();
  const { PEM_read_bio_X509: read } = library.crypto;
  let reads = 0;
  const crypto: OpenSsl["crypto"] = {
    ...library.crypto,
    PEM_read_bio_X509: (bio, into, callback, data) => {
      // what nobody refers to any more is gone by then
      if (++reads % 301 === 0) gc();
      return read(bio, into, callback, data);
    },
  };
  const openssl = { ...library, crypto };
  // so large that what is freed of it is the system's at once
  const pem = caPem.repeat(2) + "x".repeat(300_000);
  for (let time = 0; time < 1500; time++) {
    const found = readX509s(openssl, pem);
    assert.equal(found.length, 2);
    for (const certificate of found) crypto.X509_free(certificate);
  }
});
