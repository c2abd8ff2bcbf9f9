import assert from "node:assert/strict";
import { testCertificates } from "../../tests/support/certificates.ts";
import { within } from "../../tests/support/deadline.ts";
import { StuckSockets } from "./stuck_sockets.ts";

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test(`StuckSockets.free() ends the socket of one client at ${hostname} and no other`, async () => {
    using listener = Deno.listen({ hostname, port: 0 });
    const [first, second] = [await pairOf(listener), await pairOf(listener)];
    const stuck = new StuckSockets();
    const local = endOf(listener.addr);
    const peer = endOf(first.far.localAddr);
    const other = endOf(second.far.localAddr);
    // an address alone or a port alone is not enough
    stuck.free({ local, peer: { ...peer, port: 1 } });
    stuck.free({ local, peer: { ...other, host: hostname === "::1" ? "::2" : "127.0.0.2" } });
    stuck.free({ local, peer });
    const buffer = new Uint8Array(9);
    assert.equal(await within(first.far.read(buffer), "the end"), null);
    await second.near.write(new Uint8Array(3));
    assert.equal(await within(second.far.read(buffer), "three bytes"), 3);
    for (const { near, far } of [first, second]) {
      near.close();
      far.close();
    }
  });
}

Deno.test("StuckSockets.free() finds an IPv4 client of a listener on all addresses", async () => {
  using listener = Deno.listen({ hostname: "::", port: 0 });
  using far = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using _near = await listener.accept();
  new StuckSockets().free({ local: endOf(far.remoteAddr), peer: endOf(far.localAddr) });
  assert.equal(await within(far.read(new Uint8Array(9)), "the end"), null);
});

/** When this fails the runtime has been mended: then `close` alone does, and this file can go. */
Deno.test("the runtime leaves a socket open whose handshake is not done", async () => {
  const { ec } = await testCertificates();
  const [cert, key] = [await Deno.readTextFile(ec.cert), await Deno.readTextFile(ec.key)];
  using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const local = endOf(listener.addr as Deno.NetAddr);
  const accepted = listener.accept();
  using far = await Deno.connect({ hostname: local.host, port: local.port });
  (await accepted).close();
  const reading = far.read(new Uint8Array(9));
  const late = new Promise((resolve) => setTimeout(() => resolve("open"), 200));
  assert.equal(await Promise.race([reading, late]), "open");
  new StuckSockets().free({ local, peer: endOf(far.localAddr) });
  assert.equal(await within(reading, "the end"), null);
});

async function pairOf(
  listener: Deno.TcpListener,
): Promise<{ near: Deno.TcpConn; far: Deno.TcpConn }> {
  const accepted = listener.accept();
  const { hostname, port } = listener.addr;
  const far = await Deno.connect({ hostname, port });
  return { near: await accepted, far };
}

function endOf({ hostname: host, port }: Deno.NetAddr) {
  return { host, port };
}
