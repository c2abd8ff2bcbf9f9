import assert from "node:assert/strict";
import type { Status } from "../lib/metrics/status.ts";
import { startHttp, unusedPort } from "./support/backends.ts";
import { type Browser, type Page, startBrowser } from "./support/browser.ts";
import { testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { encodeAnswer, encodeRequest, readAnswer } from "./support/http.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";

/** The server's state as the page shows it. */
const stateOf = (address: string) =>
  `document.querySelector('[data-backend="app"][data-server="${address}"] td:nth-child(3)')?.className`;

Deno.test("the dashboard shows a running proxy live, in a real browser", async () => {
  const { ec } = await testCertificates();
  const stable = await startHttp();
  const fragile = await startHttp(() => encodeAnswer("hello"), { brokenOff: true });
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends:
  app:
    servers: ["${stable.address}", "${fragile.address}"]
    health: { type: tcp, interval: 500ms }
  plain: { servers: ["${stable.address}"] }
routes: [{ paths: [/plain], backend: plain }, { backend: app }]
admin: { listen: "127.0.0.1:0" }
`);
  const [, url = ""] = await proxy.says.first(/admin page: (http:\S+)/);
  await using browser = await startBrowser();
  await using load = startLoad(proxy.port);
  const page = await browser.open(url);

  await page.until("document.getElementById('state').textContent === 'serving'", "the state");
  await page.until("Number(document.getElementById('rate').textContent) > 0", "requests a second");
  // each with its unit
  const latency = "document.getElementById('latency').textContent";
  await page.until(`/^\\d\\S* m?s \\/ \\d\\S* m?s$/.test(${latency})`, "the latency");
  const alarm = "document.getElementById('alarm')";
  assert.equal(await page.evaluate(`${alarm}.hidden`), true, "nothing is wrong");
  const shown = "document.querySelector('[data-backend=\"plain\"] td:nth-child(3)').textContent";
  assert.equal(await page.evaluate(shown), "not checked");
  const points = "document.querySelector('#rate-plot polyline').getAttribute('points')";
  const before = await page.evaluate<string>(points);
  await page.until(`${points} !== ${JSON.stringify(before)}`, "the plot to move");
  await page.until("Number(document.getElementById('connections').textContent) >= 1", "the load");

  using noise = await connectTcp(proxy.port);
  await noise.write("this is no handshake\r\n\r\n");
  await page.until("document.getElementById('handshakes').textContent === '1'", "the failure");
  await page.until(
    "document.getElementById('failures').innerText.includes('bad_client_hello')",
    "its row",
  );

  await page.until(`${stateOf(fragile.address)} === 'up'`, "both to be well");
  await fragile[Symbol.asyncDispose]();
  await page.until(`${stateOf(fragile.address)} === 'down'`, "the killed server to be red");
  const red = `getComputedStyle(document.querySelector('td.down')).color`;
  assert.match(await page.evaluate<string>(red), /^rgb\((?:1[5-9]\d|2\d\d), \d{1,2}, \d{1,2}\)$/);
  await page.until(`!${alarm}.hidden`, "something at the top");
  const top = `${alarm}.className + ": " + ${alarm}.textContent`;
  assert.equal(await page.evaluate(top), `soon: app: ${fragile.address} cannot be used`);
  // whoever notices first: a check, or a request
  const news = "/server (?:failed|down)/.test(document.getElementById('recent').innerText)";
  await page.until(news, "news");

  await drains(page, stable.address);
  await isAccessible(page);
  assert.deepEqual(page.errors, []);
  await fitsPhone(browser, { url, server: stable.address });

  await load[Symbol.asyncDispose]();
  await stable[Symbol.asyncDispose]();
  await page.until(`${alarm}.className === 'bad'`, "red at the top");
  assert.match(await page.evaluate(`${alarm}.textContent`), /^app is down: /);
  assert.match(
    await page.evaluate(`getComputedStyle(${alarm}).backgroundColor`),
    /^rgb\(2\d\d, \d{1,2}, \d{1,2}\)$/,
  );
});

Deno.test("the dashboard tells of a certificate that a CA does not give, in its words", async () => {
  await using backend = await startHttp();
  const { ca } = await testCertificates();
  await using config = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ acme: [www.example.test, example.test] }]
acme: { directory: "https://localhost:${await unusedPort()}/dir", accept_terms: true, ca_file: ${ca} }
backends: { app: { servers: ["${backend.address}"] } }
routes: [{ backend: app }]
admin: { listen: "127.0.0.1:0" }
`);
  await using proxy = await startConfigured(config, {
    grants: [`--allow-write=${config.folder}/acme`],
  });
  await proxy.log.first(/certificate not obtained .*cannot be reached/);
  const [, url = ""] = await proxy.says.first(/admin page: (http:\S+)/);
  const { acme: [told] }: Status = await (await fetch(`${url}status`)).json();
  assert.deepEqual(told?.names, ["www.example.test", "example.test"]);
  assert.match(told.reason, /^the CA cannot be reached: /);
  const metrics = await (await fetch(`${url}metrics`)).text();
  const page = await Deno.readTextFile(new URL("../docs/metrics-and-admin.md", import.meta.url));
  for (const name of ["certificate_held", "due_timestamp_seconds", "failures"]) {
    const line = new RegExp(`^tls_proxy_acme_${name}\\{certificate="www.example.test"\\} \\d`, "m");
    assert.match(metrics, line);
    assert.ok(page.includes(`\`acme_${name}\``));
  }
  assert.match(metrics, /^tls_proxy_acme_certificate_held\{.*\} 0$/m);
  await using browser = await startBrowser();
  const shown = await browser.open(url);
  const row = "document.getElementById('acme').innerText";
  await shown.until(`${row}.includes('the CA cannot be reached')`, "the CA's words");
  assert.match(
    await shown.evaluate(row),
    /^www\.example\.test, example\.test\s+none yet, failed \d+×/,
  );
  const alarm = "document.getElementById('alarm').textContent";
  assert.equal(await shown.evaluate(alarm), "www.example.test has no certificate yet");
  assert.deepEqual(shown.errors, []);
});

