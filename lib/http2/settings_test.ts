import assert from "node:assert/strict";
import { Http2Error } from "./http2_error.ts";
import { PeerSettings } from "./settings.ts";
import { ERROR, SETTING } from "./wire.ts";

/** What each may be, at both ends, and what it may not (RFC 9113, section 6.5.2). */
const BOUNDS: readonly [
  setting: keyof typeof SETTING,
  allowed: readonly number[],
  refused: readonly number[],
  code: number,
][] = [
  ["headerTableSize", [0, 0xffff_ffff], [], 0],
  ["enablePush", [0, 1], [2], ERROR.protocolError],
  ["maxConcurrentStreams", [0, 0xffff_ffff], [], 0],
  ["initialWindowSize", [0, 0x7fff_ffff], [0x8000_0000, 0xffff_ffff], ERROR.flowControlError],
  ["maxFrameSize", [16_384, 16_777_215], [0, 16_383, 16_777_216], ERROR.protocolError],
  ["maxHeaderListSize", [0, 0xffff_ffff], [], 0],
  ["enableConnectProtocol", [0, 1], [2], ERROR.protocolError],
  ["noRfc7540Priorities", [0, 1], [2], ERROR.protocolError],
];

for (const [name, allowed, refused, code] of BOUNDS) {
  Deno.test(`PeerSettings.apply() takes ${name} within its bounds`, () => {
    const settings = new PeerSettings(true);
    for (const value of allowed) settings.apply(SETTING[name], value);
    for (const value of refused) {
      assert.throws(() => settings.apply(SETTING[name], value), (error) => {
        assert.ok(error instanceof Http2Error);
        assert.equal(error.code, code, String(value));
        return true;
      });
    }
  });
}

Deno.test("PeerSettings.apply() keeps what matters, and passes over what it does not know", () => {
  const settings = new PeerSettings(true);
  const said = () => [
    settings.headerTableBytes,
    settings.maxStreams,
    settings.initialWindow,
    settings.connectProtocol,
  ];
  assert.deepEqual(said(), [4096, Infinity, 65_535, false]);
  settings.apply(SETTING.headerTableSize, 1);
  settings.apply(SETTING.maxConcurrentStreams, 2);
  settings.apply(SETTING.initialWindowSize, 3);
  settings.apply(SETTING.enableConnectProtocol, 1);
  for (const unknown of [0, 7, 0xa, 0xffff]) settings.apply(unknown, 0xffff_ffff);
  assert.deepEqual(said(), [1, 2, 3, true]);
  settings.apply(SETTING.enableConnectProtocol, 0);
  assert.equal(settings.connectProtocol, false);
});

Deno.test("PeerSettings.apply() lets a server say nothing of pushes but that there are none", () => {
  const settings = new PeerSettings(false);
  settings.apply(SETTING.enablePush, 0);
  assert.throws(() => settings.apply(SETTING.enablePush, 1), { code: ERROR.protocolError });
});
