import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import { claimPort } from "./shared_port.ts";

Deno.test("claimPort() chooses a free port, or takes the one asked for", () => {
  const port = claimPort({ host: "127.0.0.1", port: 0 });
  assert.ok(port > 0);
  assert.equal(claimPort({ host: "127.0.0.1", port }), port);
});

Deno.test("claimPort() refuses a port in use, also one that its owner would share", () => {
  for (const reusePort of [false, true]) {
    const options: Deno.TcpListenOptions & { reusePort: boolean } = {
      hostname: "127.0.0.1",
      port: 0,
      reusePort,
    };
    using listener = Deno.listen(options);
    const { port } = listener.addr;
    assert.throws(
      () => claimPort({ host: "127.0.0.1", port }),
      (error) =>
        error instanceof ProxyError && error.code === "bad_config" &&
        error.message.startsWith(`Cannot listen on 127.0.0.1:${port}: `),
    );
  }
});