Deno.test("the dashboard shows a backend whose name was never found, and that it is down", async () => {
  const { ec } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { app: { servers: ["dns:nothing.invalid:80"] }, other: { servers: ["127.0.0.1:9"] } }
routes: [{ paths: [/other], backend: other }, { backend: app }]
admin: { listen: "127.0.0.1:0" }
`);
  const [, url = ""] = await proxy.says.first(/admin page: (http:\S+)/);
  await using browser = await startBrowser();
  const page = await browser.open(url);
  const alarm = "document.getElementById('alarm').textContent";
  await page.until(`${alarm} === 'app is down: none of its servers can be used'`, "the alarm");
  const row = `document.querySelector('[data-backend="app"]').innerText`;
  assert.match(await page.evaluate(row), /^app\s+no address found$/);
  assert.deepEqual(page.errors, []);
});

Deno.test("the dashboard says why a server is not taken back in, until something else is done", async () => {
  const [drained, other] = ["127.0.0.1:9", "127.0.0.1:10"];
  const { ec } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { app: { servers: [{ address: "${drained}", drain: true }, "${other}"] } }
routes: [{ backend: app }]
admin: { listen: "127.0.0.1:0" }
`);
  const [, url = ""] = await proxy.says.first(/admin page: (http:\S+)/);
  await using browser = await startBrowser();
  const page = await browser.open(url);
  await page.until(`${stateOf(drained)} === 'draining'`, "the state");
  await press(page, `Take ${drained} back in`);
  const live = "document.getElementById('live')";
  const said = `DELETE /drain/app/${drained}: The configuration has it drain`;
  await page.until(
    `${live}.textContent === "${said}" && ${live}.className === 'lost'`,
    "the reason",
  );
  await press(page, `Drain ${other}`);
  await page.until(`${live}.textContent === 'live' && ${live}.className === 'live'`, "good news");
});

