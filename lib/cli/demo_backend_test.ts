import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { formatAddress } from "../core/address.ts";
import { startDemoBackend } from "./demo_backend.ts";

Deno.test("startDemoBackend() answers with the request line and the headers", async () => {
  const text = await ask("/x?a=b", { headers: { "X-Forwarded-For": "192.0.2.1" } });
  const lines = text.split("\n");
  assert.equal(lines[0], "GET /x?a=b HTTP/1.1");
  assert.ok(lines.includes("x-forwarded-for: 192.0.2.1"));
  assert.ok(lines.includes("(no body)"));
});

const TEXT = "grüß\tgott\r\n";
const BODIES: readonly [why: string, body: Uint8Array<ArrayBuffer>, echoed: boolean][] = [
  ["empty", new Uint8Array(0), false],
  ["small text", new TextEncoder().encode(TEXT), true],
  ["small, not UTF-8", new Uint8Array([0xff, 0xfe]), false],
  ["small, control characters", new TextEncoder().encode("\x1b[2J"), false],
  ["text, but large", new TextEncoder().encode("a".repeat(4096)), false],
  ["many chunks", new Uint8Array(3_000_000), false],
];

Deno.test("startDemoBackend() measures bodies, and echoes small text", async () => {
  for (const [why, body, echoed] of BODIES) {
    const text = await ask("/", { method: "POST", body });
    const hash = createHash("sha256").update(body).digest("hex");
    const [, rest = ""] = text.split(`(body: ${body.length} bytes, sha-256 ${hash})\n`);
    assert.equal(rest, echoed ? `${TEXT}\n` : body.length === 0 ? rest : "", why);
  }
});

Deno.test("startDemoBackend() close() ends kept connections at once", async () => {
  const backend = await startDemoBackend();
  const connection = await Deno.connect({
    hostname: backend.address.host,
    port: backend.address.port,
  });
  await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  await connection.read(new Uint8Array(4096));
  await backend.close();
  assert.equal(await connection.read(new Uint8Array(1)), null);
  connection.close();
});

async function ask(path: string, init: RequestInit): Promise<string> {
  const backend = await startDemoBackend();
  try {
    const response = await fetch(`http://${formatAddress(backend.address)}${path}`, init);
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
    return await response.text();
  } finally {
    await backend.close();
  }
}
