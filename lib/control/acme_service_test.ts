import assert from "node:assert/strict";
import { loadedConfig } from "../../tests/support/loaded_config.ts";
import { eventually, within } from "../../tests/support/deadline.ts";
import type { ProxyEvent } from "../core/event.ts";
import { AcmeService } from "./acme_service.ts";

/** A configuration with a certificate from a CA that nobody is. */
const configOf = (store: string, { name, challenge }: { name: string; challenge: string }) =>
  loadedConfig(JSON.stringify({
    listeners: [
      { listen: "127.0.0.1:1", engine: "openssl" },
      { listen: "127.0.0.1:2", redirect: "https" },
    ],
    certificates: [{ acme: [name] }],
    acme: { directory: "https://127.0.0.1:1/dir", accept_terms: true, challenge, store },
    backends: { site: { servers: ["127.0.0.1:3"] } },
    routes: [{ backend: "site" }],
  })).config;

Deno.test("AcmeService looks at names by the challenge that a reload has chosen", async () => {
  const folder = await Deno.makeTempDir();
  const { fetch } = globalThis;
  // every name leads to somebody else, who has much to say
  const endless = () =>
    new ReadableStream({ pull: (to) => to.enqueue(new TextEncoder().encode("theirs")) });
  globalThis.fetch = (input, init) =>
    String(input).includes("/.well-known/")
      ? Promise.resolve(new Response(endless(), { status: 404 }))
      : fetch(input, init);
  let told = Promise.withResolvers<ProxyEvent>();
  using acme = new AcmeService({
    publish: () => Promise.resolve(),
    serve: () => Promise.resolve(),
    observe: (event) => told.resolve(event),
  });
  const reasonOf = async (name: string, challenge: string) => {
    told = Promise.withResolvers();
    const staged = await acme.prepare(configOf(`${folder}/store`, { name, challenge }));
    await staged.commit();
    const event = await within(told.promise, () => "news of a certificate");
    await eventually(
      () => Deno.stat(`${folder}/store/${name}/state.json`).catch(() => {}),
      "its end",
    );
    return event.kind === "certificate_failed" ? event.reason : event.kind;
  };
  try {
    assert.match(await reasonOf("a.test", "http-01"), /^a\.test leads to another server: /);
    assert.match(await reasonOf("b.test", "tls-alpn-01"), /^the CA cannot be reached: /);
    assert.match(await reasonOf("c.test", "auto"), /^c\.test leads to another server: /);
  } finally {
    globalThis.fetch = fetch;
    await Deno.remove(folder, { recursive: true });
  }
});