Deno.test("the dashboard tells of a quiet proxy as it is, and of one that is gone", async () => {
  const server = "127.0.0.1:9";
  const proxy = await startConfigured({
    backends: { app: server },
    settings: { admin: { listen: "127.0.0.1:0" } },
  });
  const [, url = ""] = await proxy.says.first(/admin page: (http:\S+)/);
  await using browser = await startBrowser();
  const page = await browser.open(url);
  try {
    await page.until(`document.getElementById("live").textContent === "live"`, "news");
    const most = `document.getElementById("rate-max").textContent`;
    assert.equal(await page.evaluate(most), "0");
  } finally {
    await proxy[Symbol.asyncDispose]();
  }
  await page.evaluate(`{
    window.said = [];
    const live = document.getElementById("live");
    new MutationObserver(() => said.push(live.textContent)).observe(live, { childList: true });
  }`);
  await press(page, `Drain ${server}`);
  await page.until(`said.includes("POST /drain/app/${server}: no answer")`, "words for it");
  await page.evaluate(`document.getElementById("reload").click()`);
  await page.until(`said.includes("POST /reload: no answer")`, "words for it");
});

Deno.test("the dashboard tries again also where it was refused", async () => {
  await using proxy = await startConfigured({
    backends: { app: "127.0.0.1:9" },
    settings: { admin: { listen: "127.0.0.1:0" } },
  });
  const [, url = "", port = ""] = await proxy.says.first(/admin page: (http:\S+:(\d+)\/)$/);
  const others = Array.from({ length: 16 }, () => connectTcp(Number(port)));
  for (const other of await Promise.all(others)) {
    await other.write(encodeRequest("/events", { host: "localhost" }));
    await other.readUntil("\r\n");
  }
  await using browser = await startBrowser();
  const page = await browser.open(url);
  const live = "document.getElementById('live').textContent";
  await page.until(`${live} === 'connection lost, trying again'`, "it to be refused");
  for (const other of await Promise.all(others)) other[Symbol.dispose]();
  await page.until(`${live} === 'live'`, "it to be served");
});

async function drains(page: Page, address: string): Promise<void> {
  await press(page, `Drain ${address}`);
  await page.until(`${stateOf(address)} === 'draining'`, "it to drain");
  await press(page, `Take ${address} back in`);
  await page.until(`${stateOf(address)} !== 'draining'`, "it to be back");
}

/** A button, as a person does. */
async function press(page: Page, label: string): Promise<void> {
  await page.evaluate(`document.querySelector('[aria-label="${label}"]').click()`);
}

async function isAccessible(page: Page): Promise<void> {
  const nodes = await page.accessible();
  const named = (wanted: string) => nodes.filter(({ role }) => role === wanted);
  for (const role of ["button", "image", "table", "heading", "region"]) {
    assert.ok(named(role).length > 0, `there is a ${role}`);
    assert.deepEqual(named(role).filter(({ name }) => name === ""), [], `every ${role} has a name`);
  }
  const [plot] = named("image");
  assert.match(plot?.name ?? "", /^Requests a second: \d+ now, \d+ at most$/);
}

async function fitsPhone(
  browser: Browser,
  { url, server }: { url: string; server: string },
): Promise<void> {
  const page = await browser.open(url, { width: 360, height: 740, dark: true });
  await page.until("document.getElementById('state').textContent === 'serving'", "the state");
  const width = await page.evaluate<number>("document.documentElement.scrollWidth");
  assert.ok(width <= 360, `nothing stands out: ${width} pixels`);
  // without scrolling sideways
  const row = `document.querySelector('[data-server="${server}"]')`;
  for (const part of ["td[data-label=Active]", "[aria-label^=Drain]"]) {
    const edges = `(({ left, right, width }) => [left, innerWidth - right, width])` +
      `(${row}.querySelector('${part}').getBoundingClientRect())`;
    const [left = -1, right = -1, size = 0] = await page.evaluate<number[]>(edges);
    assert.ok(left >= 0 && right >= 0 && size > 20, `${part} can be seen: ${left}, ${right}`);
  }
  const background = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
  assert.equal(background, "rgb(17, 21, 27)", "it is dark");
  assert.deepEqual(page.errors, []);
}

/** One client that asks and asks until it is disposed. */
function startLoad(port: number): AsyncDisposable {
  let over = false;
  const done = (async () => {
    while (!over) {
      using client = await connectTls(port);
      for (let i = 0; i < 50 && !over; i++) {
        await client.write(encodeRequest("/"));
        await readAnswer(client);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      over = true;
      await done;
    },
  };
}
