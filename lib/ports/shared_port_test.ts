import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import { cannotListen, claimPort } from "./shared_port.ts";

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

Deno.test("cannotListen() says what to do", () => {
  const CASES = [
    [
      443,
      "EACCES",
      /^Cannot listen on 0\.0\.0\.0:443: .*sudo setcap .*\/\S+, .*systemd .*=CAP_NET/,
    ],
    [8443, "EACCES", /^Cannot listen on 0\.0\.0\.0:8443: permission denied$/],
    [443, "EADDRINUSE", /: another program has it; sudo ss -ltnp "sport = :443" tells which$/],
    [443, "EADDRNOTAVAIL", /: no interface of this machine has that address$/],
    [443, "EAFNOSUPPORT", /: this machine has no IPv6$/],
    [443, "EINVAL", /: what the system says$/],
    [443, "EXDEV", /^Cannot listen on 0\.0\.0\.0:443: what the system says$/],
  ] as const;
  for (const [port, code, message] of CASES) {
    const error = Object.assign(new Error("what the system says"), { code });
    assert.match(cannotListen({ host: "0.0.0.0", port }, error).message, message);
  }
});

Deno.test("cannotListen() asks for the interface of an address that every link has", () => {
  const error = Object.assign(new Error("Invalid argument (os error 22)"), { code: "EINVAL" });
  assert.match(
    cannotListen({ host: "fe80::1", port: 443 }, error).message,
    /^Cannot listen on \[fe80::1\]:443: .* takes the name of its interface, .* \[fe80::1%eth0\]:443$/,
  );
});
