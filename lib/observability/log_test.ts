import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import type { ProxyEvent } from "./event.ts";
import { type LogOptions, openLog } from "./log.ts";

const peer = { host: "127.0.0.1", port: 5555 };
const tls = {
  sni: undefined,
  alpn: undefined,
  protocol: "TLSv1.3",
  cipher: undefined,
  resumed: undefined,
  handshakeMs: 1,
};
const request: ProxyEvent = {
  kind: "request",
  id: "0af7-1",
  client: undefined,
  peer,
  method: "GET",
  target: "/{x}?{{y}}{*}",
  host: "localhost",
  status: 200,
  bytesIn: 0,
  bytesOut: 0,
  durationMs: 1,
  backend: undefined,
  server: undefined,
  error: undefined,
};
const EVENTS: readonly ProxyEvent[] = [
  { kind: "handshake", peer, tls },
  {
    kind: "handshake_failed",
    peer,
    sni: undefined,
    error: new ProxyError("not_tls", "not TLS"),
  },
  request,
  { ...request, error: new ProxyError("connect_failed", "refused") },
  {
    kind: "connection_end",
    peer,
    bytesIn: 0,
    bytesOut: 0,
    durationMs: 1,
    requests: 1,
    server: undefined,
    how: "done",
  },
];

const CASES: readonly { options: LogOptions; words: readonly string[] }[] = [
  {
    options: { level: "info", access: true, tls: true },
    words: ["info handshake", "warning handshake", "info request", "warning request", "info end"],
  },
  {
    options: { level: "info", access: true, tls: false },
    words: ["warning handshake", "info request", "warning request", "info end"],
  },
  {
    options: { level: "info", access: false, tls: true },
    words: ["warning handshake", "warning request"],
  },
  {
    options: { level: "warning", access: true, tls: true },
    words: ["warning handshake", "warning request"],
  },
  { options: { level: "error", access: true, tls: true }, words: [] },
];

Deno.test("openLog() leaves out what the options say", async () => {
  for (const { options, words } of CASES) {
    const lines = await logged(EVENTS, options);
    assert.deepEqual(lines.map((line) => line.split(" ").slice(1, 3).join(" ")), words);
  }
});

Deno.test("openLog() writes time, level and the line as it was formatted", async () => {
  const [line = ""] = await logged([request], { level: "debug", access: true, tls: true });
  assert.match(
    line,
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info request peer=127\.0\.0\.1:5555 /,
  );
  assert.ok(line.includes(" target=/{x}?{{y}}{*} "), line);
});

async function logged(events: readonly ProxyEvent[], options: LogOptions): Promise<string[]> {
  let text = "";
  const log = await openLog(options, {
    write(bytes) {
      text += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    },
  });
  for (const event of events) log.observe(event);
  await log.close();
  return text.split("\n").slice(0, -1);
}
