import assert from "node:assert/strict";
import { paperCertificate } from "../../tests/support/loaded_config.ts";
import { orStandIn } from "./stand_in_certificate.ts";

Deno.test("orStandIn() stands in for what is not there, and for nothing that cannot be read", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-stand-in-" });
  try {
    const own = paperCertificate(["a.test"]);
    const read = orStandIn(() => Promise.resolve(own));
    const [cert, key] = [`${folder}/fullchain.pem`, `${folder}/privkey.pem`];
    const entry = {
      ...{ cert, key, acme: ["a.test"] },
      ...{ passphraseFile: undefined, hosts: undefined, default: false },
    };
    assert.equal((await read(entry)).placeholder, true);
    await Deno.writeTextFile(cert, "half a fi");
    assert.equal((await read(entry)).placeholder, true);
    // root reads whatever may not be read, but no link that leads to itself
    await Deno.symlink(key, key);
    await Deno.remove(cert);
    await Deno.symlink(cert, cert);
    assert.equal(await read(entry), own);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
