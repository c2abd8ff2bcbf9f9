import { type AnnouncedServer, startAnnounced } from "./announced_server.ts";

/**
 * Starts a server of HTTP/2 without TLS, by node:http2. It says `session` for each connection, and a
 * line for each request and reset.
 *
 * @param handler the body of a JavaScript function that gets `stream`, `head`, and the `tell` that
 *   writes a line; it answers
 * @param settings of the server, as node:http2 has them
 */
export function startNodeHttp2(handler: string, settings = {}): Promise<AnnouncedServer> {
  const program = PROGRAM.replace("HANDLER", handler).replace("SETTINGS", JSON.stringify(settings));
  return startAnnounced("node", ["-e", program]);
}

const PROGRAM = `
const http2 = require("node:http2");
const server = http2.createServer({ settings: SETTINGS });
const tell = (line) => console.log(line);
let sessions = 0;
server.on("session", (session) => {
  session.number = ++sessions;
  tell("session " + session.number);
  session.on("error", () => {});
  session.on("close", () => tell("session over"));
});
server.on("stream", (stream, head) => {
  stream.on("error", () => {});
  stream.on("aborted", () => tell("aborted " + head[":path"] + " " + stream.rstCode));
  HANDLER
});
server.listen(0, "127.0.0.1", () => tell("port " + server.address().port));
`;

/** A handler that takes every stream for a WebSocket, and sends back each frame that it gets. */
export const ECHO_FRAMES = `
  tell([head[":method"], head[":protocol"], head[":path"], head["sec-websocket-key"] ?? "-"].join(" "));
  if (head[":path"] === "/refused") { stream.respond({ ":status": 403 }); return stream.end("no"); }
  stream.respond({ ":status": 200, "sec-websocket-protocol": "chat", "sec-websocket-accept": "?" });
  let kept = Buffer.alloc(0);
  stream.on("data", (part) => {
    kept = Buffer.concat([kept, part]);
    while (kept.length >= 10 || (kept.length >= 6 && (kept[1] & 127) < 126)) {
      const short = kept[1] & 127;
      const at = short === 127 ? 10 : short === 126 ? 4 : 2;
      const length = short === 127 ? Number(kept.readBigUInt64BE(2)) : short === 126 ? kept.readUInt16BE(2) : short;
      const end = at + 4 + length;
      if (kept.length < end) return;
      const frame = Buffer.from(kept.subarray(0, end));
      const mask = frame.subarray(at, at + 4);
      const body = Buffer.from(frame.subarray(at + 4)).map((byte, i) => byte ^ mask[i & 3]);
      frame[1] = short;
      stream.write(Buffer.concat([frame.subarray(0, at), body]));
      if ((frame[0] & 15) === 8) stream.end();
      kept = kept.subarray(end);
    }
  });
`;
