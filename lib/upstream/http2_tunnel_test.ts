import assert from "node:assert/strict";
import { type Seen, ServerEnd } from "../../tests/support/http2_end.ts";
import { headers, opening, requestFields, windowUpdate } from "../../tests/support/http2_frames.ts";
import { SETTING } from "../http2/wire.ts";
import { Http2Tunnel } from "./http2_tunnel.ts";

Deno.test("Http2Tunnel tells what its peer takes of a piece", async () => {
  const end = new ServerEnd();
  const { connection } = end;
  connection.feed(opening([[SETTING.initialWindowSize, 10]]));
  const asked = { ":method": "CONNECT", ":protocol": "websocket" };
  connection.feed(headers(1, requestFields(asked), { ended: false }));
  const stream = end.streams.get(1);
  assert.ok(stream !== undefined);
  connection.respond(stream, 200, () => {}, false);
  const tunnel = new Http2Tunnel<Seen>(connection, stream);
  end.whenTaken(stream, () => tunnel.sent());
  const writing = tunnel.write(new Uint8Array(1000));
  for (const more of [20, 400]) {
    const before = tunnel.taken;
    end.output();
    assert.equal(tunnel.taken, before, "nothing is taken");
    connection.feed(windowUpdate(1, more));
    end.output();
    assert.ok(tunnel.taken >= before + more);
  }
  assert.equal(tunnel.bytes.written, 1000);
  connection.feed(windowUpdate(1, 1000));
  end.output();
  await writing;
});
