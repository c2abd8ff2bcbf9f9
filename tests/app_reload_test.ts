import assert from "node:assert/strict";
import { startApp } from "../lib/app.ts";
import { loadConfigFile } from "../lib/control/load.ts";
import { ask } from "./support/ask.ts";
import { unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { certificateYaml, ConfigFile } from "./support/config_file.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { ENGINES } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";

const { ec } = await testCertificates();

const LOCAL = { sni: "localhost" } as const;

for (const kind of [...ENGINES, "plain"] as const) {
  Deno.test(`a listener that is new serves by the configuration that it is of (${kind})`, async () => {
    const [first, second] = [await unusedPort(), await unusedPort()];
    const more = kind === "plain" ? "tls: false" : `engine: ${kind}`;
    const yaml = (body: string, ...others: string[]) => `
listeners: [{ listen: "127.0.0.1:${first}" }, ${others.join(", ")}]
certificates: [${certificateYaml(ec)}]
routes: [{ respond: { body: ${body} } }]
`;
    await using file = await ConfigFile.create(yaml("before"));
    const load = async () => {
      const options = { now: new Date(), expiredIsError: false };
      const { loaded, problems } = await loadConfigFile(file.path, options);
      assert.ok(loaded !== undefined, JSON.stringify(problems));
      return loaded;
    };
    const app = await startApp(await load(), () => {});
    const askSecond = async () => {
      using client = await (kind === "plain" ? connectTcp(second) : connectTls(second));
      await client.write(encodeRequest("/"));
      return (await readAnswer(client)).body;
    };
    await file.write(yaml("after", `{ listen: "127.0.0.1:${second}", ${more} }`));
    const next = await load();
    const dropped = await app.prepare(next);
    const refused = assert.rejects(askSecond());
    assert.equal((await ask(first, LOCAL)).body, "before");
    await dropped.drop();
    await refused;
    const { commit } = await app.prepare(next);
    const answer = askSecond();
    assert.equal((await ask(first, LOCAL)).body, "before");
    await commit();
    assert.equal(await answer, "after");
    assert.equal((await ask(first, LOCAL)).body, "after");
    await app.drain();
  });
}
