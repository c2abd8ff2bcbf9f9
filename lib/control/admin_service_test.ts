import assert from "node:assert/strict";
import { unusedPort } from "../../tests/support/backends.ts";
import { AdminService, type AdminTarget } from "./admin_service.ts";
import { Monitor } from "./monitor.ts";

/** A proxy of which nothing is ever known. */
const TARGET = { refresh: () => new Promise<void>(() => {}) } as Partial<AdminTarget>;

const TOKENS = ["0123456789abcdef", "fedcba9876543210"] as const;

Deno.test("AdminService asks for the token of a configuration before that is in force", async () => {
  const folder = await Deno.makeTempDir();
  using monitor = new Monitor({ dropped: 0 });
  await using admin = new AdminService(monitor, TARGET as AdminTarget);
  const port = await unusedPort();
  const prepare = async (token: string) => {
    await Deno.writeTextFile(`${folder}/token`, token);
    const listen = { host: "127.0.0.1", port };
    return await admin.prepare({ listen, tokenFile: `${folder}/token`, hosts: [] });
  };
  const askWith = async (token?: string) => {
    const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(`http://127.0.0.1:${port}/nothing`, { headers });
    await response.text();
    return response.status;
  };
  try {
    const first = await prepare(TOKENS[0]);
    assert.deepEqual([await askWith(), await askWith(TOKENS[0])], [401, 404]);
    await first.commit();
    const next = await prepare(TOKENS[1]);
    assert.deepEqual([await askWith(TOKENS[0]), await askWith(TOKENS[1])], [404, 401]);
    await next.commit();
    assert.deepEqual([await askWith(TOKENS[0]), await askWith(TOKENS[1])], [401, 404]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
