import assert from "node:assert/strict";
import { createTestAuthority } from "../../tests/support/authority.ts";
import { TlsClient } from "./tls_client.ts";

Deno.test("secure() believes a certificate for the server's address, whatever the zone of that", async () => {
  const authority = await createTestAuthority();
  const files = await authority.issue({ subject: "/CN=server", names: ["fe80::1"] });
  const [ca, cert, key] = await Promise.all(
    [authority.ca, files.cert, files.key].map((path) => Deno.readTextFile(path)),
  );
  assert.ok(cert !== undefined && key !== undefined);
  using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const tls = { ca, name: undefined, shown: undefined, verify: true, digest: "" };
  const secure = async (host: string) => {
    using socket = await Deno.connect({ port: listener.addr.port });
    using server = await listener.accept();
    const shaken = server.handshake().catch(() => {});
    const secured = await new TlsClient({ tls, host }).secure(socket, []).finally(() => shaken);
    secured.close();
  };
  await secure("fe80::1");
  await secure("fe80::1%eth0");
  await assert.rejects(secure("fe80::2%eth0"), /for another name than fe80::2 /);
});
