import assert from "node:assert/strict";
import { testCertificates } from "../../tests/support/certificates.ts";
import { within } from "../../tests/support/deadline.ts";
import { OwnSockets } from "./own_sockets.ts";

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test(`OwnSockets.free() ends the socket of one client at ${hostname} and no other`, async () => {
    using listener = Deno.listen({ hostname, port: 0 });
    const [first, second] = [await pairOf(listener), await pairOf(listener)];
    const sockets = new OwnSockets();
    const local = endOf(listener.addr);
    const peer = endOf(first.far.localAddr);
    const other = endOf(second.far.localAddr);
    // an address alone or a port alone is not enough
    sockets.free({ local, peer: { ...peer, port: 1 } });
    sockets.free({ local, peer: { ...other, host: hostname === "::1" ? "::2" : "127.0.0.2" } });
    sockets.free({ local, peer });
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

Deno.test("OwnSockets.free() finds an IPv4 client of a listener on all addresses", async () => {
  using listener = Deno.listen({ hostname: "::", port: 0 });
  using far = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using _near = await listener.accept();
  new OwnSockets().free({ local: endOf(far.remoteAddr), peer: endOf(far.localAddr) });
  assert.equal(await within(far.read(new Uint8Array(9)), "the end"), null);
});

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test(`OwnSockets.reset() has the socket at ${hostname} end by a RST, and no other`, async () => {
    using listener = Deno.listen({ hostname, port: 0 });
    const [first, second] = [await pairOf(listener), await pairOf(listener)];
    const sockets = new OwnSockets();
    const ends = (far: Deno.TcpConn) => ({
      local: endOf(far.localAddr),
      peer: endOf(far.remoteAddr),
    });
    await first.far.write(new Uint8Array(3));
    // one that is not there is waited for no longer than others
    const gone = { ...ends(second.far), local: { host: hostname, port: 1 } };
    await within(
      Promise.all([sockets.reset(ends(first.far)), sockets.reset(gone)]),
      "sockets to be looked for",
    );
    for (const { far } of [first, second]) far.close();
    const buffer = new Uint8Array(9);
    assert.equal(await within(first.near.read(buffer), "what was sent before"), 3);
    await assert.rejects(
      within(first.near.read(buffer), "the RST"),
      Deno.errors.ConnectionReset,
    );
    assert.equal(await within(second.near.read(buffer), "the end"), null);
    for (const { near } of [first, second]) near.close();
  });
}

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
  new OwnSockets().free({ local, peer: endOf(far.localAddr) });
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
