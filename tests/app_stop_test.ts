import assert from "node:assert/strict";
import { startApp } from "../lib/app.ts";
import { loadConfigFile } from "../lib/control/load.ts";
import { unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { ConfigFile, plainYaml } from "./support/config_file.ts";
import { connectTcp } from "./support/tls_client.ts";

const { ec } = await testCertificates();

const yaml = (port: number) => plainYaml(port, ec);

Deno.test("a reload that is under way when the proxy is stopped opens nothing", async () => {
  const [first, second] = [await unusedPort(), await unusedPort()];
  await using file = await ConfigFile.create(yaml(first));
  const load = async () => {
    const { loaded } = await loadConfigFile(file.path, { now: new Date(), expiredIsError: false });
    assert.ok(loaded !== undefined);
    return loaded;
  };
  const app = await startApp(await load(), () => {});
  await file.write(yaml(second));
  const { commit } = await app.prepare(await load());
  (await connectTcp(second)).close();
  assert.equal(await app.drain(), 0);
  await commit();
  assert.equal(app.loaded.config.listeners[0]?.listen.port, first);
  for (const port of [first, second]) {
    await assert.rejects(connectTcp(port), /refused/i);
  }
});
